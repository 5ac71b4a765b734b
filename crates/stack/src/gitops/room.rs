//! Whether the nodes have room for what the components and services ask for.

use platctl_gitops::{Inputs, Node, Settings, needs};

use super::{Base, unfit};
use crate::declare::{Checked, Declare};
use crate::error::Fault;

/// How many of the largest are named.
const NAMED: usize = 4;

/// Refuses a platform whose pods could never all run.
pub(super) fn check(
    inputs: &Inputs,
    settings: &Settings,
    base: &Base<'_>,
    declare: &Declare<'_>,
) -> Checked<()> {
    let Some(nodes) = &base.nodes else {
        return Ok(());
    };
    let needs = needs(inputs, settings).map_err(|one| vec![unfit(&one, base.root, declare)])?;
    // Without the autoscaler, there are never more than the fewest.
    let fixed = settings.cluster_autoscaler == Some(false);
    let count: fn(&Node) -> u32 = if fixed {
        |node| node.min
    } else {
        |node| node.max
    };
    let how = if fixed {
        "minimum size, because `cluster_autoscaler` is disabled,"
    } else {
        "maximum size"
    };
    if needs.fit(nodes, count) {
        return Ok(());
    }
    let message = format!(
        "the pods of the components and services do not fit on the nodes: they request {}, and at their {how} the \
         node groups have room for {}",
        needs.total(),
        needs.room(nodes, count)
    );
    let mut rows = needs.rows.clone();
    rows.sort_by_key(|(_, need)| std::cmp::Reverse(need.memory));
    let largest: Vec<String> = rows
        .iter()
        .take(NAMED)
        .map(|(name, need)| format!("{name} ({need})"))
        .collect();
    let help = format!(
        "increase `max` of a node group, use larger instance types, or disable components. The largest are {}. No \
         pod may be larger than a node: the largest requests {}",
        largest.join(", "),
        needs.largest
    );
    let place = base
        .root
        .get("cluster")
        .map_or_else(|| declare.place(), |(key, _)| key.span);
    Err(vec![Fault::new(message).at(place, "too small").help(help)])
}
