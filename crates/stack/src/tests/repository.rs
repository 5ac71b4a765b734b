//! All that prod.yaml puts into the cluster, as it is written into its repository.

use std::fmt::Write as _;

use platctl_engine::graph::Node;
use serde_json::Value;

use super::{load, nodes, wrong_with};

const PROD: &str = include_str!("../../../../stacks/prod.yaml");

fn of(set: &[&str]) -> Vec<Node> {
    nodes(&load(PROD, set).unwrap()).unwrap()
}

fn find<'a>(nodes: &'a [Node], address: &str) -> &'a Node {
    nodes
        .iter()
        .find(|node| node.address.as_str() == address)
        .unwrap_or_else(|| panic!("no {address}"))
}

fn file(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        documents => {
            let documents = documents.as_array().unwrap().iter();
            documents
                .map(|one| serde_yaml::to_string(one).unwrap())
                .collect::<Vec<_>>()
                .join("---\n")
        }
    }
}

#[test]
fn the_repository_of_prod() {
    let nodes = of(&[]);
    let files = find(&nodes, "gitops.files").spec["files"]
        .as_object()
        .unwrap();
    let mut paths: Vec<&String> = files.keys().collect();
    paths.sort();
    let mut text = String::new();
    for path in paths {
        writeln!(text, "==== {path}\n{}", file(&files[path])).unwrap();
    }
    insta::assert_snapshot!("prod_repository", text);
}

#[test]
fn the_bootstrap_of_prod() {
    let nodes = of(&[]);
    let mut text = String::new();
    for address in ["gitops.argo_cd", "gitops.root"] {
        let node = find(&nodes, address);
        writeln!(
            text,
            "==== {address}\n{}",
            serde_yaml::to_string(&node.spec).unwrap()
        )
        .unwrap();
    }
    insta::assert_snapshot!("prod_bootstrap", text);
}

/// A pod gets its role when it is made: Argo CD may not begin before every role can be had.
#[test]
fn the_root_waits_for_the_roles_of_pods() {
    let nodes = of(&[]);
    let root = find(&nodes, "gitops.root");
    let mut identities = nodes
        .iter()
        .filter(|node| node.kind == "eks.PodIdentityAssociation")
        .peekable();
    assert!(identities.peek().is_some());
    for identity in identities.filter(|node| node.address.as_str().starts_with("gitops.")) {
        assert!(
            root.after.contains(&identity.address),
            "{}",
            identity.address
        );
        let policy = identity
            .address
            .as_str()
            .replace(".identity", ".permissions");
        assert!(
            identity.after.iter().any(|after| after.as_str() == policy),
            "{policy}"
        );
    }
}

#[test]
fn volumes_are_found_by_their_cluster() {
    let tuned =
        "cluster.addons.aws-ebs-csi-driver={configuration: {controller: {replicaCount: 3}}}";
    for (set, replicas) in [(&[][..], Value::Null), (&[tuned][..], 3.into())] {
        let nodes = of(set);
        let settings = &find(&nodes, "cluster.addon.aws-ebs-csi-driver").spec["configuration_values"]
            ["controller"];
        assert_eq!(settings["k8sTagClusterId"], "prod-cluster");
        assert_eq!(settings["replicaCount"], replicas);
    }
}

#[test]
fn what_an_environment_runs_is_not_counted_with_all_that_was_built() {
    let nodes = of(&["services.backend.images=10"]);
    let rules = find(&nodes, "services.backend.lifecycle").spec["policy"]["rules"]
        .as_array()
        .unwrap();
    let of = |rule: &Value| {
        let selection = &rule["selection"];
        let prefix = selection["tagPrefixList"][0]
            .as_str()
            .map(ToOwned::to_owned);
        (
            prefix.unwrap_or_else(|| selection["tagStatus"].as_str().unwrap().into()),
            selection["countNumber"].clone(),
        )
    };
    let rules: Vec<(String, Value)> = rules.iter().map(of).collect();
    let names: Vec<&str> = rules.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["untagged", "prod-", "staging-", "develop-", "any"]);
    assert!(
        rules.iter().skip(1).all(|(_, keep)| *keep == 10),
        "{rules:?}"
    );
}

