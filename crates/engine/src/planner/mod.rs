//! Desired graph, last state and live objects give a plan. Pure: it calls nothing and writes nothing.

mod data;
mod order;
mod phase;
mod released;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use crate::diff::{Comparison, diff, is_sensitive};
use crate::graph::{Entry, Graph};
use crate::observe::Observed;
use crate::partial::{completed, normalised};
use crate::plan::{Action, Plan, Reason, Refusal, Step, StepChange};
use crate::resolve::{KnownOutputs, is_known, resolve};
use crate::select::{Selection, orphaned};
use crate::state::{Illegal, Record, RecordEvent, State};
use crate::{Address, AnyLive, Catalog, Change, Id, Owner, Phase, Replace};
pub use data::DataLoss;
pub(crate) use phase::was_ready;

/// What the user asked for beside the stack file.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// New address → old address of resources that were renamed in the file, and have been in `state`.
    pub moved: BTreeMap<Address, Address>,
    /// Whose data may be lost.
    pub data_loss: DataLoss,
    /// Which part of the stack it is about.
    pub selection: Selection,
}

/// Renames records as the stack file says. Answers new → old for what really moved.
pub fn apply_moves(
    state: &mut State,
    moved: &BTreeMap<Address, Address>,
) -> (BTreeMap<Address, Address>, Vec<Refusal>) {
    let (mut done, mut refusals) = (BTreeMap::new(), Vec::new());
    for (from, to) in moved {
        let Some(record) = state.resources.get(from).cloned() else {
            continue;
        };
        let refused = if state.resources.contains_key(to) {
            Err("both are in the state".to_owned())
        } else {
            move_record(state, record, from, to).map_err(|illegal| illegal.to_string())
        };
        match refused {
            Ok(()) => drop(done.insert(to.clone(), from.clone())),
            Err(why) => refusals.push(Refusal::Move {
                from: from.clone(),
                to: to.clone(),
                why,
            }),
        }
    }
    (done, refusals)
}

/// Gives a record another address, and tells the records that depend on it. In memory: carrying the plan out writes it.
fn move_record(
    state: &mut State,
    record: Record,
    from: &Address,
    to: &Address,
) -> Result<(), Illegal> {
    let record = record.apply(RecordEvent::Moved(from.clone()))?;
    state.resources.remove(from);
    state.resources.insert(to.clone(), record);
    for record in state.resources.values_mut() {
        let (from, to) = (from.clone(), to.clone());
        *record = record
            .clone()
            .apply(RecordEvent::DependencyMoved { from, to })?;
    }
    Ok(())
}

/// Plans to converge the cloud to the graph.
#[must_use]
pub fn plan(
    graph: &Graph,
    state: &State,
    observed: &Observed,
    catalog: &dyn Catalog,
    options: &PlanOptions,
) -> Plan {
    let mut planner = Planner {
        graph,
        state,
        observed,
        options,
        known: KnownOutputs::default(),
        replaced: HashMap::new(),
        failed: HashSet::new(),
        plan: empty(state, graph.nodes()),
    };
    let picked = options.selection.picked(Some(graph), state);
    planner
        .plan
        .refusals
        .extend(options.selection.unknown(Some(graph), state));
    planner
        .plan
        .refusals
        .extend(observed.refusals.iter().cloned());
    for entry in graph.in_order() {
        if picked.contains(&entry.node.address) {
            planner.visit(entry);
        } else if options.selection.takes(&entry.node.address) {
            planner.take(entry);
        }
    }
    // Where a run is about some resources alone, it deletes nothing.
    let deletes = options.selection.only.is_empty();
    for (address, record) in state.resources.iter().rev().filter(|_| deletes) {
        if graph.get(address.as_str()).is_none() && picked.contains(address) {
            planner
                .plan
                .steps
                .push(deletion(address, record, observed, Reason::NotDeclared));
        }
    }
    let mut plan = planner.plan;
    data::spare(&mut plan, state, observed, catalog, &options.data_loss);
    data::keep(&mut plan, state, observed, catalog);
    data::refuse(&mut plan, state, observed, catalog, &options.data_loss);
    plan.refusals.extend(orphaned(&plan, &picked, state));
    plan
}

