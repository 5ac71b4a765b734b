//! What services get: their pods' environment, their secrets, and the order in which they come.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::schemas::{all_schemas, faults};
use super::{inputs, late, service, settings, web, worker};
use crate::{
    Analysis, DatabaseLogin, File, Inputs, Need, Secret, Service, Settings, Source, Web, Work,
    check, chosen, deregistration_seconds, files, needs,
};

fn secret(variable: &str, source: Source) -> Secret {
    Secret {
        variable: variable.into(),
        source,
    }
}

fn part(name: &str, work: Work) -> Service {
    Service {
        part_of: Some("shop".into()),
        work,
        image: late("services.shop.repository.repository_uri"),
        command: vec![format!("./{name}")],
        ..worker(name)
    }
}

fn shop() -> Service {
    let keys = [
        secret(
            "STRIPE_KEY",
            Source::SecretsManager {
                id: "shop/stripe".into(),
                key: Some("api_key".into()),
            },
        ),
        secret(
            "SMTP_PASSWORD",
            Source::ParameterStore {
                name: "/shop/smtp".into(),
                key: None,
            },
        ),
        secret(
            "TOKEN",
            Source::Vault {
                path: "shop/token".into(),
                key: "value".into(),
            },
        ),
    ];
    Service {
        work: Work::Web(Web {
            analysis: Some(Analysis {
                errors: 1.0,
                latency_ms: 500,
                asked_for: false,
            }),
            preview_group: Some(late("services.shop.preview.arn")),
            ..web("shop", true)
        }),
        env: vec![("BUCKET".into(), late("uploads.bucket"))],
        secrets: keys.into(),
        login: Some(DatabaseLogin::Password),
        shutdown_seconds: 120,
        ..worker("shop")
    }
}

/// A service with all that can be deployed with one.
fn group() -> Inputs {
    let reports = Service {
        login: Some(DatabaseLogin::Iam {
            user: "reports".into(),
        }),
        ..part("reports", Work::Worker)
    };
    let nightly = part(
        "nightly",
        Work::Cron {
            schedule: "15 3 * * *".into(),
        },
    );
    let migrate = Service {
        login: Some(DatabaseLogin::Password),
        ..part(
            "migrate",
            Work::Job {
                before_deploy: true,
            },
        )
    };
    let seed = part(
        "seed",
        Work::Job {
            before_deploy: false,
        },
    );
    Inputs {
        services: vec![shop(), reports, nightly, migrate, seed],
        ..inputs()
    }
}

/// All objects in files whose path begins so, by kind and name.
fn objects(inputs: &Inputs, settings: &Settings, below: &str) -> BTreeMap<String, Value> {
    let mut objects = BTreeMap::new();
    for (path, file) in files(inputs, settings).unwrap() {
        let File::Yaml(documents) = file else {
            continue;
        };
        for object in documents.into_iter().filter(|_| path.starts_with(below)) {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
            let (kind, name) = (text("/kind").unwrap(), text("/metadata/name"));
            let key = format!("{kind} {}", name.unwrap_or_default());
            let again = objects.insert(key.clone(), object).is_some();
            // Each namespace has one of the same name, and each service of its own a list of files.
            let each = key.starts_with("NetworkPolicy ")
                || ["Certificate vault-ca", "Kustomization "].contains(&key.as_str());
            assert!(each || !again, "{key} twice");
        }
    }
    objects
}

fn shop_objects() -> BTreeMap<String, Value> {
    objects(&group(), &Settings::default(), "services/")
}

fn pod<'a>(objects: &'a BTreeMap<String, Value>, of: &str) -> &'a Value {
    let spec = &objects[of]["spec"];
    let within = spec.pointer("/jobTemplate/spec/template/spec");
    within.unwrap_or(&spec["template"]["spec"])
}

/// The names of the variables of its container, and where each comes from.
fn environment(objects: &BTreeMap<String, Value>, of: &str) -> Vec<String> {
    let env = pod(objects, of)["containers"][0]["env"].as_array();
    let text = |one: &Value| {
        let name = one["name"].as_str().unwrap().to_owned();
        let from = &one["valueFrom"]["secretKeyRef"];
        match (from["name"].as_str(), from["key"].as_str()) {
            (Some(secret), Some(key)) => format!("{name} < {secret}.{key}"),
            _ => format!("{name}={}", one["value"]),
        }
    };
    env.into_iter().flatten().map(text).collect()
}

