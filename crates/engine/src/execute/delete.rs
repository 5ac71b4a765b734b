//! Deletion, until it is really gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::create::Search;
use super::detach::Strangers;
use super::watch::cadence;
use super::{Kept, Run, StepError};
use crate::schedule::Work;
use crate::state::{Ended, Fate, NewObject, Record, RecordEvent, Verb};
use crate::{
    Address, AnyKind, AnyLive, Change, Changes, Class, CloudError, CloudResult, Id, Identity, Phase,
};

/// For how long what was found may be invisible to a describe.
const LAG: Duration = Duration::from_secs(10);

/// For how long what had failed before may look as if nothing had been done about it.
const FAILED: Duration = Duration::from_secs(60);

impl Run {
    /// Deletes one object of the address, and waits until it is gone.
    pub(super) async fn delete(
        &self,
        address: &Address,
        id: Option<&Id>,
        deposed: bool,
    ) -> Result<(), StepError> {
        let Some(record) = self.recorded_or_found(address, id) else {
            return Ok(());
        };
        let Some(id) = id else {
            return self.delete_nameless(address, record).await;
        };
        let stays = self.keep.contains_key(address);
        if deposed && stays && !record.deposed.iter().any(|old| old.id == *id) {
            // The replacement turned out to be unnecessary: this object is the one that stands.
            return Ok(());
        }
        let ended = match self.observed.get(&record.kind, &record.scope, id) {
            Some(live) => self.delete_live(address, &record, live).await?,
            None => self.missing(address, &record, id).await?,
        };
        self.clear_up(address, &record, id).await?;
        // Objects of one address may be deleted side by side: what counts is the record now.
        let record = self.session.record(address).unwrap_or(record);
        self.forget(address, record, Some(id), Some(ended)).await?;
        match self.session.record(address) {
            // A creation that was begun and never seen again may still arrive.
            Some(left)
                if !stays
                    && !self.observed.found.contains_key(address)
                    && left.object.is_none() =>
            {
                self.delete_nameless(address, left).await
            }
            _ => Ok(()),
        }
    }

    /// Forgets the address and leaves its object where it is, as nobody's: a later stack of this name is not to
    /// meet it as one of its own.
    pub(super) async fn keep(&self, address: &Address) -> Result<Option<Id>, StepError> {
        let Some(record) = self.session.record(address) else {
            return Ok(None);
        };
        let id = record.object.as_ref().map(|object| object.id.clone());
        if let Some(live) = self.live_of(&record).filter(|live| live.owner.is_some()) {
            self.disown(address, &record, live).await?;
        }
        let ended = id.as_ref().map(|id| {
            let fate = match self.live_of(&record) {
                Some(_) => Fate::Kept {
                    for_what: self
                        .copies_in(address, id)
                        .or_else(|| record.kept_for.clone()),
                },
                None => Fate::Missing,
            };
            self.end(address, &record, id, fate)
        });
        self.session
            .ended(
                Verb::Forget,
                address,
                None,
                ended.filter(|_| self.graph.is_none()),
            )
            .await?;
        Ok(id)
    }

    async fn disown(
        &self,
        address: &Address,
        record: &Record,
        live: &AnyLive,
    ) -> Result<(), StepError> {
        let Some(owner) = live.owner.as_ref().filter(|_| live.phase.is_at_rest()) else {
            return Ok(());
        };
        let before = serde_json::to_value(owner).ok();
        let change = Change {
            path: Changes::OWNER.into(),
            before,
            after: None,
        };
        let (kind, changes) = (self.bound(record)?, Changes::new(vec![change]));
        let Some(changes) = changes.filter(|_| kind.facts().tagged) else {
            return Ok(());
        };
        let transient = |error: &CloudError| error.class.is_transient();
        let call = || kind.update(live, &live.spec, &changes, owner);
        self.call(address, kind.facts().timing.limit, transient, call)
            .await
    }

