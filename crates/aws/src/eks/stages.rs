//! The stages of an upgrade of a cluster to its next version: each a part of the stack, in this order.

use std::collections::BTreeSet;

use platctl_engine::graph::{Graph, Node};
use platctl_engine::state::State;
use platctl_engine::{Address, Kind};
use serde_json::Value;

use super::addon::Addon;
use super::cluster::Cluster;
use super::node_group::NodeGroup;
use crate::versions::{is_later, kubernetes};

/// One stage: what it is about, and the addresses to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What it is about, for people.
    pub what: &'static str,
    /// What is applied, with all that it needs.
    pub targets: Vec<Address>,
}

/// The stages for the cluster at an address: the control plane, then the add-ons that nodes need before they are ready,
/// then the nodes, then the add-ons that run on nodes. What there is nothing of is left out.
#[must_use]
pub fn stages(graph: &Graph, cluster: &Address) -> Vec<Stage> {
    let nodes = graph.in_order().map(|entry| &entry.node);
    let parts: Vec<(&Node, BTreeSet<Address>)> = nodes
        .filter(|node| node.kind == NodeGroup::NAME || node.kind == Addon::NAME)
        .map(|node| (node, needs(graph, &node.address)))
        .filter(|(_, needs)| needs.contains(cluster))
        .collect();
    let is_group = |node: &Node| node.kind == NodeGroup::NAME;
    let on_nodes = |needs: &BTreeSet<Address>| {
        let mut entries = needs.iter().filter_map(|at| graph.get(at.as_str()));
        entries.any(|entry| is_group(&entry.node))
    };
    let of = |wanted: &dyn Fn(&Node, &BTreeSet<Address>) -> bool| {
        let fit = parts.iter().filter(|(node, needs)| wanted(node, needs));
        fit.map(|(node, _)| node.address.clone()).collect()
    };
    let stages = [
        ("control plane", vec![cluster.clone()]),
        (
            "add-ons that nodes require",
            of(&|node, needs| !is_group(node) && !on_nodes(needs)),
        ),
        ("nodes", of(&|node, _| is_group(node))),
        (
            "other add-ons",
            of(&|node, needs| !is_group(node) && on_nodes(needs)),
        ),
    ];
    stages
        .into_iter()
        .filter(|(_, targets)| !targets.is_empty())
        .map(|(what, targets)| Stage { what, targets })
        .collect()
}

/// All that a resource needs, however far away.
fn needs(graph: &Graph, address: &Address) -> BTreeSet<Address> {
    let (mut found, mut queue) = (BTreeSet::new(), vec![address.clone()]);
    while let Some(address) = queue.pop() {
        for (producer, _) in graph.producers(address.as_str()) {
            if found.insert(producer.clone()) {
                queue.push(producer.clone());
            }
        }
    }
    found
}

/// The address of the cluster with this name in EKS.
#[must_use]
pub fn cluster_of(state: &State, name: &str) -> Option<Address> {
    let mut records = state.resources.iter();
    let (address, _) = records.find(|(_, record)| {
        let object = record.object.as_ref();
        record.kind == Cluster::NAME && object.is_some_and(|object| object.id.as_str() == name)
    })?;
    Some(address.clone())
}

/// Whether a part of the cluster was left behind by an upgrade that was cut off: what was last applied is older than
/// what is declared.
#[must_use]
pub fn is_unfinished(graph: &Graph, state: &State, stages: &[Stage]) -> bool {
    let targets = stages.iter().flat_map(|stage| &stage.targets);
    let behind = |address: &Address| {
        let declared = version(&graph.get(address.as_str())?.node.spec)?;
        let record = state.resources.get(address)?;
        let applied = version(&record.object.as_ref()?.spec)?;
        Some(is_later(declared, applied))
    };
    targets.filter_map(behind).any(|is_behind| is_behind)
}

/// The version of Kubernetes that a part of a cluster is for.
fn version(spec: &Value) -> Option<&str> {
    let text = |field: &str| spec.get(field).and_then(Value::as_str);
    text("version").or_else(|| text("kubernetes_version"))
}

