//! The order of work: which operations a plan takes, what each waits for, and which goes first.
//!
//! Pure: the executor drives it with real calls, the prediction drives it under virtual time.

mod vacate;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use petgraph::Direction;
use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::graph::{Graph, Wait};
use crate::plan::{Action, Plan, Step};
use crate::precious;
use crate::state::State;
use crate::{Address, Catalog, Id, Replace};

/// The number of an operation within its schedule.
pub type OpId = NodeIndex;

/// What one operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Makes the address what it should be: creates, updates, or only waits and looks.
    Converge(Action),
    /// Forgets the address and leaves its object where it is.
    Keep,
    /// Has the programs in the object of the address delete what they have made elsewhere, as long as they live.
    Vacate {
        /// The object.
        id: Id,
    },
    /// Deletes one object of the address and waits until it is gone; without an id only state forgets it.
    Delete {
        /// The object to delete.
        id: Option<Id>,
        /// Whether it was replaced, so that the address itself lives on.
        deposed: bool,
    },
}

/// One operation on one address.
#[derive(Clone, Debug)]
pub struct Op {
    /// The resource.
    pub address: Address,
    /// What is done.
    pub work: Work,
    /// How long that usually takes.
    pub usual: Duration,
}

/// Operations and what they wait for, with their progress.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    pub(crate) ops: DiGraph<Op, Wait>,
    remaining: Vec<Duration>,
    missing: Vec<usize>,
    status: Vec<Status>,
    /// Operations whose waits have ended since the last start: each is looked at once, however many there are.
    ready: Vec<OpId>,
    /// The order in which operations are carried out one by one, where that is asked for.
    row: Option<Vec<OpId>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Waiting,
    Started,
    Accepted,
    Done,
    Stopped,
}

/// Operations that wait for each other in a circle. A plan over a sound graph makes none; if it does, it
/// is refused before anything is changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan cannot be ordered: `{address}` would depend on itself")]
pub struct Cycle {
    /// One of the resources concerned.
    pub address: Address,
}

impl Schedule {
    /// Lays out a plan. `state` tells what each resource depended on when it was last applied.
    ///
    /// # Errors
    /// When operations wait for each other in a circle.
    pub fn new(
        plan: &Plan,
        graph: Option<&Graph>,
        state: &State,
        catalog: &dyn Catalog,
    ) -> Result<Self, Cycle> {
        let mut layout = Layout {
            ops: DiGraph::new(),
            converge: HashMap::new(),
            delete: HashMap::new(),
            vacate: HashMap::new(),
        };
        for step in &plan.steps {
            layout.add(step, catalog);
        }
        let mut edges = HashSet::new();
        layout.edges_of_creation(plan, graph, &mut edges);
        layout.edges_of_deletion(plan, graph, state, &mut edges);
        vacate::edges(&layout, &Consumers::of(graph, state), &mut edges);
        let mut ops = layout.ops;
        for (from, to, wait) in edges {
            ops.add_edge(from, to, wait);
        }
        precious::last(&mut ops, plan, catalog);
        Self::from_ops(ops)
    }

    /// The remaining path of an operation is its own usual duration and the longest one behind it. It decides which of
    /// several ready operations starts first: the length of a run is that of its longest chain, so nothing that is
    /// short may hold up the beginning of that chain while calls wait for their turn.
    fn from_ops(mut ops: DiGraph<Op, Wait>) -> Result<Self, Cycle> {
        untie(&mut ops);
        let order = toposort(&ops, None).map_err(|cycle| Cycle {
            address: ops[cycle.node_id()].address.clone(),
        })?;
        let mut remaining = vec![Duration::ZERO; ops.node_count()];
        for op in order.into_iter().rev() {
            let after = ops
                .neighbors(op)
                .map(|next| remaining[next.index()])
                .max()
                .unwrap_or_default();
            remaining[op.index()] = ops[op].usual + after;
        }
        let missing: Vec<usize> = ops
            .node_indices()
            .map(|op| ops.edges_directed(op, Direction::Incoming).count())
            .collect();
        let status = vec![Status::Waiting; ops.node_count()];
        let mut schedule = Self {
            ops,
            remaining,
            missing,
            status,
            ready: Vec::new(),
            row: None,
        };
        schedule.ready = schedule
            .ops
            .node_indices()
            .filter(|op| schedule.missing[op.index()] == 0)
            .collect();
        Ok(schedule)
    }

    /// The operation of this number.
    #[must_use]
    pub fn op(&self, id: OpId) -> &Op {
        &self.ops[id]
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ops.node_count()
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.node_count() == 0
    }