    /// What an operation has left in the cloud on purpose.
    pub(super) fn kept_by(&self, address: &Address, work: &Work, id: Option<&Id>) -> Option<Kept> {
        let what = match work {
            Work::Keep => {
                let id = id?;
                self.copies_in(address, id)
                    .unwrap_or_else(|| id.to_string())
            }
            Work::Delete { id, .. } => {
                let (kind, scope) = self.places.get(address)?;
                let live = self.observed.get(kind, scope, id.as_ref()?)?;
                self.catalog.bind(kind, scope)?.leaves(live)?.what
            }
            Work::Converge(_) | Work::Vacate { .. } => return None,
        };
        Some(Kept {
            address: address.clone(),
            what,
        })
    }

    /// What a kept object is kept for, where that is in it.
    fn copies_in(&self, address: &Address, id: &Id) -> Option<String> {
        let (kind, scope) = self.places.get(address)?;
        let live = self.observed.get(kind, scope, id)?;
        self.catalog
            .bind(kind, scope)?
            .last_copies(live)
            .map(|copies| copies.what)
    }

    /// The record of the address; for an object that state never knew, one made up for it.
    fn recorded_or_found(&self, address: &Address, id: Option<&Id>) -> Option<Record> {
        let found = || {
            let candidate = self
                .observed
                .found
                .get(address)
                .filter(|found| Some(&found.id) == id)?;
            let node = &self.entry(address).ok()?.node;
            let new = NewObject {
                id: candidate.id.clone(),
                generation: candidate.owner.as_ref().map_or(1, |owner| owner.generation),
                made: 0,
                intended: Value::Null,
                outlived: false,
            };
            let record = Record::new(&node.kind, &node.scope);
            record.apply(RecordEvent::Adopted(new)).ok()
        };
        self.session.record(address).or_else(found)
    }

    /// An address without an object may still have one coming: a creation whose answer was lost is
    /// looked for until reads have caught up, so that nothing is left behind.
    async fn delete_nameless(&self, address: &Address, record: Record) -> Result<(), StepError> {
        if let Some(creating) = &record.creating {
            let kind = self.bound(&record)?;
            let owner = self.claimed_by(address, creating.generation);
            let search = Search {
                kind: &kind,
                spec: &creating.spec,
                owner: &owner,
                record: &record,
            };
            if let Some(found) = self.search(&search, creating).await?
                && let Some(live) = self
                    .look_until_seen(&kind, &record.scope, &found.id)
                    .await?
            {
                let ended = self.delete_live(address, &record, &live).await?;
                return self.forget(address, record, None, Some(ended)).await;
            }
        }
        self.forget(address, record, None, None).await
    }

    /// An object that its tags told of a moment ago may take a while until it can be described.
    async fn look_until_seen(
        &self,
        kind: &Arc<dyn AnyKind>,
        scope: &str,
        id: &Id,
    ) -> Result<Option<AnyLive>, StepError> {
        let (begun, mut delay) = (Instant::now(), Duration::ZERO);
        let told = self.teller.about(format!("looking for {id}"));
        told.for_reason("it is not visible yet");
        let seen = async {
            loop {
                match self.look(kind, scope, id, delay).await? {
                    None if begun.elapsed() < LAG => delay = LAG / 20,
                    found => return Ok(found),
                }
            }
        };
        told.during(seen).await
    }

