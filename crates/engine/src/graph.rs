//! The resource graph: what a stack declares, ordered by its references.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fields::Fact;
use crate::input::{REF, operator};
use crate::{Address, AnyKind, Catalog};

/// One declared resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Where it stands in the stack.
    pub address: Address,
    /// Its kind's name: `ec2.Vpc`.
    pub kind: String,
    /// Where it lives: an AWS region, a cluster.
    pub scope: String,
    /// Its declared spec: JSON with `{"$ref": "address.output"}` where another's output goes.
    pub spec: Value,
    /// Resources that it has to wait for without taking anything from them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Address>,
    /// Whether it must not be replaced or destroyed if it holds data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protect: bool,
    /// Whether its stack is made to be thrown away, so that its data may go without being asked about.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ephemeral: bool,
}

/// What a consumer waits for before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// The producer's id and early outputs are known.
    Accepted,
    /// The producer is usable.
    Ready,
}

/// A reference that stands in a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// JSON pointer to where it stands.
    pub at: String,
    /// The resource that it takes from.
    pub address: String,
    /// The output that it takes.
    pub output: String,
}

/// Why declared nodes make no graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum GraphError {
    #[error("`{address}` is declared twice")]
    Duplicate { address: Address },
    #[error("`{address}` has the unknown kind `{kind}`")]
    UnknownKind { address: Address, kind: String },
    #[error("`{address}` references `{to}` in `{at}`, but it is not declared")]
    Dangling {
        address: Address,
        at: String,
        to: String,
    },
    #[error("`{address}` uses the output `{output}` of `{to}`, which only has: {}", known.join(", "))]
    UnknownOutput {
        address: Address,
        at: String,
        to: Address,
        output: String,
        known: Vec<String>,
    },
    #[error("dependency cycle between resources: {}", cycle(path))]
    Cycle { path: Vec<Address> },
}

fn cycle(path: &[Address]) -> String {
    let first = path.first().map(|a| format!("`{a}`"));
    path.iter()
        .map(|a| format!("`{a}`"))
        .chain(first)
        .collect::<Vec<_>>()
        .join(" → ")
}

/// A node with its bound kind.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was declared.
    pub node: Node,
    /// Its kind, bound to the node's scope.
    pub kind: Arc<dyn AnyKind>,
}

impl Entry {
    /// What this waits for before it is created: some fields are content with a producer that is only accepted.
    pub(crate) fn waits_for(&self, reference: &Reference) -> Wait {
        let fields = &self.kind.facts().fields;
        if fields.holds(&reference.at, Fact::Accepted) {
            Wait::Accepted
        } else {
            Wait::Ready
        }
    }
}

/// Declared nodes whose references are sound and which can be put in an order.
#[derive(Clone, Debug)]
pub struct Graph {
    entries: DiGraph<Entry, Wait>,
    index: HashMap<Address, NodeIndex>,
    order: Vec<NodeIndex>,
}

impl Graph {
    /// Builds the graph. An edge runs from a producer to each consumer.
    ///
    /// # Errors
    /// All that is wrong: duplicates, unknown kinds, references to nowhere, and cycles, named in full.
    pub fn new(nodes: Vec<Node>, catalog: &dyn Catalog) -> Result<Self, Vec<GraphError>> {
        let (mut entries, mut index, mut errors) = (DiGraph::new(), HashMap::new(), Vec::new());
        for node in nodes {
            let (address, kind) = (node.address.clone(), catalog.bind(&node.kind, &node.scope));
            match kind {
                _ if index.contains_key(&address) => errors.push(GraphError::Duplicate { address }),
                None => errors.push(GraphError::UnknownKind {
                    address,
                    kind: node.kind,
                }),
                Some(kind) => {
                    index.insert(address, entries.add_node(Entry { node, kind }));
                }
            }
        }
        let mut edges = BTreeMap::new();
        for consumer in entries.node_indices() {
            errors.extend(edges_of(&entries, &index, consumer, &mut edges));
        }
        for ((from, to), wait) in edges {
            entries.add_edge(from, to, wait);
        }
        errors.extend(cycles(&entries));
        if !errors.is_empty() {
            return Err(errors);
        }
        let order = in_order(&entries);
        Ok(Self {
            entries,
            index,
            order,
        })
    }