    /// Starts every operation whose waits are over, the longest remaining path first. Ties are broken by number: two
    /// runs of one plan, and the prediction, then start operations in the same order.
    pub fn start_ready(&mut self) -> Vec<OpId> {
        let mut ready = std::mem::take(&mut self.ready);
        ready.retain(|op| self.status[op.index()] == Status::Waiting);
        ready.sort_by_key(|op| (std::cmp::Reverse(self.remaining[op.index()]), op.index()));
        if let Some(row) = &self.row {
            let next = row
                .iter()
                .find(|op| self.status[op.index()] == Status::Waiting);
            let quiet = self.is_quiet();
            (ready, self.ready) = ready.into_iter().partition(|op| quiet && Some(op) == next);
        }
        for op in &ready {
            self.status[op.index()] = Status::Started;
        }
        ready
    }

    /// Carries the operations out one by one, in this order: one of [`Schedule::orders`]. Slow, and for tests: whatever
    /// this order allows is allowed by the schedule.
    #[must_use]
    pub fn in_a_row(mut self, row: Vec<OpId>) -> Self {
        self.row = Some(row);
        self
    }

    /// Whether nothing is under way but what others have to begin for before it can end.
    fn is_quiet(&self) -> bool {
        self.ops
            .node_indices()
            .all(|op| match self.status[op.index()] {
                Status::Started => false,
                Status::Accepted => self
                    .ops
                    .edges(op)
                    .filter(|edge| *edge.weight() == Wait::Accepted)
                    .any(|edge| {
                        matches!(
                            self.status[edge.target().index()],
                            Status::Waiting | Status::Accepted
                        )
                    }),
                _ => true,
            })
    }

    /// The cloud accepted the operation: consumers that are content with that go on.
    pub fn accepted(&mut self, op: OpId) {
        if self.status[op.index()] == Status::Started {
            self.status[op.index()] = Status::Accepted;
            self.release(op, Wait::Accepted);
        }
    }

    /// The operation is done. That it was accepted may never have been said: a deletion has no such moment, and an
    /// object that was ready at the first look has passed it.
    pub fn done(&mut self, op: OpId) {
        self.accepted(op);
        if self.status[op.index()] == Status::Accepted {
            self.status[op.index()] = Status::Done;
            self.release(op, Wait::Ready);
        }
    }

    fn release(&mut self, op: OpId, wait: Wait) {
        for edge in self.ops.edges(op).filter(|edge| *edge.weight() == wait) {
            let missing = &mut self.missing[edge.target().index()];
            *missing -= 1;
            if *missing == 0 {
                self.ready.push(edge.target());
            }
        }
    }

    /// The operation failed: nothing that waits for it, however far behind, can start. Answers those.
    pub fn failed(&mut self, op: OpId) -> Vec<OpId> {
        self.status[op.index()] = Status::Stopped;
        let (mut stopped, mut queue) = (Vec::new(), vec![op]);
        while let Some(op) = queue.pop() {
            for next in self.ops.neighbors(op) {
                if self.status[next.index()] == Status::Waiting {
                    self.status[next.index()] = Status::Stopped;
                    stopped.push(next);
                    queue.push(next);
                }
            }
        }
        stopped.sort_unstable();
        stopped
    }

    /// Operations that have not been started.
    pub fn not_started(&self) -> impl Iterator<Item = OpId> {
        self.ops
            .node_indices()
            .filter(|op| self.status[op.index()] == Status::Waiting)
    }

    /// What an operation waits for.
    pub fn producers(&self, op: OpId) -> impl Iterator<Item = (OpId, Wait)> {
        self.ops
            .edges_directed(op, Direction::Incoming)
            .map(|edge| (edge.source(), *edge.weight()))
    }
}

/// Deletions that wait for each other in a circle, because state recorded edges of several versions of a stack, wait
/// no longer: the cloud itself refuses to delete what is in use, and such a call is repeated. Only edges between
/// deletions are cut. A circle with a creation in it is a fault of the plan, and is refused before anything is changed:
/// to cut it would create something before what it needs.
fn untie(ops: &mut DiGraph<Op, Wait>) {
    let deletes = |ops: &DiGraph<Op, Wait>, op: OpId| !matches!(ops[op].work, Work::Converge(_));
    let knots: Vec<HashSet<OpId>> = tarjan_scc(&*ops)
        .into_iter()
        .filter(|cycle| cycle.len() > 1)
        .map(HashSet::from_iter)
        .collect();
    ops.retain_edges(|ops, edge| {
        let Some((from, to)) = ops.edge_endpoints(edge) else {
            return true;
        };
        let tied = knots
            .iter()
            .any(|cycle| cycle.contains(&from) && cycle.contains(&to));
        !(tied && deletes(&ops, from) && deletes(&ops, to))
    });
}