    async fn delete_live(
        &self,
        address: &Address,
        record: &Record,
        live: &AnyLive,
    ) -> Result<Ended, StepError> {
        let end = |fate| self.end(address, record, &live.id, fate);
        if let Some(home) = self.home_that_goes(record) {
            return Ok(end(Fate::Inside { home }));
        }
        let kind = self.bound(record)?;
        if let Phase::Scheduled(status) = &live.phase {
            return Ok(end(scheduled(&*kind, live, status)));
        }
        if let Some(why) = self.kept(record, live).await? {
            self.leave(address, &live.id, why);
            return Ok(end(Fate::LeftAlone { why: why.into() }));
        }
        let mut begun = end(Fate::Begun);
        begun.leaves = kind.leaves(live).map(|leaves| leaves.what);
        if live.phase != Phase::Deleting {
            let noted = self.graph.is_none().then(|| begun.clone());
            self.session.deletes(address, record.clone(), noted).await?;
            if self.start_deletion(address, record, live).await? == Begun::Lapses {
                return Ok(end(Fate::Lapses));
            }
        }
        let fate = self.until_gone(address, record, live).await?;
        self.see_what_is_left(address, &kind, begun.leaves.as_deref())
            .await?;
        Ok(Ended { fate, ..begun })
    }

    fn end(&self, address: &Address, record: &Record, id: &Id, fate: Fate) -> Ended {
        Ended {
            address: address.clone(),
            kind: record.kind.clone(),
            scope: record.scope.clone(),
            id: Some(id.clone()),
            at: crate::state::now(),
            fate,
            leaves: None,
        }
    }

