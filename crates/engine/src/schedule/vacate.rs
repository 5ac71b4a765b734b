//! What waits until the programs in an object have deleted what they made elsewhere.

use std::collections::HashSet;
use std::time::Duration;

use super::{Consumers, Edges, Layout, OpId};
use crate::Address;
use crate::graph::Wait;

/// How long programs usually take.
pub(super) const USUAL: Duration = Duration::from_secs(90);

/// A deletion that takes as long starts at once. All others are over long before the object is: they wait, because its
/// programs may need a role, a route or an address of theirs.
const LONG: Duration = Duration::from_secs(4 * 60);

/// Holds the deletions back that could take something from the programs: of what depends on the object, and of all
/// else that does not take long.
pub(super) fn edges(layout: &Layout, consumers: &Consumers<'_>, edges: &mut Edges) {
    for (home, &vacate) in &layout.vacate {
        let inside = dependants(home, consumers);
        let ahead = ahead_of_long(layout, &inside, edges);
        for (address, ops) in &layout.delete {
            for &op in ops {
                if inside.contains(address) || !ahead.contains(&op) {
                    edges.insert((vacate, op, Wait::Ready));
                }
            }
        }
    }
}

/// The object, and all that depends on it, however far.
fn dependants(home: &Address, consumers: &Consumers<'_>) -> HashSet<Address> {
    let (mut found, mut queue) = (HashSet::from([home.clone()]), vec![home.clone()]);
    while let Some(next) = queue.pop() {
        for consumer in consumers.of_address(&next) {
            if found.insert(consumer.clone()) {
                queue.push(consumer.clone());
            }
        }
    }
    found
}

/// The deletions that take long, and what has to be deleted before them. What those wait for in the object itself is
/// held back there.
fn ahead_of_long(layout: &Layout, inside: &HashSet<Address>, edges: &Edges) -> HashSet<OpId> {
    let deletions = layout.delete.iter();
    let outside = deletions.filter(|(address, _)| !inside.contains(*address));
    let mut queue: Vec<OpId> = outside
        .flat_map(|(_, ops)| ops.iter().copied())
        .filter(|op| layout.ops[*op].usual >= LONG)
        .collect();
    let mut found: HashSet<OpId> = queue.iter().copied().collect();
    while let Some(op) = queue.pop() {
        for (from, _, _) in edges.iter().filter(|(_, to, _)| *to == op) {
            if found.insert(*from) {
                queue.push(*from);
            }
        }
    }
    found
}
