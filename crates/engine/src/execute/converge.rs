//! One flow for what is new, half-created or drifted: observe, ensure, sync, verify.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::obstacle::Obstacle;
use super::watch::cadence;
use super::{Run, StepError};
use crate::diff::{Comparison, diff};
use crate::events::Event;
use crate::graph::{Entry, Wait};
use crate::plan::Action;
use crate::planner::was_ready;
use crate::retry::call_with_retries;
use crate::state::{Declaration, NewObject, Object, Record, RecordEvent, Verb, now};
use crate::{Address, AnyKind, AnyLive, Change, Changes, Class, Id, Owner, Phase, Replace};

/// How often an update is repeated that changes nothing of what differs, before we say that the cloud does not
/// take it.
const ROUNDS: u32 = 3;

/// How many updates one resource takes at most: some clouds take the parts of a change one by one.
const UPDATES: u32 = 24;

/// How long a read may lag behind an update before the update is repeated.
const LAG: Duration = Duration::from_secs(10);

/// One object on its way to what it should be.
pub(super) struct Goal<'a> {
    pub(super) address: &'a Address,
    pub(super) entry: &'a Entry,
    pub(super) desired: &'a Value,
    pub(super) begun: Instant,
    /// Tells the schedule that the cloud accepted it.
    pub(super) tell: &'a (dyn Fn() + Send + Sync),
}

impl Goal<'_> {
    pub(super) fn kind(&self) -> &Arc<dyn AnyKind> {
        &self.entry.kind
    }

    pub(super) fn scope(&self) -> &str {
        &self.entry.node.scope
    }
}

impl Run {
    /// Makes the address what it should be, and waits until it is.
    pub(super) async fn converge(
        &self,
        address: &Address,
        approved: Action,
        tell: &(dyn Fn() + Send + Sync),
    ) -> Result<Id, StepError> {
        let entry = self.entry(address)?;
        let desired = self.desired(entry)?;
        let goal = Goal {
            address,
            entry,
            desired: &desired,
            begun: Instant::now(),
            tell,
        };
        let record = match approved {
            // What was found has just been deleted, to be created again.
            Action::Replace(Replace::DeleteFirst) => self.recorded(&goal),
            _ => self.adopted(&goal).await?,
        };
        let Some(live) = self.live_of(&record) else {
            let id = self.create(&goal, record).await?;
            return self.sync(&goal, &id, None).await;
        };
        let (action, because) = self.needed(&goal, &record, live, approved);
        if action.severity() > approved.severity() {
            return Err(StepError::Worse {
                approved,
                now: action,
                because,
            });
        }
        if let Action::Replace(_) = action {
            let id = self.create(&goal, record.clone()).await?;
            return self.sync(&goal, &id, None).await;
        }
        self.sync(&goal, &live.id, Some(live.clone())).await
    }

    pub(super) fn recorded(&self, goal: &Goal<'_>) -> Record {
        let node = &goal.entry.node;
        self.session
            .record(goal.address)
            .unwrap_or_else(|| Record::new(&node.kind, &node.scope))
            .of(&node.kind, &node.scope)
    }

    /// The record of the address. An object found without an id in state becomes its own, durably.
    async fn adopted(&self, goal: &Goal<'_>) -> Result<Record, StepError> {
        let record = self.recorded(goal);
        let Some(candidate) = self.observed.found.get(goal.address) else {
            return Ok(record);
        };
        if record
            .object
            .as_ref()
            .is_some_and(|object| object.id == candidate.id)
        {
            return Ok(record);
        }
        let tagged = candidate.owner.as_ref().map(|owner| owner.generation);
        let begun = record.creating.as_ref().map(|creating| creating.generation);
        let new = NewObject {
            id: candidate.id.clone(),
            generation: tagged.or(begun).unwrap_or(record.generation.max(1)),
            // What no creation of ours was open for has been there for long.
            made: begun.map_or(0, |_| now()),
            intended: Value::Null,
            outlived: self.live_of(&record).is_some(),
        };
        let record = record.apply(RecordEvent::Adopted(new))?;
        self.session
            .outcome(Verb::Adopt, goal.address, Some(record.clone()))
            .await?;
        Ok(record)
    }

