//! Nothing that cannot be had back goes before what stays of the stack's data is there.

use std::collections::HashSet;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::Catalog;
use crate::graph::Wait;
use crate::plan::{Action, Plan, Step};
use crate::schedule::{Op, Work};

/// Lets the deletion of what holds data (images, repositories, keys) wait for the deletions that leave something, such
/// as a final snapshot: where that fails, the rest of the data is still there. What has to go before such a deletion,
/// because it uses the object, goes before it.
pub(crate) fn last(ops: &mut DiGraph<Op, Wait>, plan: &Plan, catalog: &dyn Catalog) {
    let leaves = |step: &Step| {
        let contents = plan.contents.get(&step.address);
        contents.is_some_and(|contents| contents.leaves.is_some())
    };
    let deletes = |step: &&Step| step.action == Action::Delete;
    let all: Vec<&Step> = plan.steps.iter().filter(deletes).collect();
    if !all.iter().any(|step| leaves(step)) {
        return;
    }
    let of = |wanted: &dyn Fn(&Step) -> bool| -> Vec<NodeIndex> {
        let addresses: HashSet<_> = all
            .iter()
            .filter(|step| wanted(step))
            .map(|step| &step.address)
            .collect();
        ops.node_indices()
            .filter(|op| matches!(ops[*op].work, Work::Delete { deposed: false, .. }))
            .filter(|op| addresses.contains(&ops[*op].address))
            .collect()
    };
    let first = of(&leaves);
    let precious = of(&|step| {
        let kind = catalog.bind(&step.kind, &step.scope);
        !leaves(step) && kind.is_some_and(|kind| kind.facts().holds_data)
    });
    for leaver in first {
        // With the edges that were added for the others: two of them must not wait for each other.
        let before = before(ops, leaver);
        for op in precious.iter().filter(|op| !before.contains(*op)) {
            ops.update_edge(leaver, *op, Wait::Ready);
        }
    }
}

/// All that has to be done before an operation.
fn before(ops: &DiGraph<Op, Wait>, op: NodeIndex) -> HashSet<NodeIndex> {
    let (mut met, mut queue) = (HashSet::new(), vec![op]);
    while let Some(op) = queue.pop() {
        let producers = ops.neighbors_directed(op, Direction::Incoming);
        queue.extend(producers.filter(|producer| met.insert(*producer)));
    }
    met
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Lab, graph};

    fn named(name: &str, rest: serde_json::Value) -> serde_json::Value {
        let mut spec = json!({"name": name});
        let fields = rest.as_object().cloned().unwrap_or_default();
        spec.as_object_mut().unwrap().extend(fields);
        spec
    }

    #[tokio::test(start_paused = true)]
    async fn where_a_snapshot_does_not_come_the_other_data_stays() {
        let lab = Lab::new();
        let declared = vec![
            (
                "base",
                "toy.Name",
                named("b", json!({"contents": "data", "leaves": "lost snapshot"})),
            ),
            ("images", "toy.Name", named("i", json!({}))),
            ("plain", "toy.Tags", json!({"size": 1})),
        ];
        lab.apply(graph(&declared, &lab.cloud)).await;
        let outcome = lab.run(None).await.unwrap();
        assert!(!outcome.is_complete());
        let left: Vec<String> = lab
            .cloud
            .things()
            .values()
            .map(|thing| thing.spec["name"].to_string())
            .collect();
        assert_eq!(left, ["\"i\""], "what holds no data need not wait");
    }

    /// What uses the database goes before it, also where it holds data itself.
    #[tokio::test(start_paused = true)]
    async fn what_has_to_go_first_goes_first() {
        let lab = Lab::new();
        let declared = vec![
            (
                "base",
                "toy.Name",
                named("b", json!({"contents": "data", "leaves": "snapshot b"})),
            ),
            (
                "secret",
                "toy.Name",
                named("s", json!({"uses": [{"$ref": "base.id"}]})),
            ),
            (
                "other",
                "toy.Name",
                named("o", json!({"contents": "data", "leaves": "snapshot o"})),
            ),
        ];
        lab.apply(graph(&declared, &lab.cloud)).await;
        lab.destroy().await;
        assert!(lab.cloud.things().is_empty());
    }
}
