//! Services: the example of the documentation, as it is declared in AWS and written into the repository. What is refused
//! is in `refused.rs`.

mod refused;

use std::collections::BTreeMap;

use platctl_engine::graph::Node;
use serde_json::{Value, json};

use super::{load, nodes};

const PAGE: &str = include_str!("../../../../docs/services.md");

/// The stack file that the page begins with.
fn example() -> &'static str {
    let (_, rest) = PAGE.split_once("```yaml\n").unwrap();
    rest.split_once("```").unwrap().0
}

fn of(set: &[&str]) -> BTreeMap<String, Node> {
    let nodes = nodes(&load(example(), set).unwrap()).unwrap();
    let by_address = nodes.into_iter();
    by_address
        .map(|node| (node.address.to_string(), node))
        .collect()
}

/// The objects of the services in the repository, by kind and name.
fn objects(nodes: &BTreeMap<String, Node>) -> BTreeMap<String, Value> {
    let files = nodes["gitops.files"].spec["files"].as_object().unwrap();
    let of_services = files
        .iter()
        .filter(|(path, _)| path.starts_with("services/"));
    let documents = of_services.flat_map(|(_, content)| content.as_array().unwrap());
    documents
        .map(|object| {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            (
                format!("{} {name}", object["kind"].as_str().unwrap()),
                object.clone(),
            )
        })
        .collect()
}

fn pod(objects: &BTreeMap<String, Value>, of: &str) -> Value {
    let spec = &objects[of]["spec"];
    let within = spec.pointer("/jobTemplate/spec/template/spec");
    within.unwrap_or(&spec["template"]["spec"]).clone()
}

