//! Orders that show what a schedule does not say.
//!
//! Where the cloud wants one thing before another and no edge says so, most runs succeed by chance: the missing edge
//! shows in a run that happens to take the two the other way round. A few orders are enough for every two operations
//! that do not wait for each other to come both ways round, so that nothing is left to chance.

use petgraph::Direction;
use petgraph::graph::DiGraph;

use crate::graph::Wait;
use crate::schedule::{Op, OpId, Schedule};

/// A set of operations.
#[derive(Clone)]
struct Set(Vec<u64>);

impl Set {
    fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    fn insert(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn remove(&mut self, at: usize) {
        self.0[at / 64] &= !(1 << (at % 64));
    }

    fn add(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(word, other)| *word |= other);
    }

    /// How many this has that another has, too.
    fn common(&self, other: &Self) -> u32 {
        self.0
            .iter()
            .zip(&other.0)
            .map(|(word, other)| (word & other).count_ones())
            .sum()
    }

    fn without(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(word, other)| *word &= !other);
    }

    fn first(&self) -> Option<usize> {
        let at = self.0.iter().position(|word| *word != 0)?;
        Some(at * 64 + self.0[at].trailing_zeros() as usize)
    }
}

impl Schedule {
    /// Orders of all operations that keep to every edge. Of every two operations that do not wait for each other, each
    /// comes first in one of them; the first orders show most of these pairs.
    #[must_use]
    pub fn orders(&self) -> Vec<Vec<OpId>> {
        orders(&self.ops)
    }
}

fn orders(ops: &DiGraph<Op, Wait>) -> Vec<Vec<OpId>> {
    let mut unseen = unordered(ops);
    let mut found = Vec::new();
    // Each order shows at least the pair that it is made for.
    while let Some(pair) = unseen
        .iter()
        .enumerate()
        .find_map(|(op, pairs)| Some((op, pairs.first()?)))
    {
        let order = order(ops, &unseen, Some(pair));
        let mut later = Set::new(ops.node_count());
        for op in order.iter().rev() {
            unseen[op.index()].without(&later);
            later.insert(op.index());
        }
        found.push(order);
    }
    if found.is_empty() {
        found.push(order(ops, &unseen, None));
    }
    found
}

/// Of each operation, those that neither wait for it nor are waited for.
fn unordered(ops: &DiGraph<Op, Wait>) -> Vec<Set> {
    let count = ops.node_count();
    let none = vec![Set::new(count); count];
    let order = order(ops, &none, None);
    let mut related = none;
    for (way, order) in [
        (Direction::Incoming, order.clone()),
        (
            Direction::Outgoing,
            order.into_iter().rev().collect::<Vec<_>>(),
        ),
    ] {
        // Whoever is reached through a neighbour was reached by that one before.
        let mut reached = vec![Set::new(count); count];
        for op in order {
            let mut mine = Set::new(count);
            for next in ops.neighbors_directed(op, way) {
                mine.insert(next.index());
                mine.add(&reached[next.index()]);
            }
            related[op.index()].add(&mine);
            reached[op.index()] = mine;
        }
    }
    let mut all = Set::new(count);
    (0..count).for_each(|op| all.insert(op));
    let mut unordered = Vec::with_capacity(count);
    for (op, related) in related.iter().enumerate() {
        let mut others = all.clone();
        others.without(related);
        others.remove(op);
        unordered.push(others);
    }
    unordered
}

/// An order that shows as many pairs as it can that have not been seen yet: each time the operation goes first that
/// shows most with those that are still to come. Of `pair`, which do not wait for each other, the first one goes first.
fn order(ops: &DiGraph<Op, Wait>, unseen: &[Set], pair: Option<(usize, usize)>) -> Vec<OpId> {
    let mut missing: Vec<usize> = ops
        .node_indices()
        .map(|op| ops.neighbors_directed(op, Direction::Incoming).count())
        .collect();
    let mut left = Set::new(ops.node_count());
    ops.node_indices().for_each(|op| left.insert(op.index()));
    let mut free: Vec<OpId> = ops
        .node_indices()
        .filter(|op| missing[op.index()] == 0)
        .collect();
    let mut order = Vec::with_capacity(ops.node_count());
    let mut held = pair;
    while let Some(at) = (0..free.len())
        .filter(|at| held.is_none_or(|(_, second)| free[*at].index() != second))
        .max_by_key(|at| (unseen[free[*at].index()].common(&left), free[*at].index()))
    {
        held = held.filter(|(first, _)| free[at].index() != *first);
        let op = free.swap_remove(at);
        left.remove(op.index());
        order.push(op);
        for next in ops.neighbors(op) {
            missing[next.index()] -= 1;
            if missing[next.index()] == 0 {
                free.push(next);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::Address;
    use crate::plan::Action;
    use crate::schedule::Work;

    fn graph(count: usize, edges: &[(usize, usize)]) -> DiGraph<Op, Wait> {
        let mut ops = DiGraph::new();
        for number in 0..count {
            ops.add_node(Op {
                address: Address::new(format!("op{number}")).unwrap(),
                work: Work::Converge(Action::Create),
                usual: Duration::ZERO,
            });
        }
        for (one, other) in edges {
            if one != other {
                ops.add_edge(
                    OpId::new(*one.min(other)),
                    OpId::new(*one.max(other)),
                    Wait::Ready,
                );
            }
        }
        ops
    }

    #[test]
    fn two_that_do_not_wait_for_each_other_come_both_ways_round() {
        assert_eq!(orders(&graph(2, &[])).len(), 2);
        assert_eq!(orders(&graph(2, &[(0, 1)])).len(), 1);
    }

    proptest! {
        /// Every order keeps to every edge, and what no edge says comes both ways round.
        #[test]
        fn nothing_is_left_to_chance(edges in prop::collection::vec((0_usize..14, 0_usize..14), 0..30)) {
            let ops = graph(14, &edges);
            let found = orders(&ops);
            let mut before = HashSet::new();
            for order in &found {
                prop_assert_eq!(order.len(), 14);
                for (at, one) in order.iter().enumerate() {
                    before.extend(order[at + 1..].iter().map(|other| (*one, *other)));
                }
                let place = |op: OpId| order.iter().position(|one| *one == op);
                let kept = ops.edge_indices().all(|edge| {
                    let (one, other) = ops.edge_endpoints(edge).unwrap();
                    place(one) < place(other)
                });
                prop_assert!(kept);
            }
            for one in ops.node_indices() {
                for other in ops.node_indices().filter(|other| *other != one) {
                    let path = petgraph::algo::has_path_connecting(&ops, other, one, None);
                    prop_assert!(path || before.contains(&(one, other)), "{one:?} never before {other:?}");
                }
            }
        }
    }
}