/// Plans to delete everything that state knows.
#[must_use]
pub fn plan_destroy(
    state: &State,
    observed: &Observed,
    catalog: &dyn Catalog,
    options: &PlanOptions,
) -> Plan {
    let mut plan = empty(state, Vec::new());
    let picked = options.selection.picked(None, state);
    plan.refusals.extend(options.selection.unknown(None, state));
    plan.refusals.extend(observed.refusals.iter().cloned());
    for (address, record) in state
        .resources
        .iter()
        .rev()
        .filter(|(address, _)| picked.contains(*address))
    {
        plan.steps
            .push(deletion(address, record, observed, Reason::Destroyed));
    }
    data::spare(&mut plan, state, observed, catalog, &options.data_loss);
    data::keep(&mut plan, state, observed, catalog);
    data::refuse(&mut plan, state, observed, catalog, &options.data_loss);
    plan
}

fn empty(state: &State, nodes: Vec<crate::graph::Node>) -> Plan {
    Plan {
        stack: state.stack.clone(),
        lineage: state.lineage.clone(),
        serial: state.serial,
        nodes,
        steps: Vec::new(),
        released: BTreeMap::new(),
        behind: BTreeMap::new(),
        contents: BTreeMap::new(),
        refusals: Vec::new(),
    }
}

/// The step that deletes an address. Where state has an object and another one was found by its tags (a replacement
/// that was cut off before its outcome was durable), both are deleted.
fn deletion(address: &Address, record: &Record, observed: &Observed, reason: Reason) -> Step {
    let found = observed
        .found
        .get(address)
        .map(|candidate| candidate.id.clone());
    let recorded = record.object.as_ref().map(|object| object.id.clone());
    let beside = found.clone().filter(|_| recorded.is_some());
    let kept = record
        .kept_for
        .clone()
        .map(|for_what| Reason::Kept { for_what });
    Step {
        address: address.clone(),
        kind: record.kind.clone(),
        scope: record.scope.clone(),
        action: if kept.is_some() {
            Action::Keep
        } else {
            Action::Delete
        },
        reasons: std::iter::once(reason).chain(kept).collect(),
        changes: Vec::new(),
        desired: None,
        target: None,
        moved_on: Vec::new(),
        id: recorded.or(found),
        deposed: record
            .deposed
            .iter()
            .map(|object| object.id.clone())
            .chain(beside)
            .collect(),
        settling: false,
        health: None,
        unseen: observed.unseen.get(address).cloned(),
        unmanaged: Vec::new(),
    }
}