    /// The number of resources.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nothing is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The resource at an address.
    #[must_use]
    pub fn get(&self, address: &str) -> Option<&Entry> {
        self.index
            .get(address)
            .and_then(|index| self.entries.node_weight(*index))
    }

    /// Sets a field of a declared spec, for this run. The value is no reference: edges are made when the graph is.
    pub fn set_field(&mut self, address: &Address, field: &str, value: Value) {
        let index = self.index.get(address);
        let entry = index.and_then(|index| self.entries.node_weight_mut(*index));
        if let Some(Value::Object(spec)) = entry.map(|entry| &mut entry.node.spec) {
            spec.insert(field.to_owned(), value);
        }
    }

    /// All resources, producers before consumers, otherwise as declared.
    pub fn in_order(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.order
            .iter()
            .filter_map(|index| self.entries.node_weight(*index))
    }

    /// What a resource waits for, and how far each has to be.
    pub fn producers(&self, address: &str) -> impl Iterator<Item = (&Address, Wait)> {
        let index = self.index.get(address);
        index.into_iter().flat_map(|index| {
            self.entries
                .edges_directed(*index, Direction::Incoming)
                .filter_map(|edge| {
                    self.entries
                        .node_weight(edge.source())
                        .map(|entry| (&entry.node.address, *edge.weight()))
                })
        })
    }

    /// What waits for a resource.
    pub fn consumers(&self, address: &str) -> impl Iterator<Item = &Entry> {
        let index = self.index.get(address);
        index.into_iter().flat_map(|index| {
            let edges = self.entries.edges_directed(*index, Direction::Outgoing);
            edges.filter_map(|edge| self.entries.node_weight(edge.target()))
        })
    }

    /// The outputs of a resource that consumers take as soon as it is accepted.
    #[must_use]
    pub fn early_outputs(&self, address: &str) -> Vec<String> {
        let Some(index) = self.index.get(address) else {
            return Vec::new();
        };
        let edges = self
            .entries
            .edges(*index)
            .filter(|edge| *edge.weight() == Wait::Accepted);
        let consumers = edges.filter_map(|edge| self.entries.node_weight(edge.target()));
        let taken = consumers.flat_map(|consumer| references(&consumer.node.spec));
        taken
            .filter(|reference| reference.address == address)
            .map(|reference| reference.output)
            .collect()
    }

    /// The declared nodes, in order.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        self.in_order().map(|entry| entry.node.clone()).collect()
    }
}

type Edges = BTreeMap<(NodeIndex, NodeIndex), Wait>;

/// Adds the edges into one consumer; answers what is wrong with its references.
fn edges_of(
    entries: &DiGraph<Entry, Wait>,
    index: &HashMap<Address, NodeIndex>,
    consumer: NodeIndex,
    edges: &mut Edges,
) -> Vec<GraphError> {
    let Some(entry) = entries.node_weight(consumer) else {
        return Vec::new();
    };
    let node = &entry.node;
    let mut errors = Vec::new();
    let mut edge = |producer: NodeIndex, wait: Wait| {
        let strongest = edges.entry((producer, consumer)).or_insert(wait);
        *strongest = wait.max(*strongest);
    };
    for reference in references(&node.spec) {
        let found = index.get(reference.address.as_str()).copied();
        let Some((producer, to)) =
            found.and_then(|producer| Some((producer, entries.node_weight(producer)?)))
        else {
            errors.push(GraphError::Dangling {
                address: node.address.clone(),
                at: reference.at,
                to: reference.address,
            });
            continue;
        };
        let known = to.kind.facts().outputs;
        if !known.contains(&reference.output.as_str()) {
            errors.push(GraphError::UnknownOutput {
                address: node.address.clone(),
                at: reference.at,
                to: to.node.address.clone(),
                output: reference.output,
                known: known.iter().map(ToString::to_string).collect(),
            });
            continue;
        }
        edge(producer, entry.waits_for(&reference));
    }
    for to in &node.after {
        match index.get(to) {
            Some(producer) => edge(*producer, Wait::Ready),
            None => errors.push(GraphError::Dangling {
                address: node.address.clone(),
                at: "depends_on".into(),
                to: to.to_string(),
            }),
        }
    }
    errors
}