type Edges = HashSet<(OpId, OpId, Wait)>;

struct Layout {
    ops: DiGraph<Op, Wait>,
    converge: HashMap<Address, OpId>,
    /// Deletions of an address: the object that stood for it, and deposed ones.
    delete: HashMap<Address, Vec<OpId>>,
    /// What is done in an object before it, and what its programs need, is deleted.
    vacate: HashMap<Address, OpId>,
}

impl Layout {
    fn add(&mut self, step: &Step, catalog: &dyn Catalog) {
        let timing = catalog
            .bind(&step.kind, &step.scope)
            .map(|kind| kind.facts().timing);
        let time = |of: fn(&crate::Timing) -> Duration| timing.as_ref().map(of).unwrap_or_default();
        let usual = match step.action {
            Action::NoOp if step.settling => time(|t| t.create),
            Action::NoOp | Action::Keep => Duration::ZERO,
            Action::Update => time(|t| t.update),
            _ => time(|t| t.create),
        };
        if step.action == Action::Keep {
            let op = Op {
                address: step.address.clone(),
                work: Work::Keep,
                usual: Duration::ZERO,
            };
            self.delete
                .entry(step.address.clone())
                .or_default()
                .push(self.ops.add_node(op));
        } else if step.action != Action::Delete {
            let work = Work::Converge(step.action);
            let op = self.ops.add_node(Op {
                address: step.address.clone(),
                work,
                usual,
            });
            self.converge.insert(step.address.clone(), op);
        }
        let mut delete = |id: Option<Id>, deposed: bool| {
            let work = Work::Delete { id, deposed };
            let op = self.ops.add_node(Op {
                address: step.address.clone(),
                work,
                usual: time(|t| t.delete),
            });
            self.delete
                .entry(step.address.clone())
                .or_default()
                .push(op);
        };
        if let Action::Replace(order) = step.action {
            delete(step.id.clone(), order == Replace::CreateFirst);
        }
        for id in &step.deposed {
            delete(Some(id.clone()), true);
        }
        // Where all of an address goes, what was replaced goes first: others may have moved on to its successor, and
        // what it was built on may be built on the successor now.
        if step.action == Action::Delete {
            delete(step.id.clone(), false);
        }
        let facts = catalog.bind(&step.kind, &step.scope);
        let vacated = facts.is_some_and(|kind| kind.facts().vacated_by.is_some());
        if let (Action::Delete, Some(id), true) = (step.action, &step.id, vacated) {
            let op = self.ops.add_node(Op {
                address: step.address.clone(),
                work: Work::Vacate { id: id.clone() },
                usual: vacate::USUAL,
            });
            self.vacate.insert(step.address.clone(), op);
        }
    }

    fn edges_of_creation(&self, plan: &Plan, graph: Option<&Graph>, edges: &mut Edges) {
        let Some(graph) = graph else { return };
        for step in plan.steps.iter().filter(|step| step.action.converges()) {
            let Some(&consumer) = self.converge.get(&step.address) else {
                continue;
            };
            for (producer, wait) in graph.producers(step.address.as_str()) {
                if let Some(&producer) = self.converge.get(producer) {
                    edges.insert((producer, consumer, wait));
                }
            }
        }
    }

    /// The operation by which a dependant that keeps its object moves on.
    fn stays(&self, consumer: &Address) -> Option<OpId> {
        let op = self.converge.get(consumer).copied()?;
        matches!(
            self.ops[op].work,
            Work::Converge(Action::NoOp | Action::Update)
        )
        .then_some(op)
    }

