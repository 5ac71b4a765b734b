//! What holds for all components together, and for what services get when some of them are not there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{documents, everything, inputs, late, service, settings};
use crate::application::LAST_WAVE;
use crate::{Inputs, Settings, all, check, chosen, files};

fn wave(object: &Value) -> i64 {
    let stated = object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].as_str();
    stated.map_or(0, |text| text.parse().unwrap())
}

/// Within an Application a wave waits for the health of the one before it. Where pods wait for an object of a later
/// wave, neither ever comes.
#[test]
fn no_pod_waits_for_what_comes_after_it() {
    // Objects that need the chart's definitions, or its pods, and that no pod needs to become ready.
    let waited_for_by_nobody = ["self-signed", "cluster-ca", "vault-config", "vault-upgrade"];
    for component in all() {
        for object in (component.objects)(&inputs(), &everything()) {
            let name = object["metadata"]["name"].as_str().unwrap();
            let late = wave(&object) > 0 && component.chart.is_some();
            assert!(
                !late || waited_for_by_nobody.contains(&name),
                "{}: {object:#}",
                component.name
            );
        }
    }
}

#[test]
fn vault_is_initialised_in_the_wave_of_its_servers() {
    let vault = all()
        .iter()
        .find(|component| component.name == "vault")
        .unwrap();
    let objects = (vault.objects)(&inputs(), &everything());
    let jobs: Vec<&Value> = objects
        .iter()
        .filter(|object| object["kind"] == "Job")
        .collect();
    assert_eq!(
        jobs.iter()
            .map(|job| &job["metadata"]["name"])
            .collect::<Vec<_>>(),
        ["vault-init", "vault-config", "vault-upgrade"]
    );
    // The servers are replaced when all of them are well, and not while they are made. What speaks to them with a
    // certificate of theirs comes after that: it may be new.
    for object in &objects {
        let expected = match object["metadata"]["name"].as_str().unwrap() {
            "vault-upgrade" if object["kind"] == "Job" => 1,
            "vault-config" if object["kind"] == "Job" => 2,
            _ => 0,
        };
        assert_eq!(wave(object), expected, "{object}");
    }
}

/// A job's pods cannot be changed: a new version of one that is there would never be in sync.
#[test]
fn every_job_can_be_made_anew() {
    let documents = documents(&everything());
    let jobs: Vec<_> = documents
        .iter()
        .filter(|(_, object)| object["kind"] == "Job")
        .collect();
    assert!(jobs.len() > 3);
    for (path, job) in jobs {
        let options = &job["metadata"]["annotations"]["argocd.argoproj.io/sync-options"];
        assert_eq!(options, "Replace=true,Force=true", "{path}");
    }
}

/// Services wait for what their pods and objects need, and for nothing that only looks on.
#[test]
fn few_components_hold_services_back() {
    let before: Vec<&str> = all()
        .iter()
        .filter(|one| one.wave < LAST_WAVE)
        .map(|one| one.name)
        .collect();
    let expected = [
        "argo-cd",
        "argo-rollouts",
        "auto-mode",
        "cert-manager",
        "cluster-autoscaler",
        "external-secrets",
        "karpenter",
        "load-balancer-controller",
        "namespaces",
        "node-pools",
        "storage",
        "vault",
    ];
    assert_eq!(before, expected);
}

/// What another component defines may come after it.
#[test]
fn objects_of_a_kind_that_comes_later_hold_nothing_back() {
    let theirs = [
        "ServiceMonitor",
        "AlertmanagerConfig",
        "Certificate",
        "Elasticsearch",
        "Kibana",
        "ImageUpdater",
    ];
    let mut seen = BTreeSet::new();
    for (path, object) in documents(&everything()) {
        let kind = object["kind"].as_str().unwrap();
        if theirs.contains(&kind) {
            let options = &object["metadata"]["annotations"]["argocd.argoproj.io/sync-options"];
            assert_eq!(options, "SkipDryRunOnMissingResource=true", "{path}");
            seen.insert(kind.to_owned());
        }
    }
    assert_eq!(seen.len(), theirs.len());
}