/// All references that stand in a spec.
#[must_use]
pub fn references(spec: &Value) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(spec, &mut String::new(), &mut found);
    found
}

fn collect(value: &Value, at: &mut String, found: &mut Vec<Reference>) {
    let mut step = |segment: &str, inner: &Value, found: &mut Vec<Reference>| {
        let length = at.len();
        at.push('/');
        at.push_str(segment);
        collect(inner, at, found);
        at.truncate(length);
    };
    match value {
        Value::Object(map) => match operator(map) {
            Some((REF, target)) => {
                if let Some((address, output)) =
                    target.as_str().and_then(|text| text.rsplit_once('.'))
                {
                    found.push(Reference {
                        at: at.clone(),
                        address: address.into(),
                        output: output.into(),
                    });
                }
            }
            Some((_, parts)) => collect(parts, at, found),
            None => {
                for (key, inner) in map {
                    step(&crate::changes::escape(key), inner, found);
                }
            }
        },
        Value::Array(items) => {
            for (position, inner) in items.iter().enumerate() {
                step(&position.to_string(), inner, found);
            }
        }
        _ => {}
    }
}

/// One error for each group of resources that wait for each other, with a cycle through it.
fn cycles(entries: &DiGraph<Entry, Wait>) -> Vec<GraphError> {
    let components = tarjan_scc(entries);
    let knotted = components.iter().filter(|group| {
        group.len() > 1 || group.iter().any(|&node| entries.contains_edge(node, node))
    });
    knotted
        .map(|group| {
            let path = one_cycle(entries, group);
            let address = |node: &NodeIndex| {
                entries
                    .node_weight(*node)
                    .map(|entry| entry.node.address.clone())
            };
            GraphError::Cycle {
                path: path.iter().filter_map(address).collect(),
            }
        })
        .collect()
}

/// A shortest cycle through the first-declared member of a strongly connected group.
fn one_cycle(entries: &DiGraph<Entry, Wait>, group: &[NodeIndex]) -> Vec<NodeIndex> {
    let Some(&start) = group.iter().min() else {
        return Vec::new();
    };
    let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for next in entries.neighbors_directed(node, Direction::Incoming) {
            if next == start {
                let mut path = vec![start];
                let mut at = node;
                while at != start {
                    path.push(at);
                    at = came_from.get(&at).copied().unwrap_or(start);
                }
                path[1..].reverse();
                return path;
            }
            if group.contains(&next) && !came_from.contains_key(&next) {
                came_from.insert(next, node);
                queue.push_back(next);
            }
        }
    }
    vec![start]
}

/// Producers before consumers; among equals, as declared. The graph has no cycle.
fn in_order(entries: &DiGraph<Entry, Wait>) -> Vec<NodeIndex> {
    let count = |node| {
        entries
            .neighbors_directed(node, Direction::Incoming)
            .count()
    };
    let mut missing: HashMap<NodeIndex, usize> = entries
        .node_indices()
        .map(|node| (node, count(node)))
        .collect();
    let mut free: BTreeSet<NodeIndex> = missing
        .iter()
        .filter(|(_, missing)| **missing == 0)
        .map(|(node, _)| *node)
        .collect();
    let mut order = Vec::with_capacity(entries.node_count());
    while let Some(node) = free.pop_first() {
        order.push(node);
        for consumer in entries.neighbors_directed(node, Direction::Outgoing) {
            if let Some(missing) = missing.get_mut(&consumer) {
                *missing -= 1;
                if *missing == 0 {
                    free.insert(consumer);
                }
            }
        }
    }
    order
}