    /// A deletion waits for whatever may still use the object: dependants that go are deleted before
    /// it, dependants that stay have moved on before it.
    ///
    /// Who depends on it is taken from the graph and from state. The graph alone is not enough: what was dropped from
    /// the stack file is in state only. State alone is not enough either: an object that was adopted in this run is in
    /// the graph only. An edge too many costs time; one that is missing costs a deletion that the cloud refuses until
    /// its deadline.
    fn edges_of_deletion(
        &self,
        plan: &Plan,
        graph: Option<&Graph>,
        state: &State,
        edges: &mut Edges,
    ) {
        let consumers = Consumers::of(graph, state);
        for step in &plan.steps {
            let delete_first = step.action == Action::Replace(Replace::DeleteFirst);
            let create_first = step.action == Action::Replace(Replace::CreateFirst);
            let own_deletions = self
                .delete
                .get(&step.address)
                .map_or(&[][..], Vec::as_slice);
            // Each writes the record of the address: never two at once.
            edges.extend(
                own_deletions
                    .windows(2)
                    .map(|two| (two[0], two[1], Wait::Ready)),
            );
            for &delete in own_deletions {
                let deposed = matches!(self.ops[delete].work, Work::Delete { deposed: true, .. });
                let own = self.converge.get(&step.address).copied();
                match own {
                    Some(own) if deposed => edges.insert((own, delete, Wait::Ready)),
                    Some(own) if delete_first => edges.insert((delete, own, Wait::Ready)),
                    _ => false,
                };
                // What an object that was replaced had been built on cannot have been built on it: whatever of
                // that depends on the address now was built on the object that took its place.
                let below = if deposed {
                    below(state, &step.address, self.object_of(delete))
                } else {
                    HashSet::new()
                };
                for consumer in consumers.of_address(&step.address) {
                    let gone = self.delete.get(consumer).into_iter().flatten();
                    let gone = gone.filter(|gone| {
                        **gone != delete
                            && !below.contains(consumer)
                            && consumers.depends(consumer, self.object_of(**gone), &step.address)
                    });
                    edges.extend(gone.map(|&gone| (gone, delete, Wait::Ready)));
                    let moves_on = deposed
                        || create_first
                        || matches!(step.action, Action::Delete | Action::Keep);
                    if let (true, Some(stays)) = (moves_on, self.stays(consumer)) {
                        edges.insert((stays, delete, Wait::Ready));
                    }
                }
            }
        }
    }

    fn object_of(&self, delete: OpId) -> Option<&Id> {
        match &self.ops[delete].work {
            Work::Delete { id, .. } => id.as_ref(),
            Work::Converge(_) | Work::Keep | Work::Vacate { .. } => None,
        }
    }
}

/// Who depends on whom, now or when last applied.
struct Consumers<'a> {
    by_producer: HashMap<&'a Address, HashSet<&'a Address>>,
    declared: HashSet<(&'a Address, &'a Address)>,
    state: &'a State,
}

impl<'a> Consumers<'a> {
    fn of(graph: Option<&'a Graph>, state: &'a State) -> Self {
        let mut by_producer: HashMap<&Address, HashSet<&Address>> = HashMap::new();
        for (address, record) in &state.resources {
            let replaced = record
                .deposed
                .iter()
                .flat_map(|object| &object.dependencies);
            for producer in record.dependencies.iter().chain(replaced) {
                by_producer.entry(producer).or_default().insert(address);
            }
        }
        let mut declared = HashSet::new();
        for entry in graph.into_iter().flat_map(Graph::in_order) {
            let address = &entry.node.address;
            for (producer, _) in graph
                .into_iter()
                .flat_map(|graph| graph.producers(address.as_str()))
            {
                by_producer.entry(producer).or_default().insert(address);
                declared.insert((address, producer));
            }
        }
        Self {
            by_producer,
            declared,
            state,
        }
    }

    fn of_address(&self, producer: &Address) -> impl Iterator<Item = &'a Address> {
        self.by_producer
            .get(producer)
            .into_iter()
            .flatten()
            .copied()
    }

    /// Whether this very object of the consumer depends on the producer, as far as anybody knows.
    fn depends(&self, consumer: &Address, object: Option<&Id>, producer: &Address) -> bool {
        let Some((record, id)) = self.state.resources.get(consumer).zip(object) else {
            return true;
        };
        // What an object that is to go will be replaced by says nothing about the object. Of one that was taken over,
        // and never applied, nothing else is known.
        let object = record.object.iter().find(|object| object.id == *id);
        let unknown = object.is_some_and(|object| object.spec.is_null());
        record.dependencies_of(id).contains(producer)
            || unknown && self.declared.contains(&(consumer, producer))
    }
}

/// Everything that an object was built on, however far below. What state recorded may run in a circle.
fn below<'a>(state: &'a State, address: &Address, object: Option<&Id>) -> HashSet<&'a Address> {
    let first = state
        .resources
        .get(address)
        .zip(object)
        .map(|(record, id)| record.dependencies_of(id));
    let (mut found, mut queue) = (
        HashSet::new(),
        first.unwrap_or_default().iter().collect::<Vec<_>>(),
    );
    while let Some(next) = queue.pop() {
        if next != address && found.insert(next) {
            queue.extend(
                state
                    .resources
                    .get(next)
                    .into_iter()
                    .flat_map(|record| &record.dependencies),
            );
        }
    }
    found
}