/// A service that is not well, or a component that only looks on, holds nothing else back.
#[test]
fn services_come_in_the_last_wave() {
    let last = all().iter().map(|component| component.wave).max();
    let of_service = &documents(&everything())
        .into_iter()
        .find(|(path, _)| path.ends_with("service-backend.yaml"));
    assert_eq!(last, Some(1));
    assert_eq!(of_service.as_ref().map(|(_, object)| wave(object)), Some(1));
}

#[test]
fn waves_wait_for_argo_cds_settings() {
    let documents = documents(&everything());
    let find = |end: &str| {
        &documents
            .iter()
            .find(|(path, _)| path.ends_with(end))
            .unwrap()
            .1
    };
    let (settings, gate) = (
        find("components/argo-cd/objects/objects.yaml"),
        find("settings-gate.yaml"),
    );
    let key = "resource.customizations.health.argoproj.io_Application";
    assert!(
        settings["data"][key]
            .as_str()
            .unwrap()
            .contains("Succeeded")
    );
    let volume = &gate["spec"]["template"]["spec"]["volumes"][0]["configMap"];
    assert_eq!(
        (&volume["name"], &volume["items"][0]["key"]),
        (&settings["metadata"]["name"], &json!(key))
    );
    let others = all().iter().filter(|component| component.name != "argo-cd");
    assert!(
        others
            .map(|component| i64::from(component.wave))
            .all(|later| later > wave(gate))
    );
    assert!(wave(find("clusters/prod/argo-cd.yaml")) < wave(gate));
}

#[test]
fn argo_cd_does_not_delete_itself() {
    let documents = documents(&everything());
    for (path, object) in documents
        .iter()
        .filter(|(_, object)| object["kind"] == "Application")
    {
        let name = object["metadata"]["name"].as_str().unwrap();
        let cascades = object["metadata"].get("finalizers").is_some();
        assert_eq!(cascades, !["argo-cd", "root"].contains(&name), "{path}");
    }
    // Neither its manifest nor its version is in the repository: those are platctl's.
    let own = documents
        .iter()
        .filter(|(path, _)| path.starts_with("components/argo-cd/"));
    let kinds: BTreeSet<&str> = own
        .filter_map(|(_, object)| object["kind"].as_str())
        .collect();
    assert_eq!(kinds, BTreeSet::from(["ConfigMap", "PodDisruptionBudget"]));
}

#[test]
fn what_the_cluster_keeps_is_kept_by_syncs_as_well() {
    for (path, object) in documents(&everything()) {
        let ignores = object["spec"].get("ignoreDifferences").is_some();
        let options = object["spec"]["syncPolicy"]["syncOptions"].to_string();
        assert_eq!(
            ignores,
            options.contains("RespectIgnoreDifferences=true"),
            "{path}"
        );
    }
}