    /// What has to be done now that every value is known, and the path that decides it.
    fn needed(
        &self,
        goal: &Goal<'_>,
        record: &Record,
        live: &AnyLive,
        approved: Action,
    ) -> (Action, String) {
        let changes = self.changes(goal, record, live);
        let immutable = changes.iter().find(|change| goal.kind().replaces(change));
        match (immutable, changes.first(), &live.phase) {
            (_, _, Phase::Failed(why)) if !was_ready(Some(record), live, goal.kind().facts()) => {
                let order = match approved {
                    Action::Replace(order) => order,
                    _ => Replace::DeleteFirst,
                };
                (Action::Replace(order), why.clone())
            }
            (_, _, Phase::Deleting) => {
                (Action::Replace(Replace::DeleteFirst), "its deletion".into())
            }
            _ if self.asked.contains(goal.address) => (approved, "--replace".into()),
            (Some(change), ..) => {
                let order = match approved {
                    Action::Replace(order) => order,
                    _ => goal.kind().replacement(&live.spec, Some(goal.desired)),
                };
                (Action::Replace(order), change.path.clone())
            }
            (None, Some(change), _) => (Action::Update, change.path.clone()),
            (None, None, _) => (Action::NoOp, String::new()),
        }
    }

    fn changes(&self, goal: &Goal<'_>, record: &Record, live: &AnyLive) -> Vec<Change> {
        let object = record.object.as_ref().filter(|object| object.id == live.id);
        let last = object.map_or(&Value::Null, |object| &object.spec);
        let mut changes = diff(&Comparison {
            facts: goal.kind().facts(),
            desired: goal.desired,
            live,
            last,
            owner: &self.owner(goal.address, object),
            salt: &self.session.lineage(),
        });
        changes.retain(|change| !goal.kind().tolerates(change, last.pointer(&change.path)));
        changes
    }

    fn owner(&self, address: &Address, object: Option<&Object>) -> Owner {
        self.session
            .owner(address, object.map_or(1, |object| object.generation))
    }

    /// Waits until the object is ready, sets what differs, and verifies that nothing does any more.
    async fn sync(
        &self,
        goal: &Goal<'_>,
        id: &Id,
        mut live: Option<AnyLive>,
    ) -> Result<Id, StepError> {
        let (mut rounds, mut before) = (0, Vec::new());
        // Something was under way when this run began: an update, perhaps, of a run that was cut off.
        let resumed = live
            .as_ref()
            .is_some_and(|live| matches!(live.phase, Phase::Settling(_)));
        for updates in 0.. {
            let ready = match live.take() {
                Some(live) if live.phase.is_at_rest() => self.seen(goal, live),
                _ => self.until_ready(goal, id).await?,
            };
            let record = self.recorded(goal);
            let changes = self.changes(goal, &record, &ready);
            let paths = || changes.iter().map(|change| change.path.clone()).collect();
            let immutable = changes.iter().any(|change| goal.kind().replaces(change));
            rounds = if changes == before { rounds + 1 } else { 0 };
            if immutable || rounds == ROUNDS || updates == UPDATES && !changes.is_empty() {
                return Err(StepError::NotTaken { paths: paths() });
            }
            if !changes.is_empty() && (updates > 0 || resumed) {
                self.unless_refused(goal, &ready, updates == 0).await?;
            }
            before.clone_from(&changes);
            let Some(changes) = Changes::new(changes) else {
                self.settled(goal, record, &ready).await?;
                return Ok(id.clone());
            };
            self.update(goal, &record, &ready, &changes).await?;
            live = Some(self.after_update(goal, &record, id, &changes).await?);
        }
        Ok(id.clone())
    }

    /// An update that the cloud accepted and then gave up is not made again: it would end in the same way. What cannot
    /// be found out does not keep anything from being tried.
    async fn unless_refused(
        &self,
        goal: &Goal<'_>,
        live: &AnyLive,
        resumed: bool,
    ) -> Result<(), StepError> {
        let what = format!("reading the last update of {}", goal.address);
        match call_with_retries(&self.teller, what, || {
            goal.kind().failed_update(live, resumed)
        })
        .await
        {
            Ok(Some(why)) => Err(StepError::NotUpdated {
                id: live.id.clone(),
                why,
            }),
            Ok(None) => Ok(()),
            Err(error) => {
                tracing::debug!(%error, "cannot determine what became of the update");
                Ok(())
            }
        }
    }

