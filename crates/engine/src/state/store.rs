//! State file, journal and lock of one stack, put together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::file::sibling;
use super::journal::{self, Contents, Entry, Header, Journal, Moment, Verb};
use super::{Holder, Lock, Record, State, StateError};
use crate::Address;

/// Where the state of a stack lives.
#[derive(Clone, Debug)]
pub struct Store {
    stack: String,
    file: PathBuf,
}

/// State as it was found.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The state file with its journal replayed.
    pub state: State,
    /// Whether there was no state file.
    pub fresh: bool,
    /// How many entries of the journal were replayed: above zero, the last run did not end in order.
    pub replayed: usize,
}

impl Store {
    /// The store of a stack in a folder: `NAME.json`, `NAME.journal`, `NAME.lock`.
    #[must_use]
    pub fn at(folder: &Path, stack: &str) -> Self {
        Self::named(folder, stack, stack)
    }

    /// The same with another file name.
    #[must_use]
    pub fn named(folder: &Path, stack: &str, name: &str) -> Self {
        Self { stack: stack.to_owned(), file: folder.join(format!("{name}.json")) }
    }

    /// The state file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file
    }

    fn journal(&self) -> PathBuf {
        self.file.with_extension("journal")
    }

    /// Reads state and replays its journal, in memory: writes nothing and needs no lock.
    ///
    /// # Errors
    /// When a file is unreadable, damaged, newer, or another stack's.
    pub fn read(&self) -> Result<Loaded, StateError> {
        self.load().map(|(loaded, _)| loaded)
    }

    /// Also answers how much of the journal is to be continued; none when a new one has to be started.
    fn load(&self) -> Result<(Loaded, Option<u64>), StateError> {
        let found = State::read(&self.file, &self.stack)?;
        let fresh = found.is_none();
        let mut state = found.unwrap_or_else(|| State::new(&self.stack));
        let Some(contents) = journal::read(&self.journal())? else {
            return Ok((Loaded { state, fresh, replayed: 0 }, None));
        };
        let Contents { header, entries, sound } = contents;
        if !fresh && header.lineage == state.lineage && header.serial < state.serial {
            // The last checkpoint was cut off after it had written the state file.
            return Ok((Loaded { state, fresh, replayed: 0 }, None));
        }
        if fresh || header.lineage != state.lineage || header.serial > state.serial {
            return Err(StateError::Stray {
                path: self.journal(),
                lineage: header.lineage,
                found: header.serial,
                serial: state.serial,
            });
        }
        let replayed = entries.len();
        for entry in entries {
            set(&mut state.resources, entry.address, entry.record);
        }
        Ok((Loaded { state, fresh, replayed }, Some(sound)))
    }

    /// Locks the state and reads it. Nothing but the lock's file is written before the first change.
    ///
    /// # Errors
    /// When another process holds the lock for longer than `timeout`; see also [`Store::read`].
    pub async fn open(&self, holder: &Holder, timeout: Duration) -> Result<Session, StateError> {
        let lock = Lock::acquire(&sibling(&self.file.with_extension(""), ".lock"), holder, timeout).await?;
        let (loaded, sound) = self.load()?;
        let inner = Inner { state: loaded.state, dirty: loaded.replayed > 0, fresh: loaded.fresh };
        Ok(Session {
            store: self.clone(),
            inner: Mutex::new(inner),
            journal: tokio::sync::Mutex::new((None, sound)),
            _lock: lock,
        })
    }
}

fn set(resources: &mut BTreeMap<Address, Record>, address: Address, record: Option<Record>) {
    match record {
        Some(record) => resources.insert(address, record),
        None => resources.remove(&address),
    };
}

struct Inner {
    state: State,
    /// Whether the state file is behind.
    dirty: bool,
    fresh: bool,
}

/// Locked state that can be changed. Every change is durable before it shows.
pub struct Session {
    store: Store,
    inner: Mutex<Inner>,
    /// The open journal, once there is one; until then, how much of the present file is sound.
    journal: tokio::sync::Mutex<(Option<std::sync::Arc<Journal>>, Option<u64>)>,
    _lock: Lock,
}