/// Without these, Secrets Manager and S3 refuse what the other statements allow.
#[test]
fn whoever_reads_or_writes_under_a_key_may_use_it() {
    let inputs = inputs();
    let encrypted = [
        (&inputs.vault_secret, &inputs.vault_key),
        (&inputs.backup_bucket, &inputs.backup_key),
    ];
    let mut seen = 0;
    for workload in all()
        .iter()
        .flat_map(|component| (component.workloads)(&inputs))
    {
        let texts = |statement: &Value| statement["Action"].to_string();
        for (thing, key) in encrypted {
            let named = |statement: &&Value| {
                statement["Resource"]
                    .to_string()
                    .contains(&thing.to_string())
            };
            for statement in workload.statements.iter().filter(named) {
                seen += 1;
                let of_key = workload
                    .statements
                    .iter()
                    .filter(|other| other["Resource"] == *key);
                let may: String = of_key.map(texts).collect();
                assert!(may.contains("kms:Decrypt"), "{}", workload.service_account);
                let writes = texts(statement).contains("Put");
                assert!(
                    !writes || may.contains("kms:GenerateDataKey"),
                    "{}",
                    workload.service_account
                );
            }
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn the_autoscaler_has_the_clusters_version() {
    let autoscaler = all()
        .iter()
        .find(|component| component.name == "cluster-autoscaler")
        .unwrap();
    for minor in crate::versions::ARGO_CD_TESTED {
        let version = format!("1.{minor}");
        let inputs = Inputs {
            version: version.clone(),
            ..inputs()
        };
        let values = (autoscaler.values)(&inputs, &Settings::default());
        let tag = values["image"]["tag"]
            .as_str()
            .unwrap_or_else(|| panic!("none for {version}"));
        assert!(tag.starts_with(&format!("v{version}.")), "{tag}");
    }
}

/// Nearly every pod has a volume of type `emptyDir`, and a node with one would never go.
#[test]
fn the_autoscaler_removes_nodes_of_pods_with_an_empty_directory() {
    let autoscaler = all()
        .iter()
        .find(|component| component.name == "cluster-autoscaler")
        .unwrap();
    let values = (autoscaler.values)(&inputs(), &Settings::default());
    assert_eq!(values["extraArgs"]["skip-nodes-with-local-storage"], false);
}

fn kinds(settings: &str, of: &str) -> BTreeSet<String> {
    let mut documents = documents(&super::settings(settings));
    documents.retain(|(path, _)| path.starts_with(of));
    documents
        .iter()
        .map(|(_, object)| object["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn services_get_only_what_is_there_for_them() {
    let all = kinds("{}", "services/backend/");
    assert!(
        all.contains("ServiceMonitor")
            && all.contains("TargetGroupBinding")
            && all.contains("Rollout")
    );
    assert!(!kinds("prometheus: false", "services/").contains("ServiceMonitor"));
    let text = |settings: &str| format!("{:?}", documents(&super::settings(settings)));
    assert!(
        text("{}").contains("vault.hashicorp.com")
            && !text("vault: false").contains("vault.hashicorp.com")
    );
    assert!(
        text("{}").contains("OTEL_EXPORTER") && !text("tracing: false").contains("OTEL_EXPORTER")
    );
    // Every file that is listed is there, and the other way round.
    for settings in [
        "{}",
        "{prometheus: false, vault: false, tracing: false, elastic: false}",
    ] {
        let files = files(&inputs(), &super::settings(settings)).unwrap();
        let Some(crate::File::Yaml(listing)) = files.get("services/backend/kustomization.yaml")
        else {
            panic!()
        };
        let listed: BTreeSet<String> =
            serde_json::from_value(listing[0]["resources"].clone()).unwrap();
        let there = files
            .keys()
            .filter_map(|path| path.strip_prefix("services/backend/"));
        let there: BTreeSet<String> = there
            .filter(|name| *name != "kustomization.yaml")
            .map(Into::into)
            .collect();
        assert_eq!(listed, there);
    }
}

#[test]
fn a_service_that_needs_what_is_off_is_refused() {
    let wrong = |text: &str, inputs: &Inputs| {
        let wrong = check(inputs, &settings(text)).into_iter();
        wrong
            .map(|one| format!("{} {} at {}", one.what, one.why, one.key.join(".")))
            .collect::<Vec<_>>()
    };
    assert_eq!(wrong("{}", &inputs()), Vec::<String>::new());
    // The one that is rolled out pod by pod needs nothing.
    let rollouts = wrong("argo_rollouts: false", &inputs());
    assert!(
        rollouts.len() == 1 && rollouts[0].ends_with("at services.backend.rollout"),
        "{rollouts:?}"
    );
    let balancer = wrong("load_balancer_controller: false", &inputs());
    assert!(
        balancer.len() == 2 && balancer[0].contains("to register its pods, but it is disabled"),
        "{balancer:?}"
    );
    let inside = crate::Service {
        work: crate::Work::Web(crate::Web {
            target_group: None,
            ..super::web("backend", false)
        }),
        ..service("backend", false)
    };
    let inside = Inputs {
        services: vec![inside],
        ..inputs()
    };
    assert_eq!(
        wrong(
            "{load_balancer_controller: false, argo_rollouts: false}",
            &inside
        ),
        Vec::<String>::new()
    );
}

#[test]
fn settings_that_cannot_be_are_refused_where_they_stand() {
    let at = |text: &str| {
        let wrong = check(&inputs(), &settings(text)).into_iter();
        wrong.map(|one| one.key.join(".")).collect::<Vec<_>>()
    };
    for replicas in [0, 2, 4, 7] {
        assert_eq!(
            at(&format!("vault: {{replicas: {replicas}}}")),
            ["gitops.vault.replicas"]
        );
    }
    assert_eq!(at("vault: {replicas: 5}"), Vec::<String>::new());
    assert_eq!(at("elastic: {nodes: 0}"), ["gitops.elastic.nodes"]);
    let alerts = |text: &str| at(&format!("prometheus: {{alerts: {{{text}}}}}")).join(" ");
    let of = |keys: &[&str]| {
        keys.iter()
            .map(|key| format!("gitops.prometheus.alerts.{key}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(alerts("email: a@example.com"), of(&["email"]));
    assert_eq!(
        alerts("email: a@example.com, smtp: mail.example.com"),
        of(&["smtp"])
    );
    assert_eq!(
        alerts("email: nobody, smtp: 'mail.example.com:25'"),
        of(&["email"])
    );
    assert_eq!(alerts("smtp: 'mail.example.com:25'"), of(&["smtp"]));
    let mail = "email: a@example.com, smtp: 'mail.example.com:25'";
    assert_eq!(
        alerts(&format!("{mail}, smtp_user: me")),
        of(&["smtp_user"])
    );
    assert_eq!(
        alerts(&format!("{mail}, smtp_secret: mail")),
        of(&["smtp_secret"])
    );
    assert_eq!(
        alerts(&format!(
            "{mail}, smtp_user: me, smtp_secret: mail, from: b@example.com"
        )),
        ""
    );
    assert_eq!(alerts("telegram_chat: 7"), of(&["telegram_chat"]));
    assert_eq!(alerts("telegram_secret: bot"), of(&["telegram_secret"]));
    assert_eq!(alerts("slack_channel: '#ops'"), of(&["slack_channel"]));
}

#[test]
fn a_pinned_commit_is_the_only_one_that_counts() {
    let pinned = crate::Service {
        pin: Some("0123abc".into()),
        ..service("backend", true)
    };
    let inputs = Inputs {
        services: vec![pinned, service("frontend", true)],
        ..inputs()
    };
    let updater = all()
        .iter()
        .find(|component| component.name == "image-updater")
        .unwrap();
    let object = &(updater.objects)(&inputs, &Settings::default())[0];
    let tags = |number: usize| {
        object["spec"]["applicationRefs"][number]["images"][0]["commonUpdateSettings"]["allowTags"]
            .clone()
    };
    assert_eq!(tags(0), "regexp:^prod-0123abc[0-9a-f]*$");
    assert_eq!(tags(1), "regexp:^prod-[0-9a-f]{7,40}$");
}

#[test]
fn the_preview_is_not_measured_a_second_time() {
    let documents = documents(&everything());
    let of = |kind: &str| {
        let of_backend = documents
            .iter()
            .filter(|(path, _)| path.starts_with("services/backend/"));
        of_backend
            .filter(|(_, object)| object["kind"] == kind)
            .map(|(_, object)| object.clone())
            .collect::<Vec<_>>()
    };
    let wanted = of("ServiceMonitor")[0]["spec"]["selector"]["matchLabels"].clone();
    let matches = |service: &&Value| {
        wanted
            .as_object()
            .unwrap()
            .iter()
            .all(|(key, value)| service["metadata"]["labels"][key] == *value)
    };
    let services = of("Service");
    assert_eq!(services.len(), 2);
    let names: Vec<&Value> = services
        .iter()
        .filter(matches)
        .map(|one| &one["metadata"]["name"])
        .collect();
    assert_eq!(names, ["backend"]);
}

#[test]
fn nothing_is_chosen_that_cannot_be() {
    let none = Inputs {
        zone: None,
        database: None,
        vault_key: late("key"),
        ..inputs()
    };
    assert!(
        chosen(&none, &Settings::default())
            .unwrap()
            .iter()
            .all(|one| (one.missing)(&none, &Settings::default()).is_none())
    );
}

/// Of a Secret, Image Updater knows no key of an App: it would be of no use to it there.
#[test]
fn image_updater_writes_with_what_the_repository_takes() {
    for (by_github_app, method) in [
        (false, "git:secret:argocd/gitops-repository-write"),
        (true, "git:repocreds"),
    ] {
        let inputs = Inputs {
            by_github_app,
            ..inputs()
        };
        let component = all()
            .iter()
            .find(|component| component.name == "image-updater")
            .unwrap();
        let objects = (component.objects)(&inputs, &settings("{}"));
        assert_eq!(objects[0]["spec"]["writeBackConfig"]["method"], method);
    }
}

#[test]
fn a_deploy_key_is_a_key_for_ssh_to_both() {
    use crate::bootstrap::{Login, repository_secret, write_secret};
    let key = json!({"$secret": {"arn": "a", "key": "sshPrivateKey", "version": "1"}});
    let login = Login::SshKey(key.clone());
    let read = repository_secret(&inputs(), &login);
    assert_eq!(read["stringData"]["sshPrivateKey"], key);
    assert!(read["stringData"].get("password").is_none());
    let write = write_secret(&login).unwrap();
    assert_eq!(write["stringData"], json!({"sshPrivateKey": key}));
    // Argo CD would take it for the repository's own.
    assert!(write["metadata"].get("labels").is_none());
}

#[test]
fn a_github_app_is_what_argo_cd_takes_for_one() {
    use crate::bootstrap::{Login, repository_secret};
    let login = |api: Option<&str>| Login::GitHubApp {
        id: json!("12"),
        installation: json!("34"),
        key: json!({"$secret": {"arn": "prod/app", "key": "private_key", "version": "1"}}),
        api: api.map(ToOwned::to_owned),
    };
    let secret = repository_secret(&inputs(), &login(None));
    let data = &secret["stringData"];
    assert_eq!(data["githubAppID"], "12");
    assert_eq!(data["githubAppInstallationID"], "34");
    assert!(data["githubAppPrivateKey"]["$secret"].is_object());
    assert!(data.get("username").is_none() && data.get("githubAppEnterpriseBaseUrl").is_none());
    let own = repository_secret(&inputs(), &login(Some("https://git.example.com/api/v3")));
    assert_eq!(
        own["stringData"]["githubAppEnterpriseBaseUrl"],
        "https://git.example.com/api/v3"
    );
}

/// A project that lists everything keeps nothing out: whoever can change an Application could otherwise take it from
/// anywhere, and put it anywhere.
#[test]
fn projects_list_the_sources_and_namespaces_of_their_applications() {
    let documents = documents(&everything());
    let of_kind = |kind: &str| {
        let all = documents.iter().map(|(_, one)| one.clone());
        all.filter(|one| one["kind"] == kind).collect::<Vec<_>>()
    };
    let projects = of_kind("AppProject");
    assert_eq!(projects.len(), 2);
    for project in &projects {
        let spec = &project["spec"];
        assert!(!spec["sourceRepos"].to_string().contains('*'), "{project}");
        assert!(
            !spec["destinations"].to_string().contains("\"*\""),
            "{project}"
        );
    }
    let project = |name: &Value| {
        let mut all = projects.iter();
        all.find(|one| one["metadata"]["name"] == *name).unwrap()["spec"].clone()
    };
    for application in of_kind("Application") {
        let spec = &application["spec"];
        let (allowed, name) = (project(&spec["project"]), &application["metadata"]["name"]);
        for source in spec["sources"].as_array().unwrap() {
            let repositories = allowed["sourceRepos"].as_array().unwrap();
            assert!(
                repositories.contains(&source["repoURL"]),
                "{name}: {source}"
            );
        }
        assert!(
            allowed["destinations"]
                .as_array()
                .unwrap()
                .contains(&spec["destination"]),
            "{name}"
        );
    }
    // Objects beside the charts, in namespaces of their own.
    let platform = project(&json!("platform"));
    for (path, one) in documents
        .iter()
        .filter(|(path, _)| path.starts_with("components/"))
    {
        let Some(namespace) = one["metadata"]["namespace"].as_str() else {
            continue;
        };
        let mut allowed = platform["destinations"].as_array().unwrap().iter();
        assert!(
            allowed.any(|one| one["namespace"] == namespace),
            "{path}: {namespace}"
        );
    }
}
