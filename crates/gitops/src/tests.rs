//! What every component, object and policy has to be.

mod charts;
mod jobs;
mod nodes;
mod policies;
mod room;
mod rules;
mod schemas;
mod services;
mod tls;

use std::collections::{BTreeMap, BTreeSet};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    Alerts, DEFAULT_RESOURCES, Database, File, Inputs, Nodes, Replicas, SHUTDOWN_SECONDS,
    STARTUP_SECONDS, Service, Settings, Web, Work, Zone, all, chosen, files,
};

fn late(name: &str) -> Value {
    json!({"$ref": name})
}

fn service(name: &str, blue_green: bool) -> Service {
    Service {
        work: Work::Web(web(name, blue_green)),
        ..worker(name)
    }
}

fn web(name: &str, blue_green: bool) -> Web {
    Web {
        port: 8080,
        health_path: "/healthz".into(),
        startup_seconds: STARTUP_SECONDS,
        blue_green,
        analysis: None,
        target_group: Some(late(&format!("services.{name}.target_group.arn"))),
        preview_group: None,
    }
}

fn worker(name: &str) -> Service {
    Service {
        name: name.into(),
        part_of: None,
        work: Work::Worker,
        replicas: Replicas {
            min: 3,
            max: 12,
            cpu: 70,
        },
        pin: None,
        image: late(&format!("services.{name}.repository.repository_uri")),
        role: late(&format!("services.{name}.role.arn")),
        resources: DEFAULT_RESOURCES,
        command: Vec::new(),
        args: Vec::new(),
        env: Vec::new(),
        secrets: Vec::new(),
        login: None,
        shutdown_seconds: SHUTDOWN_SECONDS,
        timeout_seconds: None,
    }
}

fn inputs() -> Inputs {
    Inputs {
        stack: "prod".into(),
        region: "eu-west-1".into(),
        account: "123456789012".into(),
        partition: "aws".into(),
        dns_suffix: "amazonaws.com".into(),
        cluster: "prod-cluster".into(),
        version: "1.34".into(),
        nodes: Nodes::Managed,
        vpc_id: late("network.vpc.vpc_id"),
        zone: Some(Zone {
            id: late("edge.zone.zone_id"),
            domain: "example.com".into(),
        }),
        database: Some(Database {
            endpoint: late("database.cluster.endpoint"),
            reader_endpoint: late("database.cluster.reader_endpoint"),
            port: 5432,
            name: Some("app".into()),
            secret: late("database.cluster.master_user_secret_arn"),
        }),
        alerts: Some(Alerts {
            topic: late("alerts.topic.arn"),
            key: late("alerts.key.arn"),
        }),
        vault_key: late("gitops.vault_key.arn"),
        vault_secret: late("gitops.vault_keys.arn"),
        backup_bucket: late("gitops.backups.bucket"),
        backup_key: late("gitops.key.arn"),
        repository_url: late("delivery.gitops.clone_url_http"),
        by_github_app: false,
        environment: "prod".into(),
        branch: "main".into(),
        services: vec![service("backend", true), service("frontend", false)],
    }
}

fn settings(text: &str) -> Settings {
    serde_yaml::from_str(text).unwrap()
}

fn documents(settings: &Settings) -> Vec<(String, Value)> {
    documents_of(&inputs(), settings)
}

fn documents_of(inputs: &Inputs, settings: &Settings) -> Vec<(String, Value)> {
    let files = files(inputs, settings).unwrap();
    let mut documents = Vec::new();
    for (path, file) in files {
        if let File::Yaml(many) = file {
            documents.extend(many.into_iter().map(|one| (path.clone(), one)));
        }
    }
    documents
}

fn everything() -> Settings {
    settings(
        "sonarqube: true\nexternal_secrets: true\nreloader: true\ncert_manager: {email: ops@example.com}\nprometheus: {alerts: {slack_secret: slack, email: \
         ops@example.com, smtp: 'smtp.example.com:587', smtp_user: me, smtp_secret: smtp, telegram_secret: telegram, telegram_chat: 7}}\n",
    )
}

#[test]
fn nothing_is_twice() {
    let mut seen = BTreeSet::new();
    for (path, object) in documents(&everything()) {
        let key = [
            &object["kind"],
            &object["metadata"]["namespace"],
            &object["metadata"]["name"],
        ]
        .map(Value::to_string);
        assert!(
            object["kind"] == "Kustomization" || seen.insert(key.join(" ")),
            "{path}: {key:?}"
        );
    }
}

