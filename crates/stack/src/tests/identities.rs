//! The roles of add-ons: by EKS Pod Identity, and not that of the node.

use platctl_engine::graph::Node;
use serde_json::{Value, json};

use super::security::statements;
use super::{load, nodes};

const PROD: &str = include_str!("../../../../stacks/prod.yaml");
const KARPENTER: &str = "cluster={version: \"1.35\", nodes: karpenter}";
const CNI_POLICY: &str = "AmazonEKS_CNI_Policy";

fn of(set: &[&str]) -> Vec<Node> {
    nodes(&load(PROD, set).unwrap()).unwrap()
}

fn find<'a>(nodes: &'a [Node], address: &str) -> &'a Node {
    let found = nodes.iter().find(|node| node.address.as_str() == address);
    found.unwrap_or_else(|| panic!("no {address}"))
}

/// The roles that may do what gives pods their addresses.
fn holders(nodes: &[Node]) -> Vec<Value> {
    let attached = nodes.iter().filter(|node| {
        node.kind == "iam.PolicyAttachment"
            && node.spec["policy_arn"].to_string().contains(CNI_POLICY)
    });
    attached
        .map(|node| node.spec["role_name"].clone())
        .collect()
}

fn role(address: &str) -> Value {
    json!({"$ref": format!("{address}.role_name")})
}

#[test]
fn what_gives_pods_their_addresses_has_a_role_of_its_own() {
    for set in [vec![], vec![KARPENTER]] {
        let nodes = of(&set);
        assert_eq!(holders(&nodes), [role("cluster.cni_role")], "{set:?}");
        let identity = &find(&nodes, "cluster.pod_identity.cni").spec;
        assert_eq!(identity["service_account"], "aws-node");
        let trust = &find(&nodes, "cluster.cni_role").spec["assume_role_policy_document"];
        let names = &statements(trust)[0]["Condition"]["StringEquals"];
        assert_eq!(
            names["aws:RequestTag/kubernetes-service-account"],
            "aws-node"
        );
        // The add-on moves on once the association and its policy are there, and the policy leaves the role of the
        // nodes once the add-on has.
        let addon = find(&nodes, "cluster.addon.vpc-cni");
        for address in ["cluster.policy.cni", "cluster.pod_identity.cni"] {
            assert!(
                addon.after.iter().any(|after| after.as_str() == address),
                "{address}"
            );
        }
    }
}

/// EKS starts the pods of an add-on anew when a setting of theirs changes: without that they would keep the role of
/// their node.
#[test]
fn the_pods_of_an_existing_cluster_start_anew() {
    let tags = |set: &[&str]| {
        let nodes = of(set);
        let settings = &find(&nodes, "cluster.addon.vpc-cni").spec["configuration_values"];
        let text = settings["env"]["ADDITIONAL_ENI_TAGS"].as_str()?;
        Some(serde_json::from_str::<Value>(text).unwrap())
    };
    let ours = json!({"platctl:cluster": "prod-cluster"});
    assert_eq!(tags(&[]), Some(ours));
    let stated = r#"cluster.addons.vpc-cni={configuration: {env: {ADDITIONAL_ENI_TAGS: '{"team": "x"}', WARM_ENI_TARGET: "2"}}}"#;
    let both = json!({"platctl:cluster": "prod-cluster", "team": "x"});
    assert_eq!(tags(&[stated]), Some(both));
    assert_eq!(tags(&["cluster.addons.eks-pod-identity-agent=false"]), None);
}

#[test]
fn without_an_agent_or_an_add_on_the_nodes_keep_the_policy() {
    for set in [
        "cluster.addons.eks-pod-identity-agent=false",
        "cluster.addons.vpc-cni=false",
    ] {
        assert_eq!(holders(&of(&[set])), [role("cluster.node_role")], "{set}");
    }
    let auto = of(&["cluster={version: \"1.35\", nodes: auto}"]);
    assert_eq!(holders(&auto), Vec::<Value>::new());
}

/// Nothing would keep the policy until the add-on has moved on.
#[test]
fn the_nodes_of_karpenter_keep_the_policy_where_platctl_brings_nothing_to_the_cluster() {
    let nodes = of(&[KARPENTER, "gitops.bootstrap=false"]);
    let mut roles = holders(&nodes);
    roles.sort_by_key(Value::to_string);
    let wanted = [
        role("cluster.cni_role"),
        role("cluster.karpenter.node_role"),
    ];
    assert_eq!(roles, wanted);
}
