//! Locked state that can be changed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::journal::{Entry, Moment, Verb};
use super::open::OpenState;
use super::store::{Loaded, check, set};
use super::{Creation, Ended, Lifespan, Record, RecordEvent, State, StateError};
use crate::{Address, Owner};

struct Inner {
    state: State,
    /// Whether the state file is behind.
    dirty: bool,
}

/// Locked state that can be changed. Every change is durable before it shows.
pub struct Session {
    inner: Mutex<Inner>,
    doubtful: bool,
    open: Box<dyn OpenState>,
}

impl Session {
    pub(super) fn new(loaded: Loaded, open: Box<dyn OpenState>) -> Self {
        let inner = Inner {
            dirty: loaded.replayed > 0,
            state: loaded.state,
        };
        Self {
            inner: Mutex::new(inner),
            doubtful: loaded.doubtful,
            open,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// State as it is now.
    #[must_use]
    pub fn state(&self) -> State {
        self.inner().state.clone()
    }

    /// Whether the journal was gone: state may be behind what was done.
    #[must_use]
    pub const fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Whether this run may still change anything. A lock that is the system's holds for as long as the process
    /// does; a lease is lost by whoever is not heard of.
    ///
    /// # Errors
    /// When it may not.
    pub async fn check(&self) -> Result<(), StateError> {
        self.open.check().await
    }

    /// The record of an address as it is now.
    #[must_use]
    pub fn record(&self, address: &Address) -> Option<Record> {
        self.inner().state.resources.get(address).cloned()
    }

    /// The stack's name.
    #[must_use]
    pub fn stack(&self) -> String {
        self.inner().state.stack.clone()
    }

    /// Which state this is.
    #[must_use]
    pub fn lineage(&self) -> String {
        self.inner().state.lineage.clone()
    }

    /// Whose the object of an address is, by this state.
    #[must_use]
    pub fn owner(&self, address: &Address, generation: u32) -> Owner {
        self.inner().state.owner(address, generation)
    }

    /// Notes the region that the stack lives in, unless it lives in another one; written with the next checkpoint.
    pub fn set_region(&self, region: &str) {
        self.inner().state.settle_in(region);
    }

    /// Notes that what these lost states knew is this one's now. Durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn inherit(
        &self,
        lineages: impl IntoIterator<Item = String>,
    ) -> Result<(), StateError> {
        {
            let mut inner = self.inner();
            let Inner { state, dirty } = &mut *inner;
            for lineage in lineages
                .into_iter()
                .filter(|lineage| *lineage != state.lineage)
            {
                if !state.heir_of.contains(&lineage) {
                    state.heir_of.push(lineage);
                    *dirty = true;
                }
            }
        }
        self.finish().await
    }

    /// Notes for how long the stack is wanted; none for one that stays. Durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn set_lifespan(&self, lifespan: Option<Lifespan>) -> Result<(), StateError> {
        {
            let mut inner = self.inner();
            if inner.state.lifespan == lifespan {
                return Ok(());
            }
            inner.state.lifespan = lifespan;
            inner.dirty = true;
        }
        self.finish().await
    }