fn variables(objects: &BTreeMap<String, Value>, of: &str) -> Vec<String> {
    let pod = pod(objects, of);
    let env = pod["containers"][0]["env"].as_array().unwrap();
    env.iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

/// One item or several, each as a text, in order.
fn list(value: &Value) -> String {
    let text = |one: &Value| {
        one.as_str()
            .map_or_else(|| one.to_string(), ToOwned::to_owned)
    };
    let mut texts: Vec<String> = match value {
        Value::Array(items) => items.iter().map(text).collect(),
        one => vec![text(one)],
    };
    texts.sort();
    texts.join(" ")
}

/// What a role may do: actions, and on what.
fn permissions(nodes: &BTreeMap<String, Node>, name: &str) -> Vec<String> {
    let node = &nodes[&format!("services.{name}.permissions")];
    let statements = node.spec["policy_document"]["Statement"].as_array();
    statements
        .into_iter()
        .flatten()
        .map(|one| format!("{} on {}", list(&one["Action"]), list(&one["Resource"])))
        .collect()
}

#[test]
fn the_pods_of_the_example_have_the_environment_that_the_page_describes() {
    let objects = objects(&of(&[]));
    assert_eq!(
        variables(&objects, "Rollout api"),
        [
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "DATABASE_HOST",
            "DATABASE_READER_HOST",
            "DATABASE_PORT",
            "DATABASE_NAME",
            "DATABASE_USER",
            "DATABASE_PASSWORD",
            "DATABASE_PASSWORD_FILE",
            "LOG_LEVEL",
            "UPLOADS",
            "SMTP_PASSWORD",
            "STRIPE_KEY",
        ]
    );
    let env = pod(&objects, "Rollout api")["containers"][0]["env"].clone();
    assert_eq!(
        env[9]["value"],
        json!({"$join": [{"$ref": "uploads.bucket"}]})
    );
    let report = variables(&objects, "CronJob report");
    assert!(report.contains(&"DATABASE_AUTHENTICATION".to_owned()));
    assert!(!report.contains(&"DATABASE_PASSWORD".to_owned()));
    assert!(variables(&objects, "Deployment mailer").contains(&"SMTP_PASSWORD".to_owned()));
    let resources = &pod(&objects, "Rollout api")["containers"][0]["resources"];
    assert_eq!(
        *resources,
        json!({"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}})
    );
    assert_eq!(
        pod(&objects, "Job migrate")["containers"][0]["command"],
        json!(["./migrate", "up"])
    );
    assert_eq!(
        objects["Job migrate"]["metadata"]["annotations"]["argocd.argoproj.io/hook"],
        "Sync"
    );
}

#[test]
fn the_roles_of_the_example_may_do_what_the_page_says_and_no_more() {
    let nodes = of(&[]);
    let secret = r#"{"$ref":"database.cluster.master_user_secret_arn"}"#;
    let account = "eu-west-1:000000000000";
    let key = format!("kms:Decrypt on arn:aws:kms:{account}:key/*");
    let reads = "secretsmanager:DescribeSecret secretsmanager:GetSecretValue on";
    let parameters = format!(
        "ssm:GetParameter ssm:GetParameters on arn:aws:ssm:{account}:parameter/shop/smtp-password"
    );
    assert_eq!(
        permissions(&nodes, "api"),
        [
            r#"s3:GetObject s3:PutObject on {"$join":[{"$ref":"uploads.arn"},"/*"]}"#.to_owned(),
            format!("{reads} arn:aws:secretsmanager:{account}:secret:shop/stripe-?????? {secret}"),
            key.clone(),
            parameters.clone(),
            key.clone(),
        ]
    );
    assert_eq!(permissions(&nodes, "mailer"), [parameters, key.clone()]);
    assert_eq!(
        permissions(&nodes, "report"),
        [format!(
            r#"rds-db:connect on {{"$join":["arn:aws:rds-db:{account}:dbuser:",{{"$ref":"database.cluster.cluster_resource_id"}},"/report"]}}"#
        )]
    );
    assert_eq!(
        permissions(&nodes, "migrate"),
        [format!("{reads} {secret}"), key]
    );
    // Each decrypts what is its own, for the service that keeps it.
    let statements =
        nodes["services.mailer.permissions"].spec["policy_document"]["Statement"].clone();
    let condition = &statements[1]["Condition"];
    assert_eq!(
        list(&condition["StringEquals"]["kms:ViaService"]),
        "ssm.eu-west-1.amazonaws.com"
    );
    assert_eq!(
        list(&condition["StringLike"]["kms:EncryptionContext:PARAMETER_ARN"]),
        format!("arn:aws:ssm:{account}:parameter/shop/smtp-password")
    );
    // The account that may take a role on is the one that its pods have.
    let trust = nodes["services.mailer.role"].spec["assume_role_policy_document"].to_string();
    assert!(
        trust.contains("system:serviceaccount:api:mailer"),
        "{trust}"
    );
}

#[test]
fn what_runs_the_image_of_another_service_has_no_repository_and_no_pipeline() {
    let nodes = of(&[]);
    for name in ["mailer", "report", "migrate"] {
        let of_it = nodes.keys().filter(|address| {
            address.contains(&format!(".{name}.")) || address.ends_with(&format!(".{name}"))
        });
        let of_it: Vec<&String> = of_it.collect();
        assert_eq!(
            of_it,
            [
                &format!("services.{name}.permissions"),
                &format!("services.{name}.role")
            ]
        );
    }
    assert!(nodes.contains_key("services.api.repository"));
}

#[test]
fn the_rules_of_the_example_are_those_of_the_page() {
    let nodes = of(&[]);
    let objects = objects(&nodes);
    let policies: Vec<&String> = objects
        .keys()
        .filter(|key| key.starts_with("NetworkPolicy"))
        .collect();
    assert_eq!(
        policies,
        [
            "NetworkPolicy default-deny",
            "NetworkPolicy service",
            "NetworkPolicy service-exit",
            "NetworkPolicy to-dns",
            "NetworkPolicy to-pod-identity",
        ]
    );
    let open = &objects["NetworkPolicy service"]["spec"];
    assert_eq!(
        open["ingress"][0]["ports"],
        json!([{"protocol": "TCP", "port": "http"}])
    );
    // AWS and other hosts, the database, services, Vault, and the collector of traces.
    let ways = objects["NetworkPolicy service-exit"]["spec"]["egress"].as_array();
    let ways = ways.into_iter().flatten();
    let ports: Vec<String> = ways
        .map(|way| way["ports"][0]["port"].to_string())
        .collect();
    assert_eq!(ports, ["443", "5432", "\"http\"", "8200", "4317"]);
    assert_eq!(
        open["podSelector"]["matchLabels"],
        json!({"app.kubernetes.io/name": "api"})
    );
    let preview = &nodes["services.api.preview.listener_rule"].spec;
    let own = &nodes["services.api.listener_rule"].spec;
    assert!(preview["priority"].as_u64() < own["priority"].as_u64());
    assert_eq!(
        preview["conditions"]["http_header"],
        json!({"name": "X-Preview", "values": ["api"]})
    );
    assert_eq!(
        preview["conditions"]["path_pattern"],
        own["conditions"]["path_pattern"]
    );
    let group = |address: &str| nodes[address].spec["name"].clone();
    assert_ne!(
        group("services.api.preview.target_group"),
        group("services.api.target_group")
    );
}

#[test]
fn a_service_without_new_keys_declares_what_it_always_did() {
    let nodes = of(&["services={api: {port: 8080}}"]);
    let of_services: Vec<&str> = nodes
        .keys()
        .filter(|address| address.starts_with("services.api"))
        .map(String::as_str)
        .collect();
    assert_eq!(
        of_services,
        [
            "services.api.lifecycle",
            "services.api.listener_rule",
            "services.api.repository",
            "services.api.role",
            "services.api.target_group"
        ]
    );
    let delay = &nodes["services.api.target_group"].spec["attributes"];
    assert_eq!(delay["deregistration_delay.timeout_seconds"], "30");
    assert!(
        !nodes["gitops.files"]
            .spec
            .to_string()
            .contains("external-secrets")
    );
}

#[test]
fn the_target_group_lets_go_of_a_pod_before_it_is_killed() {
    let nodes = of(&["services.api.shutdown_seconds=120"]);
    let delay = &nodes["services.api.target_group"].spec["attributes"];
    assert_eq!(delay["deregistration_delay.timeout_seconds"], "105");
    let pod = pod(&objects(&nodes), "Rollout api");
    assert_eq!(pod["terminationGracePeriodSeconds"], 135);
}

#[test]
fn a_new_version_is_analysed_where_data_is_protected() {
    let has = |set: &[&str]| objects(&of(set)).contains_key("AnalysisTemplate api");
    assert!(!has(&[]) && has(&["protect=true"]) && has(&["services.api.analysis=true"]));
    assert!(!has(&["protect=true", "services.api.analysis=false"]));
    assert!(!has(&["protect=true", "gitops.prometheus=false"]));
}