#[test]
fn what_is_needed_comes_first() {
    let components: BTreeMap<&str, &crate::Component> =
        all().iter().map(|one| (one.name, one)).collect();
    for component in all() {
        for need in component.needs {
            let needed = components
                .get(need)
                .unwrap_or_else(|| panic!("there is no {need}"));
            assert!(
                needed.wave <= component.wave,
                "{} comes before {need}",
                component.name
            );
        }
        assert!(
            !component.purpose.is_empty() && !component.namespace.is_empty(),
            "{}",
            component.name
        );
    }
}

#[test]
fn pods_may_do_what_they_have_to_and_no_more() {
    for component in all() {
        for workload in (component.workloads)(&nodes::inputs_for(component)) {
            for statement in &workload.statements {
                let everywhere =
                    statement["Resource"] == "*" && statement.get("Condition").is_none();
                for action in statement["Action"].as_array().unwrap() {
                    let (_, verb) = action.as_str().unwrap().split_once(':').unwrap();
                    assert!(!verb.contains('*'), "{}: {action}", component.name);
                    let reads = ["Describe", "List", "Get"]
                        .iter()
                        .any(|reading| verb.starts_with(reading));
                    assert!(
                        !everywhere || reads,
                        "{}: {action} on everything",
                        component.name
                    );
                }
            }
        }
    }
}

#[test]
fn service_accounts_that_get_a_role_exist() {
    let settings = everything();
    for component in all() {
        let values = (component.values)(&inputs(), &settings).to_string();
        let objects = Value::from((component.objects)(&inputs(), &settings)).to_string();
        for workload in (component.workloads)(&nodes::inputs_for(component)) {
            let name = format!("\"name\":\"{}\"", workload.service_account);
            assert!(
                values.contains(&name) || objects.contains(&name),
                "{}: {name}",
                component.name
            );
        }
    }
}

#[test]
fn a_component_without_what_it_needs_is_refused_when_it_is_asked_for() {
    let none = Inputs {
        zone: None,
        database: None,
        ..inputs()
    };
    let names = |inputs: &Inputs, text: &str| chosen(inputs, &settings(text)).map(|all| all.len());
    assert!(names(&none, "{}").unwrap() < names(&inputs(), "{}").unwrap());
    let old = Inputs {
        version: "1.32".into(),
        ..inputs()
    };
    assert_eq!(chosen(&old, &settings("{}")).unwrap_err().what, "argo-cd");
    let refused = chosen(&none, &settings("external_dns: true")).unwrap_err();
    assert_eq!(
        (refused.what.as_str(), refused.why.as_str()),
        ("external-dns", "requires a DNS zone: `edge:` with a domain")
    );
    assert_eq!(refused.key, ["gitops", "external_dns"]);
    let all: Vec<&str> = chosen(&inputs(), &settings("vault: false"))
        .unwrap()
        .iter()
        .map(|one| one.name)
        .collect();
    assert!(
        !all.contains(&"vault") && !all.contains(&"sonarqube") && all.contains(&"external-dns")
    );
}

#[test]
fn secrets_are_only_named() {
    let text = format!("{:?}", documents(&everything()));
    assert!(!text.contains("hooks.slack.com") && text.contains("slack"));
}

#[test]
fn the_repository_of_prod() {
    let files = files(&inputs(), &Settings::default()).unwrap();
    let listing: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_snapshot!("listing", listing.join("\n"));
    let File::Text(readme) = &files["README.md"] else {
        panic!("no text")
    };
    assert_snapshot!("readme", readme);
    let yaml = |path: &str| {
        let File::Yaml(documents) = &files[path] else {
            panic!("no YAML")
        };
        documents
            .iter()
            .map(|one| serde_yaml::to_string(one).unwrap())
            .collect::<Vec<_>>()
            .join("---\n")
    };
    assert_snapshot!("vault_application", yaml("clusters/prod/vault.yaml"));
    assert_snapshot!("root", yaml("bootstrap/prod.yaml"));
    let of_backend = files
        .keys()
        .filter(|path| path.starts_with("services/backend/"));
    let all: Vec<String> = of_backend
        .map(|path| format!("# {path}\n{}", yaml(path)))
        .collect();
    assert_snapshot!("backend", all.join("\n"));
}