#[test]
fn every_object_of_every_kind_of_service_is_one_that_its_api_takes() {
    let schemas = all_schemas();
    let alone = [
        worker("mailer"),
        Service {
            work: Work::Cron {
                schedule: "*/5 * * * *".into(),
            },
            ..worker("cleaner")
        },
        Service {
            work: Work::Job {
                before_deploy: false,
            },
            ..worker("importer")
        },
    ];
    let mut all = group();
    all.services.extend(alone);
    for (key, object) in objects(&all, &Settings::default(), "") {
        assert_eq!(faults(&schemas, &object), Vec::<String>::new(), "{key}");
    }
    let listed = objects(&all, &Settings::default(), "services/cleaner/");
    let kinds: Vec<&str> = listed.keys().map(String::as_str).collect();
    assert_eq!(
        kinds,
        [
            "Certificate vault-ca",
            "CronJob cleaner",
            "Kustomization ",
            "Namespace cleaner",
            "NetworkPolicy default-deny",
            "NetworkPolicy service-exit",
            "NetworkPolicy to-dns",
            "NetworkPolicy to-pod-identity",
            "ServiceAccount cleaner"
        ]
    );
}

/// A pod reads its variables when it starts.
#[test]
fn pods_start_again_when_a_secret_among_their_variables_changes() {
    let all = shop_objects();
    let annotation = |of: &str, key: &str| {
        all[of]["metadata"]["annotations"][key]
            .as_str()
            .map(ToOwned::to_owned)
    };
    let restart = "secret.reloader.stakater.com/reload";
    assert_eq!(
        annotation("Rollout shop", restart).as_deref(),
        Some("shop-secrets-manager,shop-parameter-store,shop-vault,shop-database")
    );
    // Every Secret that a variable comes from is one of them.
    for variable in environment(&all, "Rollout shop") {
        if let Some((_, secret)) = variable.split_once(" < ") {
            let (secret, _) = secret.split_once('.').unwrap();
            let named = annotation("Rollout shop", restart).unwrap();
            assert!(named.split(',').any(|one| one == secret), "{secret}");
        }
    }
    // No new version comes of it that somebody would have to promote.
    assert_eq!(
        annotation("Rollout shop", "reloader.stakater.com/rollout-strategy").as_deref(),
        Some("restart")
    );
    // This one has no secrets.
    assert_eq!(annotation("Deployment reports", restart), None);
    let off = objects(&group(), &settings("reloader: false"), "services/");
    assert!(!format!("{off:?}").contains("reloader"));
}

/// It reads Secrets: of these services, and of nobody else.
#[test]
fn what_restarts_pods_reads_the_secrets_of_their_namespaces_only() {
    let reloader = crate::all()
        .iter()
        .find(|one| one.name == "reloader")
        .unwrap();
    let values = (reloader.values)(&group(), &Settings::default());
    assert_eq!(values["reloader"]["watchGlobally"], false);
    assert_eq!(values["reloader"]["namespaces"], json!(["shop"]));
    let has = |inputs: &Inputs| {
        let chosen = chosen(inputs, &Settings::default()).unwrap();
        chosen.iter().any(|one| one.name == "reloader")
    };
    assert!(has(&group()) && !has(&inputs()));
}