    /// What a read did not find any more. Where an earlier run deleted it and did not live to see its end, what it left
    /// is looked at now; what is not there is not claimed.
    async fn missing(
        &self,
        address: &Address,
        record: &Record,
        id: &Id,
    ) -> Result<Ended, StepError> {
        let mut ended = self.end(address, record, id, Fate::Missing);
        let receipt = self.session.state().receipt;
        let before = receipt
            .into_iter()
            .find(|one| one.address == *address && one.id.as_ref() == Some(id));
        let Some(leaves) = before.and_then(|before| before.leaves) else {
            return Ok(ended);
        };
        let kind = self.bound(record)?;
        match self.see_what_is_left(address, &kind, Some(&leaves)).await {
            Ok(()) => ended.leaves = Some(leaves),
            Err(StepError::Cloud(error)) if error.class == Class::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(ended)
    }

    /// Waits until what a deletion leaves on purpose is there, complete.
    async fn see_what_is_left(
        &self,
        address: &Address,
        kind: &Arc<dyn AnyKind>,
        leaves: Option<&str>,
    ) -> Result<(), StepError> {
        let Some(what) = leaves else {
            return Ok(());
        };
        let transient = |error: &CloudError| error.class.is_transient();
        let call = || kind.left(what);
        self.call(address, kind.facts().timing.limit, transient, call)
            .await
    }

    /// What it lives inside of, where that is deleted in this very run.
    fn home_that_goes(&self, record: &Record) -> Option<Address> {
        let home = self.bound(record).ok()?.facts().inside?;
        let mut on = record
            .dependencies
            .iter()
            .filter(|address| self.doomed.contains(*address));
        let is_home = |address: &&Address| {
            self.session
                .record(address)
                .is_some_and(|record| record.kind == home)
        };
        on.find(is_home).cloned()
    }

    fn bound(&self, record: &Record) -> Result<Arc<dyn AnyKind>, StepError> {
        let kind = self.catalog.bind(&record.kind, &record.scope);
        kind.ok_or_else(|| StepError::UnknownKind(record.kind.clone()))
    }

    async fn start_deletion(
        &self,
        address: &Address,
        record: &Record,
        live: &AnyLive,
    ) -> Result<Begun, StepError> {
        let kind = self.bound(record)?;
        let transient = |error: &CloudError| error.class.is_transient();
        // A kind may have done something first, such as lifting a protection, and asked to be called again: it
        // then has to see what became of that.
        let first = AtomicBool::new(true);
        let strangers = Strangers::new(address, &record.scope);
        let call = || async {
            let result = if first.swap(false, Ordering::Relaxed) {
                kind.delete(live).await
            } else {
                match kind
                    .describe(std::slice::from_ref(&live.id))
                    .await?
                    .into_iter()
                    .next()
                    .flatten()
                {
                    Some(now) if !is_on_its_way_out(&now.phase) => kind.delete(&now).await,
                    _ => return Ok(Begun::Deletion),
                }
            };
            match result {
                Err(error) if error.class == Class::InUse => {
                    Err(strangers.add_to(error, self, &kind, live).await)
                }
                result => begun(result),
            }
        };
        let result = self
            .call(address, kind.facts().timing.limit, transient, call)
            .await;
        if let Err(error) = &result {
            self.session
                .failure(Verb::Delete, address, record.clone(), error)
                .await?;
        }
        result
    }

    async fn until_gone(
        &self,
        address: &Address,
        record: &Record,
        before: &AnyLive,
    ) -> Result<Fate, StepError> {
        let (kind, id) = (self.bound(record)?, &before.id);
        let mut going = false;
        let (timing, begun) = (kind.facts().timing, Instant::now());
        let usual = self.usual(timing.delete);
        let mut delay = Duration::ZERO;
        while let Some(live) = self.look(&kind, &record.scope, id, delay).await? {
            if is_another(kind.facts().identity, before, &live) {
                return Ok(Fate::Deleted);
            }
            let elapsed = begun.elapsed();
            let status = match live.phase.clone() {
                // Gone for everybody; until then it can be had back.
                Phase::Scheduled(status) => return Ok(scheduled(&*kind, &live, &status)),
                // Of what had failed before, a read may lag behind the deletion.
                Phase::Failed(why) if going || elapsed > FAILED || before.phase.is_usable() => {
                    return Err(StepError::NotDeleted {
                        id: id.clone(),
                        why,
                    });
                }
                Phase::Failed(why) => why,
                phase => {
                    going |= phase == Phase::Deleting;
                    "being deleted".to_owned()
                }
            };
            if elapsed > timing.limit {
                return Err(StepError::TimedOut {
                    id: id.clone(),
                    status,
                    after: elapsed,
                });
            }
            self.tell_waiting(address, status, elapsed, usual);
            delay = cadence(elapsed, usual);
        }
        Ok(Fate::Deleted)
    }

    /// Takes the object out of state; the address goes with its last object, unless it is to live on.
    async fn forget(
        &self,
        address: &Address,
        record: Record,
        id: Option<&Id>,
        ended: Option<Ended>,
    ) -> Result<(), StepError> {
        let found = self.observed.found.get(address);
        let record = record.apply(RecordEvent::Gone {
            id: id.cloned(),
            // An object that was found by its tags has no other trace than the intent to create it.
            was_creation: found.is_some_and(|candidate| Some(&candidate.id) == id),
        })?;
        let over = record.is_empty() && !self.keep.contains_key(address);
        let ended = ended.filter(|_| self.graph.is_none());
        self.session
            .ended(Verb::Delete, address, (!over).then_some(record), ended)
            .await?;
        Ok(())
    }
}

fn scheduled(kind: &dyn AnyKind, live: &AnyLive, status: &str) -> Fate {
    Fate::Scheduled {
        status: status.to_owned(),
        cancel: kind.recall(live),
    }
}

/// Whether what has the name now is not what was deleted: services make a log group again when they write to it, and
/// what they make carries nobody's tags.
fn is_another(identity: Identity, before: &AnyLive, now: &AnyLive) -> bool {
    identity == Identity::Name
        && now.phase.is_usable()
        && before.owner.is_some()
        && now.owner.is_none()
}

const fn is_on_its_way_out(phase: &Phase) -> bool {
    matches!(phase, Phase::Deleting | Phase::Scheduled(_))
}

/// What a call to delete has set off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// The deletion, which is to be waited for.
    Deletion,
    /// Nothing: the object goes in its own time, and until then costs nothing and holds nothing.
    Lapses,
}

fn begun(result: CloudResult<()>) -> CloudResult<Begun> {
    match result {
        Err(error) if error.class == Class::NotFound => Ok(Begun::Deletion),
        Err(error) if error.class == Class::Lapsing => Ok(Begun::Lapses),
        other => other.map(|()| Begun::Deletion),
    }
}
