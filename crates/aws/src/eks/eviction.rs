//! Nodes whose pods no PodDisruptionBudget lets go, and the consent to replace them all the same.

use aws_sdk_eks::types::ErrorCode;
use platctl_engine::graph::Graph;
use platctl_engine::select::matches;
use platctl_engine::state::State;
use platctl_engine::{Address, Kind};
use serde_json::Value;

use super::node_group::NodeGroup;

/// The node groups whose nodes are replaced in spite of PodDisruptionBudgets: addresses, each standing for itself and
/// for everything below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Force(pub Vec<String>);

/// An address at which there is no node group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "--force-evict {address}: there is no managed node group at this address{}. Nothing was changed",
    hint(known)
)]
pub struct NoNodeGroup {
    /// What was named.
    pub address: String,
    /// The addresses of the node groups that there are.
    pub known: Vec<String>,
}

fn hint(known: &[String]) -> String {
    match known {
        [] => String::new(),
        known => format!(". Specify one of {}", known.join(", ")),
    }
}

/// The field that EKS takes with the update itself, and that no node group has.
const FIELD: &str = "force_update_enabled";

impl Force {
    /// Whether it names this node group.
    #[must_use]
    pub fn covers(&self, address: &Address) -> bool {
        self.0.iter().any(|name| matches(name, address))
    }

    /// Lets the updates of the node groups that it names go on in spite of budgets, in this run.
    ///
    /// # Errors
    /// An address that names no node group: whoever mistypes it waits for nothing.
    pub fn mark(&self, graph: &mut Graph) -> Result<(), NoNodeGroup> {
        let groups = groups(graph);
        self.check(groups.iter())?;
        for address in groups.iter().filter(|address| self.covers(address)) {
            graph.set_field(address, FIELD, Value::Bool(true));
        }
        Ok(())
    }

    /// Refuses an address that names no node group of a state.
    ///
    /// # Errors
    /// The first such address.
    pub fn check_in(&self, state: &State) -> Result<(), NoNodeGroup> {
        let records = state.resources.iter();
        let groups = records.filter(|(_, record)| record.kind == NodeGroup::NAME);
        self.check(groups.map(|(address, _)| address))
    }

    fn check<'a>(
        &self,
        groups: impl Iterator<Item = &'a Address> + Clone,
    ) -> Result<(), NoNodeGroup> {
        let names_none = |name: &&String| !groups.clone().any(|address| matches(name, address));
        match self.0.iter().find(names_none) {
            None => Ok(()),
            Some(name) => Err(NoNodeGroup {
                address: name.clone(),
                known: groups.map(ToString::to_string).collect(),
            }),
        }
    }

    /// Whether no budget keeps any nodes of this stack from being replaced.
    #[must_use]
    pub fn covers_all(&self, graph: &Graph) -> bool {
        let groups = groups(graph);
        !groups.is_empty() && groups.iter().all(|address| self.covers(address))
    }
}

/// Whether an update was given up because a PodDisruptionBudget let no pod go, by what EKS says of it.
#[must_use]
pub fn is_blocked(why: &str) -> bool {
    why.contains(ErrorCode::PodEvictionFailure.as_str())
}

/// The node groups of a stack.
fn groups(graph: &Graph) -> Vec<Address> {
    let nodes = graph.in_order().map(|entry| &entry.node);
    let groups = nodes.filter(|node| node.kind == NodeGroup::NAME);
    groups.map(|node| node.address.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::stages::tests::graph;
    use super::*;

    fn forced(graph: &Graph, address: &str) -> bool {
        graph.get(address).unwrap().node.spec[FIELD] == Value::Bool(true)
    }

    #[test]
    fn an_address_stands_for_the_node_groups_below_it() {
        let mut all = graph("1.35");
        let force = Force(vec!["cluster.node_group".into()]);
        force.mark(&mut all).unwrap();
        assert!(forced(&all, "cluster.node_group.general"));
        assert!(forced(&all, "cluster.node_group.gpu"));
        assert!(force.covers_all(&all));
        let mut one = graph("1.35");
        let force = Force(vec!["cluster.node_group.gpu".into()]);
        force.mark(&mut one).unwrap();
        assert!(!forced(&one, "cluster.node_group.general"));
        assert!(!force.covers_all(&one));
        assert!(!Force::default().covers_all(&one));
    }

    #[test]
    fn an_address_without_a_node_group_is_refused_with_those_that_there_are() {
        let mut graph = graph("1.35");
        let force = Force(vec!["cluster.node_group.genral".into()]);
        let error = force.mark(&mut graph).unwrap_err().to_string();
        assert!(
            error.contains("Specify one of cluster.node_group.general, cluster.node_group.gpu"),
            "{error}"
        );
        // Another kind of resource is no node group, either.
        Force(vec!["cluster.addon".into()])
            .mark(&mut graph)
            .unwrap_err();
    }
}
