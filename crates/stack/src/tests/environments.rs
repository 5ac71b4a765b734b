//! Many environments from one file: none has a name of AWS that another one has.

use std::collections::BTreeSet;

use platctl_aws::Aws;
use platctl_engine::Catalog;
use platctl_engine::fields::Fact;
use platctl_engine::graph::Node;

use super::{load, nodes};

/// What the whole account has once, whoever asks for it.
const SHARED: [&str; 1] = ["iam.ServiceLinkedRole"];

/// What AWS would know a node by; none where that follows from another object.
fn name(node: &Node, catalog: &Aws) -> Option<String> {
    let kind = catalog.bind(&node.kind, &node.scope)?;
    let paths = kind.facts().fields.with(Fact::Name);
    let values: Option<Vec<String>> = paths
        .iter()
        .map(|path| Some(node.spec.pointer(path)?.to_string()))
        .collect();
    let name = values.filter(|values| !values.is_empty())?.join(" ");
    let refers = name.contains("{\"$");
    (!refers && !SHARED.contains(&node.kind.as_str())).then(|| format!("{} {name}", node.kind))
}

fn names(stack: &str) -> BTreeSet<String> {
    let text = include_str!("../../../../stacks/prod.yaml");
    let (name_of, domain) = (
        format!("stack={stack}"),
        format!("edge.domain={stack}.example.com"),
    );
    let stack = load(text, &[&name_of, &domain]).unwrap();
    let catalog = Aws::offline("eu-west-1");
    let all = nodes(&stack).unwrap();
    all.iter().filter_map(|node| name(node, &catalog)).collect()
}

#[test]
fn no_name_is_the_same_in_two_environments_of_one_file() {
    let (one, other) = (names("pr-1"), names("pr-2"));
    assert!(one.len() > 50, "{one:#?}");
    let same: Vec<&String> = one.intersection(&other).collect();
    assert!(same.is_empty(), "{same:#?}");
}