struct Planner<'a> {
    graph: &'a Graph,
    state: &'a State,
    observed: &'a Observed,
    options: &'a PlanOptions,
    known: KnownOutputs,
    replaced: HashMap<Address, Replace>,
    /// What is replaced because its creation failed.
    failed: HashSet<Address>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    /// Plans one resource. Producers come before their consumers, so that what is known of an output decides whether a
    /// consumer changes: that of an unchanged producer is known, that of a replaced one is not, and a reference to it
    /// makes the consumer's field unknown, which counts as a change.
    ///
    /// A resource that cannot be planned gets a refusal and no step. Planning goes on: a user wants all of what is wrong
    /// at once, and a plan with a refusal is never carried out.
    fn visit(&mut self, entry: &Entry) {
        let node = &entry.node;
        if let Some(refusal) = self.lacks(entry) {
            return self.plan.refusals.push(refusal);
        }
        let desired = resolve(&node.spec, &self.known);
        let desired = match self.checked(entry, desired) {
            Ok(desired) => desired,
            Err(refusal) => return self.plan.refusals.push(refusal),
        };
        if let Some(refusal) = self.another(entry) {
            return self.plan.refusals.push(refusal);
        }
        let live = self
            .observed
            .live(self.state, &node.address, &node.kind, &node.scope);
        let mut step = match live {
            None => self.creation(entry, desired.clone()),
            Some(live) => self.comparison(entry, desired.clone(), live),
        };
        if let (Some(live), Action::NoOp | Action::Update) = (live, step.action) {
            let last = self.last(&node.address, &live.id);
            let released = released::released(entry.kind.facts(), &desired, last, live);
            if !released.is_empty() {
                self.plan.released.insert(node.address.clone(), released);
            }
        }
        step.deposed = self.deposed(entry);
        step.reasons.extend(
            step.deposed
                .iter()
                .map(|id| Reason::Deposed { id: id.clone() }),
        );
        self.publish(entry, &step, live);
        self.plan.steps.push(step);
    }

    /// Takes a resource as it is, because the run is not about it: consumers get the outputs that it has.
    fn take(&mut self, entry: &Entry) {
        if let Some(live) = self.live(entry) {
            self.known.set(entry.node.address.clone(), live);
        }
    }

    fn live(&self, entry: &Entry) -> Option<&'a AnyLive> {
        let node = &entry.node;
        let observed: &'a Observed = self.observed;
        observed.live(self.state, &node.address, &node.kind, &node.scope)
    }

    /// What a resource needs is taken as it is, and is not there yet.
    fn lacks(&self, entry: &Entry) -> Option<Refusal> {
        let address = &entry.node.address;
        let missing = |producer: &&Address| {
            let entry = self.graph.get(producer.as_str());
            self.options.selection.takes(producer)
                && entry.is_some_and(|entry| self.live(entry).is_none())
        };
        let mut producers = self.graph.producers(address.as_str());
        let missing = producers.find_map(|(one, _)| Some(one).filter(missing))?;
        Some(Refusal::NotThere {
            address: missing.clone(),
            needed_by: address.clone(),
        })
    }

    /// One address cannot stand for objects of two kinds, or in two places, while one takes the other's place.
    fn another(&self, entry: &Entry) -> Option<Refusal> {
        let (node, record) = (&entry.node, self.state.resources.get(&entry.node.address)?);
        let same = record.kind == node.kind && record.scope == node.scope;
        (!same && !record.is_empty()).then(|| Refusal::Another {
            address: node.address.clone(),
            was: format!("{} in {}", record.kind, record.scope),
            is: format!("{} in {}", node.kind, node.scope),
        })
    }

    /// A spec that is fully known is checked and normalised now: a plan that passes must not fail later.
    fn checked(&self, entry: &Entry, desired: Value) -> Result<Value, Refusal> {
        if !is_known(&desired) {
            return Ok(desired);
        }
        entry
            .kind
            .resolve(desired)
            .map_err(|error| Refusal::Invalid {
                address: entry.node.address.clone(),
                kind: entry.node.kind.clone(),
                path: error.path,
                message: error.message,
            })
    }

    fn step(&self, entry: &Entry, action: Action, reasons: Vec<Reason>) -> Step {
        Step {
            address: entry.node.address.clone(),
            kind: entry.node.kind.clone(),
            scope: entry.node.scope.clone(),
            action,
            reasons,
            changes: Vec::new(),
            desired: None,
            target: None,
            moved_on: Vec::new(),
            id: None,
            deposed: Vec::new(),
            settling: false,
            health: None,
            unseen: self.observed.unseen.get(&entry.node.address).cloned(),
            unmanaged: Vec::new(),
        }
    }

    fn creation(&self, entry: &Entry, desired: Value) -> Step {
        let record = self.state.resources.get(&entry.node.address);
        let reason = match record {
            Some(Record {
                object: Some(object),
                ..
            }) => Reason::DeletedOutside {
                id: object.id.clone(),
            },
            Some(Record {
                creating: Some(_), ..
            }) => Reason::NeverArrived,
            _ => Reason::New,
        };
        let mut step = self.step(entry, Action::Create, vec![reason]);
        step.desired = Some(desired);
        step
    }

    /// What becomes of an object that is there. Its state comes before its fields: what failed before it was ever ready
    /// is replaced even if its spec is as declared, and what is being deleted cannot be updated. An object that stays
    /// is asked whether it holds on to something that has to be deleted first (`held`); one that is replaced lets go.
    fn comparison(&mut self, entry: &Entry, desired: Value, live: &AnyLive) -> Step {
        let (moved_on, changes) = self.changes(entry, &desired, live);
        let mut reasons = self.reasons(entry, &changes);
        reasons.extend(self.because_of_phase(entry, live));
        if self.options.selection.replaces(&entry.node.address) {
            reasons.push(Reason::Asked);
        }
        let whole = self.part_of(entry);
        reasons.extend(whole.map(|whole| Reason::PartOf { whole }));
        let again = reasons.iter().any(Reason::replaces);
        let action = match (again, changes.is_empty()) {
            (true, _) => Action::Replace(self.order(entry, &desired, live, &reasons)),
            (false, false) => Action::Update,
            (false, true) => Action::NoOp,
        };
        if !again && let Some(refusal) = self.held(entry, live) {
            self.plan.refusals.push(refusal);
        }
        let mut step = self.step(entry, action, reasons);
        step.settling = matches!(live.phase, Phase::Settling(_));
        step.health = match &live.phase {
            Phase::Degraded(why) => Some(why.clone()),
            _ => None,
        };
        step.id = Some(live.id.clone());
        step.unmanaged.clone_from(&live.unmanaged);
        step.changes = changes;
        step.moved_on = moved_on;
        match action {
            Action::Replace(_) => step.desired = Some(desired),
            Action::Update => step.target = completed(&*entry.kind, &desired, &live.spec),
            _ => {}
        }
        step
    }

    /// What the cloud moved by itself, and what is to be changed.
    fn changes(
        &self,
        entry: &Entry,
        desired: &Value,
        live: &AnyLive,
    ) -> (Vec<Change>, Vec<StepChange>) {
        let last = self.last(&entry.node.address, &live.id);
        let desired = &normalised(&*entry.kind, desired, &live.spec);
        let owner = self.owner(entry, live);
        let facts = entry.kind.facts();
        let salt = &self.state.lineage;
        let found = diff(&Comparison {
            facts,
            desired,
            live,
            last,
            owner: &owner,
            salt,
        });
        let tolerated = |change: &Change| entry.kind.tolerates(change, last.pointer(&change.path));
        let (moved_on, found): (Vec<_>, Vec<_>) = found.into_iter().partition(tolerated);
        let changes = found.into_iter().map(|change| StepChange {
            forces_replacement: entry.kind.replaces(&change),
            sensitive: is_sensitive(facts, &change.path),
            drift: has_drifted(&change, last),
            change,
        });
        (moved_on, changes.collect())
    }

    /// The spec applied last, if it was applied to this very object: what was applied to one that has been replaced
    /// since, or deleted by hand, says nothing about the drift of its successor.
    fn last(&self, address: &Address, id: &Id) -> &Value {
        let object = self
            .state
            .resources
            .get(address)
            .and_then(|record| record.object.as_ref());
        object
            .filter(|object| object.id == *id)
            .map_or(&Value::Null, |object| &object.spec)
    }

    /// What the ownership tags have to say. The generation is the recorded one, or else the one that the tags have:
    /// an object that is adopted keeps its number, because a second object of a lower one may still turn up.
    fn owner(&self, entry: &Entry, live: &AnyLive) -> Owner {
        let address = &entry.node.address;
        let record = self
            .state
            .resources
            .get(address)
            .and_then(|record| record.object.as_ref());
        let recorded = record
            .filter(|object| object.id == live.id)
            .map(|object| object.generation);
        let tagged = live.owner.as_ref().map(|owner| owner.generation);
        self.state.owner(address, recorded.or(tagged).unwrap_or(1))
    }

    fn reasons(&self, entry: &Entry, changes: &[StepChange]) -> Vec<Reason> {
        let address = &entry.node.address;
        let mut reasons = Vec::new();
        if let Some(candidate) = self.observed.found.get(address) {
            reasons.push(Reason::Adopted {
                id: candidate.id.clone(),
            });
        }
        if let Some(from) = self.options.moved.get(address) {
            reasons.push(Reason::Moved { from: from.clone() });
        }
        if changes.iter().any(|change| change.drift) {
            reasons.push(Reason::Drifted);
        }
        let restored = |change: &StepChange| change.change.path == crate::Changes::RESTORE;
        if reasons.is_empty() && !changes.iter().all(restored) {
            reasons.push(Reason::Changed);
        }
        let immutable = changes.iter().filter(|change| change.forces_replacement);
        reasons.extend(immutable.map(|change| Reason::Immutable {
            path: change.change.path.clone(),
        }));
        reasons
    }

    /// Old objects of the address: deposed ones, and the one whose replacement was created by a run that
    /// was cut off before it could say so.
    fn deposed(&self, entry: &Entry) -> Vec<Id> {
        let address = &entry.node.address;
        let Some(record) = self.state.resources.get(address) else {
            return Vec::new();
        };
        let found = self
            .observed
            .found
            .get(address)
            .map(|candidate| &candidate.id);
        let replaced = record.object.iter().filter(|object| {
            let live = self
                .observed
                .get(&record.kind, &record.scope, &object.id)
                .is_some();
            live && found.is_some_and(|found| *found != object.id)
        });
        record
            .deposed
            .iter()
            .chain(replaced)
            .map(|object| object.id.clone())
            .collect()
    }

    /// Tells consumers what this plan knows of this resource. After an update only the outputs that an update can change
    /// (`VOLATILE`) become unknown; to forget all of them would plan changes for every consumer that come to nothing.
    fn publish(&mut self, entry: &Entry, step: &Step, live: Option<&AnyLive>) {
        let address = &entry.node.address;
        match (step.action, live) {
            (Action::NoOp, Some(live)) => self.known.set(address.clone(), live),
            (Action::Update, Some(live)) => {
                self.known.set(address.clone(), live);
                let facts = entry.kind.facts();
                let changed: Vec<&str> = step
                    .changes
                    .iter()
                    .map(|change| change.change.path.as_str())
                    .collect();
                self.known
                    .forget(address, |output| !facts.may_change(output, &changed));
                self.known.amend(address, renamed(facts, step));
            }
            _ => self.known.foresee(address.clone(), foreseen(entry, step)),
        }
        if let Action::Replace(order) = step.action {
            self.replaced.insert(address.clone(), order);
            if step
                .reasons
                .iter()
                .any(|reason| matches!(reason, Reason::Failed { .. }))
            {
                self.failed.insert(address.clone());
            }
        }
    }
}