impl Session {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// State as it is now.
    #[must_use]
    pub fn state(&self) -> State {
        self.inner().state.clone()
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

    /// Notes the account that the resources live in; written with the next checkpoint.
    pub fn set_account(&self, account: &str) {
        self.inner().state.account.get_or_insert_with(|| account.to_owned());
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
        self.put(Moment::Intent, verb, address, record, None).await
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
        self.put(Moment::Outcome, verb, address, record, None).await
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
        self.put(Moment::Outcome, verb, address, record, Some(error.to_string())).await
    }

    async fn put(
        &self,
        moment: Moment,
        verb: Verb,
        address: &Address,
        record: Option<Record>,
        error: Option<String>,
    ) -> Result<(), StateError> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        let entry = Entry { at, moment, verb, address: address.clone(), error, record };
        self.begun().await?.append(&entry).await?;
        let mut inner = self.inner();
        inner.dirty = true;
        set(&mut inner.state.resources, entry.address, entry.record);
        Ok(())
    }

    /// The open journal. The first change of a new stack first makes its lineage durable.
    async fn begun(&self) -> Result<std::sync::Arc<Journal>, StateError> {
        let mut guard = self.journal.lock().await;
        if let Some(journal) = &guard.0 {
            return Ok(journal.clone());
        }
        let (state, fresh) = {
            let inner = self.inner();
            (inner.state.clone(), inner.fresh)
        };
        if fresh {
            state.write(&self.store.file)?;
            self.inner().fresh = false;
        }
        let journal = match guard.1 {
            Some(sound) => Journal::resume(&self.store.journal(), sound)?,
            None => Journal::start(&self.store.journal(), &header(&state))?,
        };
        let journal = std::sync::Arc::new(journal);
        guard.0 = Some(journal.clone());
        Ok(journal)
    }

    /// Gives a record another address.
    ///
    /// # Errors
    /// When it cannot be written. What was written is sound either way.
    pub async fn rename(&self, from: &Address, to: &Address) -> Result<(), StateError> {
        let Some(record) = self.record(from) else { return Ok(()) };
        // The new name first: cut off in between, the object is known twice rather than not at all.
        self.outcome(Verb::Move, to, Some(record)).await?;
        let dependants: Vec<(Address, Record)> = {
            let inner = self.inner();
            let all = inner.state.resources.iter().filter(|(_, record)| record.dependencies.contains(from));
            all.map(|(address, record)| (address.clone(), record.clone())).collect()
        };
        for (address, mut record) in dependants {
            for dependency in record.dependencies.iter_mut().filter(|dependency| *dependency == from) {
                *dependency = to.clone();
            }
            self.outcome(Verb::Move, &address, Some(record)).await?;
        }
        self.outcome(Verb::Move, from, None).await
    }

    /// Forgets an address. What exists of it in the cloud stays.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn remove(&self, address: &Address) -> Result<(), StateError> {
        self.outcome(Verb::Forget, address, None).await
    }

    /// Writes the state file, if it is behind, and starts a fresh journal. Cut off in between, the old
    /// journal is recognised as contained in the new file.
    ///
    /// # Errors
    /// When a file cannot be written. Nothing is lost: the journal still has it all.
    pub async fn finish(&self) -> Result<(), StateError> {
        let mut guard = self.journal.lock().await;
        let mut state = {
            let inner = self.inner();
            if !inner.dirty {
                return Ok(());
            }
            inner.state.clone()
        };
        state.serial += 1;
        state.write(&self.store.file)?;
        let journal = Journal::start(&self.store.journal(), &header(&state))?;
        *guard = (Some(std::sync::Arc::new(journal)), None);
        let mut inner = self.inner();
        inner.state.serial = state.serial;
        inner.dirty = false;
        Ok(())
    }
}

fn header(state: &State) -> Header {
    Header { journal: 1, stack: state.stack.clone(), lineage: state.lineage.clone(), serial: state.serial }
}