    fn seen(&self, goal: &Goal<'_>, live: AnyLive) -> AnyLive {
        self.publish(goal.address, &live);
        if live.phase.is_usable() || self.has_early_outputs(goal.address, &live) {
            (goal.tell)();
        }
        live
    }

    /// Whether all is known that consumers want before the object is ready. Some of it may come to be a while
    /// after the cloud accepted the object.
    fn has_early_outputs(&self, address: &Address, live: &AnyLive) -> bool {
        let wanted = self
            .graph
            .iter()
            .flat_map(|graph| graph.early_outputs(address.as_str()));
        let known = live.known_outputs();
        wanted
            .into_iter()
            .all(|output| known.get(&output).is_some())
    }

    /// Waits until the object is ready. A status is said with what is in the way, if the kind can find that out; a failed
    /// state ends the waiting at once.
    async fn until_ready(&self, goal: &Goal<'_>, id: &Id) -> Result<AnyLive, StepError> {
        let timing = goal.kind().facts().timing;
        let usual = self.usual(timing.create);
        let mut delay = Duration::ZERO;
        let mut told = false;
        let mut obstacle = Obstacle::default();
        loop {
            let live = self.look(goal.kind(), goal.scope(), id, delay).await?;
            let after = goal.begun.elapsed();
            let status = match live {
                Some(live) => {
                    self.tell_accepted(goal, id, &mut told);
                    let live = self.seen(goal, live);
                    match self.progress(goal, &live, &mut obstacle, usual).await? {
                        None => return Ok(live),
                        Some(status) => status,
                    }
                }
                None if after > timing.limit => {
                    let id = id.clone();
                    return Err(StepError::Vanished { id, after });
                }
                None => "not visible yet".to_owned(),
            };
            let (id, status) = (id.clone(), obstacle.with(&status));
            if let Some(helper) = self.failed_helper(goal) {
                return Err(StepError::Unhelped { id, status, helper });
            }
            if after > timing.limit {
                return Err(StepError::TimedOut { id, status, after });
            }
            self.tell_waiting(goal.address, status, after, usual);
            delay = cadence(after, usual);
        }
    }

    /// Says once that the cloud has accepted an object.
    fn tell_accepted(&self, goal: &Goal<'_>, id: &Id, told: &mut bool) {
        if !std::mem::replace(told, true) {
            (self.listener)(Event::Accepted {
                address: goal.address.clone(),
                id: id.clone(),
            });
        }
    }

    /// The status of an object that is not ready yet; none when there is nothing more to wait for.
    async fn progress(
        &self,
        goal: &Goal<'_>,
        live: &AnyLive,
        obstacle: &mut Obstacle,
        usual: Duration,
    ) -> Result<Option<String>, StepError> {
        match &live.phase {
            phase if phase.is_at_rest() => Ok(None),
            Phase::Failed(why) => {
                obstacle.ask(goal.kind(), live).await;
                let (id, why) = (live.id.clone(), obstacle.with(why));
                let record = self.session.record(goal.address);
                Err(
                    match was_ready(record.as_ref(), live, goal.kind().facts()) {
                        true => StepError::Broken { id, why },
                        false => StepError::FailedState { id, why },
                    },
                )
            }
            Phase::Settling(status) => {
                if obstacle.is_due(goal.begun.elapsed(), usual) {
                    obstacle.ask(goal.kind(), live).await;
                }
                Ok(Some(status.clone()))
            }
            _ => Ok(Some("being deleted".to_owned())),
        }
    }

    /// A resource that this one needs to get ready, and that has failed in this run.
    fn failed_helper(&self, goal: &Goal<'_>) -> Option<Address> {
        let helps = goal.kind().facts().helped_by;
        if helps.is_empty() {
            return None;
        }
        let consumers = self
            .graph
            .iter()
            .flat_map(|graph| graph.consumers(goal.address.as_str()));
        let mut helpers = consumers.filter(|entry| helps.contains(&entry.node.kind.as_str()));
        helpers
            .find(|entry| self.has_failed(&entry.node.address))
            .map(|entry| entry.node.address.clone())
    }

