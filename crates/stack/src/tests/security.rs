//! Every rule and every policy of the whole platform: nothing is open that need not be.

use platctl_engine::graph::Node;
use serde_json::Value;

use super::{load, nodes};

pub(super) const STACKS: [(&str, &str); 3] = [
    ("prod", include_str!("../../../../stacks/prod.yaml")),
    ("staging", include_str!("../../../../stacks/staging.yaml")),
    ("preview", include_str!("../../../../stacks/preview.yaml")),
];

pub(super) fn all(set: &[&str]) -> Vec<(String, Node)> {
    let mut found = Vec::new();
    for (name, text) in STACKS {
        let set: Vec<&str> = if name == "preview" {
            Vec::new()
        } else {
            set.to_vec()
        };
        let stack = load(text, &set).unwrap();
        found.extend(
            nodes(&stack)
                .unwrap()
                .into_iter()
                .map(|node| (name.to_owned(), node)),
        );
    }
    found
}

/// The statements of every policy that stands anywhere in a spec, also in one that is composed as a text.
pub(super) fn statements(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(map) if map.contains_key("Statement") => map["Statement"]
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![map["Statement"].clone()]),
        Value::Object(map) if map.contains_key("$join") => {
            let parts = map["$join"].as_array().cloned().unwrap_or_default();
            let text: String = parts
                .iter()
                .map(|part| part.as_str().unwrap_or("REF").to_owned())
                .collect();
            serde_json::from_str(&text)
                .map(|document: Value| statements(&document))
                .unwrap_or_default()
        }
        Value::Object(map) => map.values().flat_map(statements).collect(),
        Value::Array(items) => items.iter().flat_map(statements).collect(),
        _ => Vec::new(),
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// The policy of an endpoint allows nothing: it limits what goes through, and `audit` looks at it.
fn limits(node: &Node) -> bool {
    node.kind == "ec2.VpcEndpoint"
}

/// Why a statement allows too much, if it does. A key's own policy speaks of the key as `*`.
fn too_much(node: &Node, statement: &Value) -> Option<String> {
    if statement["Effect"] != "Allow" || limits(node) {
        return None;
    }
    let everyone = texts(&statement["Principal"]).iter().any(|who| who == "*");
    if everyone && statement.get("Condition").is_none() {
        return Some("a wildcard principal".into());
    }
    let wild = |action: &String| action == "*" || action.ends_with(":*");
    let actions: Vec<String> = texts(&statement["Action"])
        .into_iter()
        .filter(wild)
        .collect();
    let anything = texts(&statement["Resource"])
        .iter()
        .any(|resource| resource == "*");
    let own = node.kind == "kms.Key"
        && texts(&statement["Principal"])
            .iter()
            .all(|who| who.ends_with(":root"));
    (anything && !actions.is_empty() && !own)
        .then(|| format!("{} on everything", actions.join(", ")))
}

#[test]
fn no_policy_allows_everything() {
    let mut seen = 0;
    for (stack, node) in all(&[]) {
        for statement in statements(&node.spec) {
            seen += 1;
            if let Some(why) = too_much(&node, &statement) {
                panic!("{stack} {}: {why}: {statement}", node.address);
            }
        }
    }
    assert!(
        seen > 100,
        "only {seen} statements were found: the walk misses them"
    );
}

/// What AWS lets nobody restrict to a resource, or what is bound to one by a condition: the action, and why it may be
/// allowed on `*`. Reading is not in here.
const ON_EVERYTHING: [(&str, &str); 5] = [
    (
        "ecr:GetAuthorizationToken",
        "a token is for a registry, and there is one for each account",
    ),
    (
        "ec2:CreateNetworkInterface",
        "AWS's own words for builds in a VPC; the permission below binds it",
    ),
    (
        "ec2:DeleteNetworkInterface",
        "the same: the interface has no name before it is there",
    ),
    (
        "autoscaling:SetDesiredCapacity",
        "groups have names that EKS makes up: bound by the cluster's tag",
    ),
    (
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        "the same",
    ),
];

