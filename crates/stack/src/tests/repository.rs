//! All that prod.yaml puts into the cluster, as it is written into its repository.

use std::fmt::Write as _;

use platctl_engine::graph::Node;
use serde_json::Value;

use super::{load, nodes};

const PROD: &str = include_str!("../../../../stacks/prod.yaml");

fn of(set: &[&str]) -> Vec<Node> {
    nodes(&load(PROD, set).unwrap()).unwrap()
}

fn find<'a>(nodes: &'a [Node], address: &str) -> &'a Node {
    nodes.iter().find(|node| node.address.as_str() == address).unwrap_or_else(|| panic!("no {address}"))
}

fn file(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        documents => {
            let documents = documents.as_array().unwrap().iter();
            documents.map(|one| serde_yaml::to_string(one).unwrap()).collect::<Vec<_>>().join("---\n")
        }
    }
}

#[test]
fn the_repository_of_prod() {
    let nodes = of(&[]);
    let files = find(&nodes, "gitops.files").spec["files"].as_object().unwrap();
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
        writeln!(text, "==== {address}\n{}", serde_yaml::to_string(&node.spec).unwrap()).unwrap();
    }
    insta::assert_snapshot!("prod_bootstrap", text);
}

/// A pod gets its role when it is made: Argo CD may not begin before every role can be had.
#[test]
fn the_root_waits_for_the_roles_of_pods() {
    let nodes = of(&[]);
    let root = find(&nodes, "gitops.root");
    let mut identities = nodes.iter().filter(|node| node.kind == "eks.PodIdentityAssociation").peekable();
    assert!(identities.peek().is_some());
    for identity in identities.filter(|node| node.address.as_str().starts_with("gitops.")) {
        assert!(root.after.contains(&identity.address), "{}", identity.address);
        let policy = identity.address.as_str().replace(".identity", ".permissions");
        assert!(identity.after.iter().any(|after| after.as_str() == policy), "{policy}");
    }
}

#[test]
fn volumes_are_found_by_their_cluster() {
    let tuned = "cluster.addons.aws-ebs-csi-driver={configuration: {controller: {replicaCount: 3}}}";
    for (set, replicas) in [(&[][..], Value::Null), (&[tuned][..], 3.into())] {
        let nodes = of(set);
        let settings =
            &find(&nodes, "cluster.addon.aws-ebs-csi-driver").spec["configuration_values"]["controller"];
        assert_eq!(settings["k8sTagClusterId"], "prod-cluster");
        assert_eq!(settings["replicaCount"], replicas);
    }
}

#[test]
fn what_an_environment_runs_is_not_counted_with_all_that_was_built() {
    let nodes = of(&["services.backend.images=10"]);
    let rules = find(&nodes, "services.backend.lifecycle").spec["policy"]["rules"].as_array().unwrap();
    let of = |rule: &Value| {
        let selection = &rule["selection"];
        let prefix = selection["tagPrefixList"][0].as_str().map(ToOwned::to_owned);
        (
            prefix.unwrap_or_else(|| selection["tagStatus"].as_str().unwrap().into()),
            selection["countNumber"].clone(),
        )
    };
    let rules: Vec<(String, Value)> = rules.iter().map(of).collect();
    let names: Vec<&str> = rules.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["untagged", "prod-", "staging-", "develop-", "any"]);
    assert!(rules.iter().skip(1).all(|(_, keep)| *keep == 10), "{rules:?}");
}