    async fn update(
        &self,
        goal: &Goal<'_>,
        record: &Record,
        live: &AnyLive,
        changes: &Changes,
    ) -> Result<(), StepError> {
        // Until its outcome is known it may depend on what it did, and on what it is about to.
        let record = &record.clone().apply(RecordEvent::Updating(
            self.intended(goal),
            self.dependencies(goal.address, record, true),
        ))?;
        self.session
            .intent(Verb::Update, goal.address, Some(record.clone()))
            .await?;
        let owner = self.owner(goal.address, record.object.as_ref());
        let limit = goal.kind().facts().timing.limit;
        let transient = |error: &crate::CloudError| {
            error.class.is_transient() || error.class == Class::NotFound
        };
        let call = || goal.kind().update(live, goal.desired, changes, &owner);
        let result = self.call(goal.address, limit, transient, call).await;
        match &result {
            Ok(()) => {
                self.session
                    .outcome(Verb::Update, goal.address, Some(record.clone()))
                    .await?
            }
            Err(error) => {
                self.session
                    .failure(Verb::Update, goal.address, record.clone(), error)
                    .await?
            }
        }
        result
    }

    /// Reads may lag behind the update: look until they show it, for a while. Where they show a part of it,
    /// the kind has left the rest to another update.
    async fn after_update(
        &self,
        goal: &Goal<'_>,
        record: &Record,
        id: &Id,
        asked: &Changes,
    ) -> Result<AnyLive, StepError> {
        let updated = Instant::now();
        let usual = self.usual(goal.kind().facts().timing.update);
        let mut delay = Duration::ZERO;
        loop {
            let live = self.look(goal.kind(), goal.scope(), id, delay).await?;
            let elapsed = updated.elapsed();
            match live {
                Some(live) if !live.phase.is_at_rest() => return Ok(live),
                Some(live)
                    if !self.changes(goal, record, &live).iter().eq(asked.iter())
                        || elapsed > LAG =>
                {
                    return Ok(live);
                }
                None if elapsed > goal.kind().facts().timing.limit => {
                    return Err(StepError::Vanished {
                        id: id.clone(),
                        after: elapsed,
                    });
                }
                _ => delay = cadence(elapsed, usual),
            }
            self.tell_waiting(
                goal.address,
                "the change is not visible yet".to_owned(),
                elapsed,
                usual,
            );
        }
    }

    /// Everything is as it should be: that is what state says from now on.
    async fn settled(
        &self,
        goal: &Goal<'_>,
        record: Record,
        live: &AnyLive,
    ) -> Result<(), StepError> {
        self.publish(goal.address, live);
        let new = record.clone().apply(RecordEvent::Settled(
            live.id.clone(),
            self.concealed(goal),
            live.outputs.clone(),
            self.declared(goal, &record, false),
        ))?;
        if new != record || self.session.record(goal.address).is_none() {
            self.session
                .outcome(Verb::Settle, goal.address, Some(new))
                .await?;
        }
        Ok(())
    }

    /// What the stack file says beside the spec; see [`Run::dependencies`] for `open`.
    pub(super) fn declared(&self, goal: &Goal<'_>, record: &Record, open: bool) -> Declaration {
        let node = &goal.entry.node;
        Declaration {
            dependencies: self.dependencies(goal.address, record, open),
            protect: node.protect,
            ephemeral: node.ephemeral,
        }
    }

    /// What the address depends on; while a change of it is `open`, what it depended on before, too.
    pub(super) fn dependencies(
        &self,
        address: &Address,
        record: &Record,
        open: bool,
    ) -> Vec<Address> {
        let producers = self
            .graph
            .iter()
            .flat_map(|graph| graph.producers(address.as_str()));
        let mut dependencies: Vec<Address> = producers
            .map(|(producer, _): (&Address, Wait)| producer.clone())
            .collect();
        if open {
            dependencies.extend(record.dependencies.iter().cloned());
        }
        dependencies.sort();
        dependencies.dedup();
        dependencies
    }
}