/// The actions of a statement as AWS compares them: without regard to their case.
pub(super) fn actions(statement: &Value) -> Vec<String> {
    texts(&statement["Action"])
        .into_iter()
        .map(|action| action.to_ascii_lowercase())
        .collect()
}

/// Whether a list of actions names this one.
pub(super) fn names(list: &[String], action: &str) -> bool {
    list.iter()
        .any(|one| one.trim_end_matches('*') == action.to_ascii_lowercase())
}

/// A key's own policy speaks of the key as `*`.
fn writes_everywhere(node: &Node, statement: &Value) -> Vec<String> {
    let anything = texts(&statement["Resource"])
        .iter()
        .any(|resource| resource == "*");
    if statement["Effect"] != "Allow" || !anything || node.kind == "kms.Key" || limits(node) {
        return Vec::new();
    }
    let reads = |action: &str| {
        let verb = action.split_once(':').map_or("", |(_, verb)| verb);
        ["describe", "list", "get", "batchget"]
            .iter()
            .any(|reading| verb.starts_with(reading))
    };
    let tied = statement.get("Condition").is_some();
    let known = |action: &str| {
        let needs_condition = action.starts_with("autoscaling:");
        let listed = ON_EVERYTHING
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(action));
        listed && (tied || !needs_condition)
    };
    actions(statement)
        .into_iter()
        .filter(|action| !known(action) && !reads(action))
        .collect()
}