/// The versions on the way from one to another, one minor version at a time.
///
/// # Errors
/// Why there is no such way.
pub fn way(live: &str, wanted: &str) -> Result<Vec<String>, String> {
    let Some((major, to)) = kubernetes(wanted) else {
        return Err(format!(
            "`{wanted}` is not a Kubernetes version: use a major and a minor version, such as 1.35"
        ));
    };
    if is_later(live, wanted) {
        return Err(format!(
            "the cluster has Kubernetes {live}, and cannot be moved to {wanted} by an upgrade. To undo an upgrade of \
             the last seven days, run `platctl rollback STACK`"
        ));
    }
    match kubernetes(live) {
        Some((same, from)) if same == major => Ok((from + 1..=to)
            .map(|minor| format!("{major}.{minor}"))
            .collect()),
        _ => Err(format!(
            "the cluster has Kubernetes {live}, and there is no upgrade from there to {wanted}"
        )),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cloud::tests::cloud;
    use platctl_engine::state::{Object, Record};
    use platctl_engine::{AnyKind, Bound, Catalog, Id};
    use serde_json::json;

    /// The kinds of a cluster.
    struct Kinds;

    impl Catalog for Kinds {
        fn bind(&self, kind: &str, _: &str) -> Option<Arc<dyn AnyKind>> {
            let cloud = Arc::new(cloud());
            match kind {
                Cluster::NAME => Some(Arc::new(Bound::<Cluster>::new(cloud))),
                Addon::NAME => Some(Arc::new(Bound::<Addon>::new(cloud))),
                NodeGroup::NAME => Some(Arc::new(Bound::<NodeGroup>::new(cloud))),
                _ => None,
            }
        }

        fn names(&self) -> Vec<&'static str> {
            vec![Cluster::NAME, Addon::NAME, NodeGroup::NAME]
        }
    }

    fn node(address: &str, kind: &str, spec: Value, after: &[&str]) -> Node {
        Node {
            address: Address::new(address).unwrap(),
            kind: kind.into(),
            scope: "eu-west-1".into(),
            spec,
            after: after.iter().map(|at| Address::new(*at).unwrap()).collect(),
            protect: false,
            ephemeral: false,
        }
    }

    /// A cluster with two groups of nodes, one add-on that nodes need and one that runs on them, and another cluster.
    pub(in super::super) fn graph(kubernetes: &str) -> Graph {
        let name = json!({"$ref": "cluster.cluster.name"});
        let addon = |addon: &str, after: &[&str]| {
            let spec = json!({"cluster_name": name, "addon_name": addon, "kubernetes_version": kubernetes});
            node(&format!("cluster.addon.{addon}"), Addon::NAME, spec, after)
        };
        let group = |group: &str| {
            let spec =
                json!({"cluster_name": name, "nodegroup_name": group, "version": kubernetes});
            let after = ["cluster.addon.vpc-cni"];
            let address = format!("cluster.node_group.{group}");
            node(&address, NodeGroup::NAME, spec, &after)
        };
        let cluster = |name: &str| json!({"name": name, "version": kubernetes});
        let groups = ["cluster.node_group.general", "cluster.node_group.gpu"];
        let other = json!({"cluster_name": {"$ref": "other.name"}, "addon_name": "coredns"});
        let nodes = vec![
            node("cluster.cluster", Cluster::NAME, cluster("prod"), &[]),
            node("other", Cluster::NAME, cluster("other"), &[]),
            node("addon_of_other", Addon::NAME, other, &[]),
            addon("vpc-cni", &[]),
            group("general"),
            group("gpu"),
            addon("coredns", &groups),
        ];
        Graph::new(nodes, &Kinds).unwrap()
    }

    fn addresses(stage: &Stage) -> Vec<&str> {
        stage.targets.iter().map(Address::as_str).collect()
    }

    #[test]
    fn the_control_plane_goes_first_and_what_runs_on_nodes_last() {
        let at = Address::new("cluster.cluster").unwrap();
        let stages = stages(&graph("1.35"), &at);
        let found: Vec<_> = stages
            .iter()
            .map(|stage| (stage.what, addresses(stage)))
            .collect();
        let wanted = vec![
            ("control plane", vec!["cluster.cluster"]),
            ("add-ons that nodes require", vec!["cluster.addon.vpc-cni"]),
            (
                "nodes",
                vec!["cluster.node_group.general", "cluster.node_group.gpu"],
            ),
            ("other add-ons", vec!["cluster.addon.coredns"]),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_cluster_without_parts_has_one_stage() {
        let at = Address::new("cluster.cluster").unwrap();
        let only = node(
            "cluster.cluster",
            Cluster::NAME,
            json!({"name": "prod", "version": "1.35"}),
            &[],
        );
        let graph = Graph::new(vec![only], &Kinds).unwrap();
        assert_eq!(stages(&graph, &at).len(), 1);
    }

    #[test]
    fn every_minor_version_lies_on_the_way() {
        assert_eq!(way("1.34", "1.36").unwrap(), ["1.35", "1.36"]);
        assert_eq!(way("1.34", "1.34").unwrap(), Vec::<String>::new());
        let back = way("1.35", "1.34").unwrap_err();
        assert!(back.contains("platctl rollback"), "{back}");
        assert!(way("1.35", "newest").unwrap_err().contains("such as 1.35"));
        way("1.35", "2.0").unwrap_err();
    }

    #[test]
    fn a_part_that_was_applied_with_an_older_version_is_unfinished() {
        let at = Address::new("cluster.cluster").unwrap();
        let graph = graph("1.35");
        let stages = stages(&graph, &at);
        let applied = |version: &str| {
            let mut object = Object::new(Id::from("prod|general"), 1);
            object.spec = json!({"version": version});
            let mut record = Record::new(NodeGroup::NAME, "eu-west-1");
            record.object = Some(object);
            let mut state = State::new("prod");
            let address = Address::new("cluster.node_group.general").unwrap();
            state.resources.insert(address, record);
            state
        };
        assert!(is_unfinished(&graph, &applied("1.34"), &stages));
        assert!(!is_unfinished(&graph, &applied("1.35"), &stages));
        assert!(!is_unfinished(&graph, &State::new("prod"), &stages));
    }
}