#[test]
fn pods_get_the_variables_the_database_and_the_secrets_that_the_file_names() {
    let all = shop_objects();
    assert_eq!(
        environment(&all, "Rollout shop"),
        [
            r#"OTEL_EXPORTER_OTLP_ENDPOINT="http://opentelemetry-collector.tracing:4317""#,
            r#"DATABASE_HOST={"$ref":"database.cluster.endpoint"}"#,
            r#"DATABASE_READER_HOST={"$ref":"database.cluster.reader_endpoint"}"#,
            r#"DATABASE_PORT="5432""#,
            r#"DATABASE_NAME="app""#,
            "DATABASE_USER < shop-database.DATABASE_USER",
            "DATABASE_PASSWORD < shop-database.DATABASE_PASSWORD",
            r#"DATABASE_PASSWORD_FILE="/etc/database/DATABASE_PASSWORD""#,
            r#"BUCKET={"$ref":"uploads.bucket"}"#,
            "STRIPE_KEY < shop-secrets-manager.STRIPE_KEY",
            "SMTP_PASSWORD < shop-parameter-store.SMTP_PASSWORD",
            "TOKEN < shop-vault.TOKEN",
        ]
    );
    let reports = environment(&all, "Deployment reports");
    assert!(
        reports.contains(&r#"DATABASE_USER="reports""#.to_owned())
            && reports.contains(&r#"DATABASE_AUTHENTICATION="iam""#.to_owned()),
        "{reports:?}"
    );
    assert!(!format!("{reports:?}").contains("PASSWORD"));
    // The file of the password follows it; the variable does not.
    let mounts = &pod(&all, "Rollout shop")["containers"][0]["volumeMounts"];
    assert_eq!(
        mounts[1],
        json!({"name": "database", "mountPath": "/etc/database"})
    );
    assert_eq!(
        all["ExternalSecret shop-database"]["spec"]["refreshInterval"],
        "5m0s"
    );
}

#[test]
fn a_variable_of_the_stack_file_replaces_the_one_of_the_platform() {
    let mut all = group();
    all.services[0].env = vec![("OTEL_EXPORTER_OTLP_ENDPOINT".into(), "http://other".into())];
    let env = environment(
        &objects(&all, &Settings::default(), "services/"),
        "Rollout shop",
    );
    let named: Vec<_> = env.iter().filter(|one| one.starts_with("OTEL")).collect();
    assert_eq!(named, [r#"OTEL_EXPORTER_OTLP_ENDPOINT="http://other""#]);
}

/// Nothing but the service's own account reads its secrets, and no value of them is in the repository.
#[test]
fn each_service_reads_its_secrets_by_itself() {
    let all = shop_objects();
    let stores: Vec<&str> = all
        .keys()
        .filter_map(|key| key.strip_prefix("SecretStore "))
        .collect();
    assert_eq!(
        stores,
        [
            "migrate-secrets-manager",
            "shop-parameter-store",
            "shop-secrets-manager",
            "shop-vault"
        ]
    );
    for store in stores {
        let store = &all[&format!("SecretStore {store}")];
        let provider = &store["spec"]["provider"];
        let account = provider
            .pointer("/aws/auth/jwt/serviceAccountRef/name")
            .or_else(|| provider.pointer("/vault/auth/kubernetes/serviceAccountRef/name"));
        let owner = &store["metadata"]["labels"]["app.kubernetes.io/name"];
        assert_eq!(account, Some(owner));
        assert_eq!(store["metadata"]["namespace"], "shop");
        assert!(all.contains_key(&format!("ServiceAccount {}", owner.as_str().unwrap())));
    }
    let vault = &all["ExternalSecret shop-vault"]["spec"]["data"][0];
    assert_eq!(vault["remoteRef"]["key"], "shop/token");
    assert_eq!(vault["remoteRef"]["property"], "value");
}

#[test]
fn what_belongs_to_a_service_is_deployed_with_it() {
    let all = objects(&group(), &Settings::default(), "");
    let of_services: Vec<&String> = all
        .keys()
        .filter(|key| *key == "Application shop" || key.contains("Application migrate"))
        .collect();
    assert_eq!(of_services, ["Application shop"]);
    for key in ["Deployment reports", "CronJob nightly", "Job migrate"] {
        assert_eq!(all[key]["metadata"]["namespace"], "shop", "{key}");
        let image = &pod(&all, key)["containers"][0]["image"];
        assert_eq!(*image, late("services.shop.repository.repository_uri"));
    }
    let refs = all["ImageUpdater services"]["spec"]["applicationRefs"].as_array();
    assert_eq!(refs.map(Vec::len), Some(1));
    let projects = all["AppProject services"]["spec"]["destinations"].as_array();
    assert_eq!(projects.map(Vec::len), Some(1));
    // Its account is bound to the namespace that it is in.
    let job = &all["Job vault-config"]["spec"]["template"]["spec"]["containers"][0];
    let names = job["env"].as_array().unwrap();
    let names = names.iter().find(|one| one["name"] == "SERVICES").unwrap();
    let value = names["value"].as_str().unwrap();
    assert!(value.starts_with("shop:shop reports:shop "), "{value}");
    assert!(
        job["command"][2]
            .as_str()
            .unwrap()
            .contains("=\"$NAMESPACE\"")
    );
}

fn wave(object: &Value) -> i64 {
    let stated = object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].as_str();
    stated.map_or(0, |text| text.parse().unwrap())
}

/// A migration ends before anything of the new version is made, and has what its pods need.
#[test]
fn a_migration_runs_before_the_rest_with_all_that_it_needs() {
    let all = shop_objects();
    let job = &all["Job migrate"];
    let notes = &job["metadata"]["annotations"];
    assert_eq!(notes["argocd.argoproj.io/hook"], "Sync");
    assert_eq!(
        notes["argocd.argoproj.io/hook-delete-policy"],
        "BeforeHookCreation"
    );
    for needed in [
        "ServiceAccount migrate",
        "SecretStore migrate-secrets-manager",
        "ExternalSecret migrate-database",
    ] {
        assert!(wave(&all[needed]) < wave(job), "{needed}");
    }
    // A store that cannot verify Vault yet would end the deployment.
    let trust = wave(&all["Certificate vault-ca"]);
    assert!(trust < wave(&all["SecretStore migrate-secrets-manager"]));
    for later in [
        "Rollout shop",
        "Deployment reports",
        "CronJob nightly",
        "Job seed",
    ] {
        assert!(wave(&all[later]) > wave(job), "{later}");
    }
    // Argo CD takes no newer commit while it waits.
    let seconds = |key: &str| all[key]["spec"]["activeDeadlineSeconds"].clone();
    assert_eq!(
        (seconds("Job migrate"), seconds("Job seed")),
        (900.into(), Value::Null)
    );
    // One that runs with the rest is replaced.
    let options = &all["Job seed"]["metadata"]["annotations"]["argocd.argoproj.io/sync-options"];
    assert_eq!(options, "Replace=true,Force=true");
}

#[test]
fn pods_that_end_do_not_wait_for_the_agent() {
    let all = shop_objects();
    let notes = |key: &str| {
        let spec = &all[key]["spec"];
        let template = spec.pointer("/jobTemplate/spec/template");
        template.unwrap_or(&spec["template"])["metadata"]["annotations"]
            ["vault.hashicorp.com/agent-pre-populate-only"]
            .clone()
    };
    assert_eq!(notes("CronJob nightly"), "true");
    assert_eq!(notes("Job migrate"), "true");
    assert_eq!(notes("Deployment reports"), Value::Null);
    assert_eq!(pod(&all, "CronJob nightly")["restartPolicy"], "Never");
}

#[test]
fn only_what_answers_requests_has_a_port_probes_and_an_open_door() {
    let all = shop_objects();
    let container = |key: &str| pod(&all, key)["containers"][0].clone();
    assert_eq!(container("Rollout shop")["ports"][0]["containerPort"], 8080);
    for key in ["Deployment reports", "CronJob nightly", "Job migrate"] {
        for field in ["ports", "readinessProbe", "livenessProbe", "lifecycle"] {
            assert_eq!(container(key)[field], Value::Null, "{key} {field}");
        }
    }
    let open = &all["NetworkPolicy service"]["spec"];
    assert_eq!(
        open["podSelector"]["matchLabels"],
        json!({"app.kubernetes.io/name": "shop"})
    );
}

/// The load balancer lets go of a pod before it is killed, and of the old version before it is removed.
#[test]
fn a_pod_that_leaves_has_the_time_that_the_file_gives_it() {
    let all = shop_objects();
    let grace = |key: &str| {
        pod(&all, key)["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(
        (grace("Rollout shop"), grace("Deployment reports")),
        (135, 45)
    );
    for seconds in [1, 15, 45, 120, 3600] {
        let leaves = deregistration_seconds(seconds);
        assert!(
            (15..=3600).contains(&leaves) && leaves <= seconds + 15,
            "{seconds}"
        );
    }
    assert_eq!(deregistration_seconds(45), 30);
    let strategy = &all["Rollout shop"]["spec"]["strategy"]["blueGreen"];
    assert_eq!(strategy["scaleDownDelaySeconds"], 300 + 105);
}

#[test]
fn a_new_version_is_analysed_by_its_own_pods() {
    let all = objects(&group(), &Settings::default(), "");
    let strategy = &all["Rollout shop"]["spec"]["strategy"]["blueGreen"];
    let template = &all["AnalysisTemplate shop"];
    assert_eq!(
        strategy["prePromotionAnalysis"]["templates"][0]["templateName"],
        template["metadata"]["name"]
    );
    let metrics = template["spec"]["metrics"].as_array().unwrap();
    let conditions: Vec<&str> = metrics
        .iter()
        .filter_map(|one| one["successCondition"].as_str())
        .collect();
    assert!(conditions[0].ends_with("<= 0.01") && conditions[1].ends_with("<= 0.5"));
    for metric in metrics {
        let query = metric.pointer("/provider/prometheus/query").unwrap();
        assert!(query.as_str().unwrap().contains("{{args.hash}}"), "{query}");
    }
    // The hash is a label of what is measured.
    let monitor = &all["PodMonitor shop"]["spec"];
    assert_eq!(
        monitor["podTargetLabels"],
        json!(["rollouts-pod-template-hash"])
    );
    assert!(!all.contains_key("ServiceMonitor shop"));
    // Argo Rollouts may ask.
    let door = &all["NetworkPolicy analysis"];
    assert_eq!(door["metadata"]["namespace"], "monitoring");
    assert!(
        door["spec"]["ingress"]
            .to_string()
            .contains("argo-rollouts")
    );
    // Without Prometheus, nothing waits for an answer that never comes.
    let without = objects(&group(), &settings("prometheus: false"), "services/");
    assert!(!without.contains_key("AnalysisTemplate shop"));
    let strategy = &without["Rollout shop"]["spec"]["strategy"]["blueGreen"];
    assert_eq!(strategy["prePromotionAnalysis"], Value::Null);
}

#[test]
fn the_preview_has_targets_of_its_own() {
    let all = shop_objects();
    let binding = &all["TargetGroupBinding shop-preview"]["spec"];
    assert_eq!(binding["serviceRef"]["name"], "shop-preview");
    assert_eq!(binding["targetGroupARN"], late("services.shop.preview.arn"));
}

#[test]
fn secrets_bring_their_operator_and_its_way_to_vault() {
    let has = |inputs: &Inputs, text: &str| {
        let chosen = chosen(inputs, &settings(text)).unwrap();
        chosen.iter().any(|one| one.name == "external-secrets")
    };
    assert!(has(&group(), "{}") && !has(&inputs(), "{}"));
    assert!(has(&inputs(), "external_secrets: true"));
    let all = objects(&group(), &Settings::default(), "");
    let agents = all["NetworkPolicy agents"]["spec"]["ingress"].to_string();
    assert!(agents.contains("external-secrets"), "{agents}");
    let namespace = &all["Namespace external-secrets"]["metadata"]["labels"];
    assert_eq!(
        namespace["pod-security.kubernetes.io/enforce"],
        "restricted"
    );
}

#[test]
fn what_a_service_asks_for_and_cannot_have_is_refused() {
    let wrong = |text: &str| {
        let mut inputs = group();
        if let Work::Web(web) = &mut inputs.services[0].work
            && let Some(analysis) = &mut web.analysis
        {
            analysis.asked_for = true;
        }
        let wrong = check(&inputs, &settings(text)).into_iter();
        wrong.map(|one| one.key.join(".")).collect::<Vec<_>>()
    };
    assert_eq!(wrong("{}"), Vec::<String>::new());
    assert_eq!(
        wrong("external_secrets: false"),
        ["services.shop.secrets", "services.migrate.database"]
    );
    assert_eq!(wrong("vault: false"), ["services.shop.secrets"]);
    assert_eq!(wrong("prometheus: false"), ["services.shop.analysis"]);
}

/// What ends takes no room for good, but a node has to have room for one.
#[test]
fn jobs_count_with_their_largest_pod_only() {
    let mut inputs = group();
    inputs.services[3].resources = crate::Resources {
        cpu: 4000,
        memory: 9000,
        limit: 9000,
    };
    let needs = needs(&inputs, &Settings::default()).unwrap();
    assert_eq!(
        needs.largest,
        Need {
            cpu: 4000,
            memory: 9000,
            pods: 1
        }
    );
    assert!(needs.rows.iter().all(|(name, _)| name != "service migrate"));
    assert!(needs.rows.iter().any(|(name, _)| name == "service reports"));
}

#[test]
fn a_service_that_nobody_tuned_is_what_it_was() {
    let all = objects(
        &Inputs {
            services: vec![service("backend", true)],
            ..inputs()
        },
        &Settings::default(),
        "services/",
    );
    let pod = pod(&all, "Rollout backend");
    assert_eq!(pod["terminationGracePeriodSeconds"], 60);
    assert_eq!(pod["containers"][0]["startupProbe"]["failureThreshold"], 30);
    assert_eq!(
        all["Rollout backend"]["spec"]["strategy"]["blueGreen"]["scaleDownDelaySeconds"],
        330
    );
    assert!(all.contains_key("ServiceMonitor backend"));
}
