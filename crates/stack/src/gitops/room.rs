//! Whether the nodes have room for what the components and services ask for.

use platctl_gitops::nodes::{Karpenter, Taint};
use platctl_gitops::{Inputs, Needs, Node, Nodes, Settings, needs};

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
    if let Nodes::Karpenter(karpenter) = &base.cluster.source {
        return within_limits(&needs, nodes, karpenter, base, declare);
    }
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
    Err(vec![too_small(message, help, base, declare)])
}

/// Node groups stay at their fewest, and Karpenter launches what pods need, up to the limits of its pools.
fn within_limits(
    needs: &Needs,
    nodes: &[Node],
    karpenter: &Karpenter,
    base: &Base<'_>,
    declare: &Declare<'_>,
) -> Checked<()> {
    let stays_away = |taint: &Taint| taint.effect != "PreferNoSchedule";
    let open = karpenter
        .pools
        .iter()
        .filter(|pool| !pool.taints.iter().any(stays_away));
    let (total, mut room) = (needs.total(), needs.room(nodes, |node| node.min));
    for pool in open {
        room.cpu = room.cpu.saturating_add(pool.cpu.saturating_mul(1000));
        room.memory = room
            .memory
            .saturating_add(pool.memory_gib.saturating_mul(1024));
    }
    if room.cpu >= total.cpu && room.memory >= total.memory {
        return Ok(());
    }
    // How many pods a node takes, its type says.
    room.pods = total.pods;
    let message = format!(
        "the pods of the components and services do not fit on the nodes: they request {total}, and node groups at their \
         minimum size and the limits of the node pools have room for {room}"
    );
    let help = "increase `max_cpu` or `max_memory_gib` of a node pool without taints, or disable components";
    Err(vec![too_small(message, help.to_owned(), base, declare)])
}

fn too_small(message: String, help: String, base: &Base<'_>, declare: &Declare<'_>) -> Fault {
    let place = base
        .root
        .get("cluster")
        .map_or_else(|| declare.place(), |(key, _)| key.span);
    Fault::new(message).at(place, "too small").help(help)
}