/// A volume belongs to a zone: a node in that zone has to be there, or be made.
#[test]
fn a_group_of_nodes_for_each_zone() {
    let nodes = of(&[
        "cluster.node_groups.general.per_zone=true",
        "cluster.node_groups.general.min=1",
    ]);
    let groups: Vec<&Node> = nodes
        .iter()
        .filter(|node| node.kind == "eks.NodeGroup")
        .collect();
    let subnets: Vec<String> = groups
        .iter()
        .map(|group| group.spec["subnets"].to_string())
        .collect();
    assert_eq!(groups.len(), 3);
    assert_eq!(groups[0].address.as_str(), "cluster.node_group.general-a");
    assert_eq!(groups[0].spec["nodegroup_name"], "general-a");
    for group in &groups {
        assert_eq!(
            (
                group.spec["subnets"].as_array().unwrap().len(),
                &group.spec["min_size"]
            ),
            (1, &1.into())
        );
    }
    assert!(subnets[0] != subnets[1] && subnets[1] != subnets[2]);
    let templates = nodes
        .iter()
        .filter(|node| node.kind == "ec2.LaunchTemplate");
    assert_eq!(templates.count(), 1);
}

#[test]
fn policies_between_pods_are_enforced() {
    let nodes = of(&[]);
    let settings = &find(&nodes, "cluster.addon.vpc-cni").spec["configuration_values"];
    assert_eq!(settings["enableNetworkPolicy"], "true");
}

#[test]
fn alertmanager_publishes_to_the_topic_of_the_stack() {
    let nodes = of(&[]);
    let permissions = find(&nodes, "gitops.alertmanager.permissions")
        .spec
        .to_string();
    assert!(
        permissions.contains("sns:Publish") && permissions.contains("alerts.topic.arn"),
        "{permissions}"
    );
    let elsewhere = of(&["gitops.prometheus.alerts.slack_secret=slack"]);
    assert!(
        !elsewhere
            .iter()
            .any(|node| node.address.as_str().starts_with("gitops.alertmanager"))
    );
}

/// What has to be edited is found, so that it can be said.
#[test]
fn where_a_key_is_stated_is_known() {
    let stack = load(PROD, &[]).unwrap();
    let (place, text) = stack.stated(&["cluster", "version"]).unwrap();
    assert!(place.ends_with(":26"), "{place}");
    assert_eq!(text, "\"1.35\"");
    assert!(stack.has("cluster") && !stack.has("resources"));
    assert_eq!(stack.stated(&["cluster", "log_days"]), None);
}

#[test]
fn what_is_probably_a_mistake_is_told() {
    const ADMITTED: &str = "cluster.admins=[arn:aws:iam::123456789012:role/ops]";
    let warnings = |set: &[&str]| load(PROD, &[set, &[ADMITTED]].concat()).unwrap().warnings();
    let nobody = load(PROD, &["cluster.node_groups.general.per_zone=true"]).unwrap();
    assert!(
        nobody.warnings()[0].contains("Add `cluster.admins:"),
        "{:?}",
        nobody.warnings()
    );
    let open = &[
        "cluster.endpoint=both",
        "cluster.public_cidrs=[203.0.113.0/24]",
    ];
    let open = load(PROD, open).unwrap().warnings();
    assert!(
        !open.iter().any(|told| told.contains("cluster.admins")),
        "{open:?}"
    );
    let groups = "cluster.node_groups.general.per_zone";
    assert_eq!(warnings(&[&format!("{groups}=true")]), Vec::<String>::new());
    assert!(warnings(&[&format!("{groups}=false")])[0].contains("`per_zone: true`"));
    let without = PROD.replace("alerts:\n  email: ops@example.com\n", "");
    let told = load(&without, &[&format!("{groups}=true"), ADMITTED])
        .unwrap()
        .warnings();
    assert!(
        told.len() == 1 && told[0].contains("sent to nobody"),
        "{told:?}"
    );
}

/// The components and services of the reference fit, and a cluster that is too small is refused.
#[test]
fn what_does_not_fit_on_the_nodes_is_refused() {
    let small = wrong_with(
        PROD,
        &["cluster.node_groups.general.instance_types=[t3.medium]"],
    );
    assert!(small.contains("do not fit on the nodes"), "{small}");
    assert!(
        small.contains("elasticsearch (") && small.contains("larger instance types"),
        "{small}"
    );
    let few = wrong_with(
        PROD,
        &[
            "gitops.cluster_autoscaler=false",
            "cluster.node_groups.general.instance_types=[m6i.large]",
        ],
    );
    assert!(few.contains("at their minimum size"), "{few}");
    // Of an instance type that nobody knows, nothing is claimed.
    assert!(!of(&["cluster.node_groups.general.instance_types=[p5.48xlarge]"]).is_empty());
}

#[test]
fn the_sums_of_prod_stand_in_the_documentation() {
    let nodes = of(&[]);
    let readme = find(&nodes, "gitops.files").spec["files"]["README.md"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, sums) = readme.split_once("## Requests").unwrap();
    let documentation = include_str!("../../../../docs/platform.md");
    let rows = sums.lines().filter(|line| line.starts_with('|'));
    assert!(rows.clone().count() > 12);
    for row in rows {
        assert!(documentation.contains(row), "docs/platform.md lacks {row}");
    }
}