#[test]
fn nothing_is_written_anywhere_but_where_it_is_meant_to_be() {
    let mut used = std::collections::BTreeSet::new();
    for (stack, node) in all(&[]) {
        for statement in statements(&node.spec) {
            let wrong = writes_everywhere(&node, &statement);
            assert!(
                wrong.is_empty(),
                "{stack} {}: {} on *: {statement}",
                node.address,
                wrong.join(", ")
            );
            used.extend(actions(&statement));
        }
    }
    // What nobody is allowed any more needs no reason.
    for (action, _) in ON_EVERYTHING {
        assert!(
            used.contains(&action.to_ascii_lowercase()),
            "{action} is not used"
        );
    }
    let loose = serde_json::json!({"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "*"});
    let (_, node) = all(&[])
        .into_iter()
        .find(|(_, node)| node.kind == "iam.RolePolicy")
        .unwrap();
    assert_eq!(writes_everywhere(&node, &loose), ["s3:putobject"]);
}

/// The addresses that a value refers to.
pub(super) fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => match map.get("$ref").and_then(Value::as_str) {
            Some(reference) => reference
                .rsplit_once('.')
                .map(|(address, _)| address.to_owned())
                .into_iter()
                .collect(),
            None => map.values().flat_map(references).collect(),
        },
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// What is kept under a key of the stack's own, and that key.
fn encrypted(nodes: &[Node]) -> std::collections::BTreeMap<String, String> {
    let key = |node: &Node| {
        let field = match node.kind.as_str() {
            "s3.Bucket" => &node.spec["encryption"]["kms_master_key_id"],
            "secretsmanager.Secret" => &node.spec["kms_key_id"],
            _ => return None,
        };
        Some((node.address.to_string(), references(field).pop()?))
    };
    nodes.iter().filter_map(key).collect()
}

/// Secrets Manager and S3 use the key in the name of whoever asks them.
#[test]
fn whoever_reads_or_writes_what_is_encrypted_may_use_the_key() {
    let mut seen = 0;
    for (stack, text) in STACKS {
        let nodes = nodes(&load(text, &[]).unwrap()).unwrap();
        let encrypted = encrypted(&nodes);
        for node in nodes.iter().filter(|node| node.kind == "iam.RolePolicy") {
            let statements = statements(&node.spec["policy_document"]);
            let may = |key: &str, action: &str| {
                let names_key =
                    |one: &&Value| references(&one["Resource"]).iter().any(|to| to == key);
                statements
                    .iter()
                    .filter(names_key)
                    .any(|one| names(&actions(one), action))
            };
            for statement in &statements {
                let actions = actions(statement);
                let does = |what: [&str; 2]| what.iter().any(|action| names(&actions, action));
                let writes = does(["s3:PutObject", "secretsmanager:PutSecretValue"]);
                let reads = does(["s3:GetObject", "secretsmanager:GetSecretValue"]);
                for thing in references(&statement["Resource"]) {
                    let Some(key) = encrypted.get(&thing) else {
                        continue;
                    };
                    let say = format!("{stack} {}: {thing} is under {key}", node.address);
                    seen += usize::from(writes || reads);
                    assert!(!(writes || reads) || may(key, "kms:Decrypt"), "{say}");
                    assert!(!writes || may(key, "kms:GenerateDataKey"), "{say}");
                }
            }
        }
    }
    assert!(seen > 8, "only {seen} were found: the walk misses them");
}

#[test]
fn every_role_says_who_may_take_it_on() {
    for (stack, node) in all(&[])
        .into_iter()
        .filter(|(_, node)| node.kind == "iam.Role")
    {
        let trust = statements(&node.spec["assume_role_policy_document"]);
        assert!(!trust.is_empty(), "{stack} {}: {}", node.address, node.spec);
        for statement in trust {
            assert!(
                statement.get("Principal").is_some(),
                "{stack} {}",
                node.address
            );
        }
    }
}

fn open_ingress(nodes: &[(String, Node)]) -> Vec<String> {
    let open = |(stack, node): &(String, Node)| {
        let world = node.spec["cidr_ipv4"] == "0.0.0.0/0" || node.spec["cidr_ipv6"] == "::/0";
        let rule =
            node.kind == "ec2.SecurityGroupRule" && node.spec["direction"] == "ingress" && world;
        rule.then(|| format!("{stack} {}", node.address))
    };
    nodes.iter().filter_map(open).collect()
}

#[test]
fn nothing_lets_the_internet_in_but_a_load_balancer_without_cloudfront() {
    assert_eq!(open_ingress(&all(&[])), Vec::<String>::new());
    let documented = [
        "prod edge.ingress.https",
        "prod edge.ingress.http",
        "staging edge.ingress.https",
        "staging edge.ingress.http",
    ];
    assert_eq!(open_ingress(&all(&["edge.cdn=false"])), documented);
}

#[test]
fn databases_and_clusters_are_private_and_encrypted() {
    for (stack, node) in all(&[]) {
        let say = format!("{stack} {}", node.address);
        let key = |field: &str| assert!(!node.spec[field].is_null(), "{say} has no {field}");
        match node.kind.as_str() {
            "rds.DbInstance" => assert_eq!(node.spec["publicly_accessible"], false, "{say}"),
            "rds.DbCluster" => {
                assert_eq!(node.spec["storage_encrypted"], true, "{say}");
                key("kms_key_id");
            }
            "eks.Cluster" => {
                assert_eq!(node.spec["endpoint_public_access"], false, "{say}");
                key("encryption_key_arn");
            }
            "ecr.Repository" => key("kms_key"),
            "codecommit.Repository" => key("kms_key_id"),
            "sns.Topic" => key("kms_master_key_id"),
            "s3.Bucket" => assert_eq!(node.spec["block_public_access"], true, "{say}"),
            "ec2.Subnet" => assert_eq!(node.spec["map_public_ip_on_launch"], false, "{say}"),
            _ => {}
        }
    }
}

#[test]
fn only_the_nodes_reach_the_database() {
    let (_, text) = STACKS[0];
    let all = nodes(&load(text, &[]).unwrap()).unwrap();
    let into_database = |node: &&Node| {
        node.kind == "ec2.SecurityGroupRule"
            && node.spec["group_id"]["$ref"] == "database.security_group.group_id"
    };
    let rules: Vec<&Node> = all.iter().filter(into_database).collect();
    assert_eq!(rules.len(), 1);
    assert_eq!(
        rules[0].spec["referenced_group_id"]["$ref"],
        "cluster.nodes.group_id"
    );
}