    /// Notes what the stack has taken of what stacks share; none gives it back. Durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn set_reserved(&self, what: &str, value: Option<String>) -> Result<(), StateError> {
        {
            let mut inner = self.inner();
            if inner.state.reserved.get(what) == value.as_ref() {
                return Ok(());
            }
            match value {
                Some(value) => inner.state.reserved.insert(what.to_owned(), value),
                None => inner.state.reserved.remove(what),
            };
            inner.dirty = true;
        }
        self.finish().await
    }

    /// Gives back all that a stack without resources has taken of what stacks share.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn release_if_empty(&self) -> Result<(), StateError> {
        {
            let mut inner = self.inner();
            if !inner.state.resources.is_empty() || inner.state.reserved.is_empty() {
                return Ok(());
            }
            inner.state.reserved.clear();
            inner.dirty = true;
        }
        self.finish().await
    }

    /// Notes who creates the stack, and when, unless it has resources already; written with the next checkpoint.
    pub fn set_creation(&self, creation: Creation) {
        let mut inner = self.inner();
        let state = &mut inner.state;
        // What is there already was created by somebody else, though nobody may have noted who.
        if state.resources.is_empty() {
            state.creation = Some(creation);
        }
    }

    /// Notes the account that the resources live in; written with the next checkpoint.
    pub fn set_account(&self, account: &str) {
        self.inner()
            .state
            .account
            .get_or_insert_with(|| account.to_owned());
    }

    /// Something is about to be done. Durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written: then it must not be done.
    pub async fn intent(
        &self,
        verb: Verb,
        address: &Address,
        record: Option<Record>,
    ) -> Result<(), StateError> {
        let what = (record, None, None);
        self.put(Moment::Intent, verb, address, what).await
    }

    /// A deletion is about to be made; `ended` is what is known of its end before it begins. Durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written: then it must not be made.
    pub async fn deletes(
        &self,
        address: &Address,
        record: Record,
        ended: Option<Ended>,
    ) -> Result<(), StateError> {
        let what = (Some(record), None, ended);
        self.put(Moment::Intent, Verb::Delete, address, what).await
    }

    /// An object has come to its end, and this is what became of it. Durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written; the next run then finds out.
    pub async fn ended(
        &self,
        verb: Verb,
        address: &Address,
        record: Option<Record>,
        ended: Option<Ended>,
    ) -> Result<(), StateError> {
        let what = (record, None, ended);
        self.put(Moment::Outcome, verb, address, what).await
    }

    /// Begins another receipt; the old one is off the disk with the next checkpoint.
    pub fn clear_receipt(&self) {
        let mut inner = self.inner();
        if !inner.state.receipt.is_empty() {
            inner.state.receipt.clear();
            inner.dirty = true;
        }
    }

    /// Something was done. Durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written; its intent is on disk, so the next run finds out.
    pub async fn outcome(
        &self,
        verb: Verb,
        address: &Address,
        record: Option<Record>,
    ) -> Result<(), StateError> {
        let what = (record, None, None);
        self.put(Moment::Outcome, verb, address, what).await
    }

    /// Something failed. Durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn failure(
        &self,
        verb: Verb,
        address: &Address,
        record: Record,
        error: &impl ToString,
    ) -> Result<(), StateError> {
        let record = (!record.is_empty() || self.record(address).is_some()).then_some(record);
        let what = (record, Some(error.to_string()), None);
        self.put(Moment::Outcome, verb, address, what).await
    }

    /// Appends to the journal, and only then shows the change: whoever reads the session in between must not build on
    /// what a kill could still take back. An entry that cannot follow from the record before it is never written.
    async fn put(
        &self,
        moment: Moment,
        verb: Verb,
        address: &Address,
        (record, error, ended): (Option<Record>, Option<String>, Option<Ended>),
    ) -> Result<(), StateError> {
        let entry = Entry {
            at: super::now(),
            moment,
            verb,
            address: address.clone(),
            error,
            ended,
            record,
        };
        let account = self.inner().state.account.clone();
        check(&self.inner().state.resources, &entry)?;
        self.open.append(&entry, account, &|| self.state()).await?;
        entry.log();
        let mut inner = self.inner();
        inner.dirty = true;
        set(&mut inner.state, entry);
        Ok(())
    }

    /// Gives a record another address.
    ///
    /// # Errors
    /// When it cannot be written. What was written is sound either way.
    pub async fn rename(&self, from: &Address, to: &Address) -> Result<(), StateError> {
        let Some(record) = self.record(from) else {
            return Ok(());
        };
        let record = record.apply(RecordEvent::Moved(from.clone()))?;
        // The new name first: cut off in between, the object is known twice rather than not at all.
        self.outcome(Verb::Move, to, Some(record)).await?;
        let dependants: Vec<(Address, Record)> = {
            let inner = self.inner();
            let all = inner
                .state
                .resources
                .iter()
                .filter(|(_, record)| record.dependencies.contains(from));
            all.map(|(address, record)| (address.clone(), record.clone()))
                .collect()
        };
        for (address, record) in dependants {
            let record = record.apply(RecordEvent::DependencyMoved {
                from: from.clone(),
                to: to.clone(),
            })?;
            self.outcome(Verb::Move, &address, Some(record)).await?;
        }
        self.outcome(Verb::Move, from, None).await
    }

    /// Writes down that the object of an address is to stay when the address is forgotten, and what needs it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep(&self, address: &Address, for_what: Option<&str>) -> Result<(), StateError> {
        let Some(record) = self.record(address) else {
            return Ok(());
        };
        if record.kept_for.as_deref() == for_what {
            return Ok(());
        }
        let record = record.apply(RecordEvent::Kept(for_what.map(ToOwned::to_owned)))?;
        self.outcome(Verb::Settle, address, Some(record)).await
    }

    /// Forgets an address. What exists of it in the cloud stays.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn remove(&self, address: &Address) -> Result<(), StateError> {
        self.outcome(Verb::Forget, address, None).await
    }

    /// Writes the state file, if it is behind, and starts a fresh journal. The file comes first: cut off between the two,
    /// the old journal names an older serial than the file has, so that it is known to be in the file already.
    ///
    /// # Errors
    /// When it cannot be written. Nothing is lost: the journal still has it all.
    pub async fn finish(&self) -> Result<(), StateError> {
        let mut state = {
            let inner = self.inner();
            if !inner.dirty {
                return Ok(());
            }
            inner.state.clone()
        };
        state.serial = state.serial.saturating_add(1);
        self.open.checkpoint(&state).await?;
        let mut inner = self.inner();
        inner.state.serial = state.serial;
        inner.dirty = false;
        Ok(())
    }

    /// Makes an earlier version what state is, as a new version of its own.
    ///
    /// # Errors
    /// When it cannot be written; state is then what it was.
    pub async fn bring_back(&self, earlier: State) -> Result<u64, StateError> {
        let serial = self.inner().state.serial.saturating_add(1);
        let heir_of = self.inner().state.heir_of.clone();
        let state = State {
            serial,
            heir_of,
            ..earlier
        };
        self.open.checkpoint(&state).await?;
        *self.inner() = Inner {
            state,
            dirty: false,
        };
        Ok(serial)
    }

    /// Lets go of the lock. A session that is only dropped keeps a lease until it runs out.
    pub async fn close(&self) {
        self.open.close().await;
    }
}