/// What outputs become that follow a field of the same name.
fn renamed(facts: &crate::Facts, step: &Step) -> serde_json::Map<String, Value> {
    let becomes = |(name, _): &(&str, &[&str])| {
        let path = format!("/{}", crate::changes::escape(name));
        let change = step
            .changes
            .iter()
            .find(|change| change.change.path == path)?;
        let value = change.change.after.as_ref();
        let value = value.filter(|value| is_known(value) && !value.is_null())?;
        Some(((*name).to_owned(), value.clone()))
    };
    facts.follows.iter().filter_map(becomes).collect()
}

/// What is known of an object before it is created: outputs that are named like a field are that field.
fn foreseen(entry: &Entry, step: &Step) -> serde_json::Map<String, Value> {
    let stated = |name: &&str| {
        step.desired
            .as_ref()?
            .get(name)
            .filter(|value| is_known(value) && !value.is_null())
    };
    let outputs = entry.kind.facts().outputs.iter();
    outputs
        .filter_map(|name| Some(((*name).to_owned(), stated(name)?.clone())))
        .collect()
}

/// Whether the live value is no longer what was last applied, though that is still what is wanted.
fn has_drifted(change: &Change, last: &Value) -> bool {
    if change.path == crate::Changes::OWNER {
        // An older platctl wrote no lineage: its tags are only not complete.
        let whole = change
            .before
            .as_ref()
            .is_some_and(|owner| owner.get("lineage").is_some());
        return whole && !last.is_null();
    }
    !last.is_null() && change.after.is_some() && last.pointer(&change.path) == change.after.as_ref()
}
