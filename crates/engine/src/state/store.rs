//! Where the state of a stack lives, and what can be done with it from outside.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::bucket::Bucket;
use super::folder::Folder;
use super::journal::Entry;
use super::receipt::note;
use super::{Blobs, Holder, Illegal, Record, Session, State, StateError};
use crate::Address;
use crate::tell::Teller;

/// Where the state of a stack lives.
#[derive(Clone, Debug)]
pub struct Store(Place);

#[derive(Clone, Debug)]
enum Place {
    Folder(Folder),
    Bucket(Bucket),
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
    /// Whether the journal is gone: what was done since the state file was written may not be in it.
    pub doubtful: bool,
}

/// One version of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub serial: u64,
    /// The file or object that it is.
    pub name: String,
    /// When it was written, where that is known.
    pub written: Option<SystemTime>,
    /// Whether it is the last one.
    pub current: bool,
}

/// Who holds a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockStatus {
    /// Nobody.
    Free,
    /// A process of this machine, for as long as it lives.
    Process(Holder),
    /// A run somewhere, for as long as it is heard of.
    Lease {
        /// Which one.
        holder: Holder,
        /// How long ago it was last heard of.
        heard: Duration,
        /// How long it stays valid from here on without being heard of.
        left: Duration,
    },
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
        let file = folder.join(format!("{name}.json"));
        Self(Place::Folder(Folder {
            stack: stack.to_owned(),
            file,
            teller: Teller::default(),
        }))
    }

    /// The store of a stack in a bucket: `NAME/journal`, `NAME/versions/…`, `NAME/lease`. A run that is not heard
    /// of for `patience` has lost its lease.
    #[must_use]
    pub fn within(blobs: Arc<dyn Blobs>, stack: &str, policy: Duration) -> Self {
        let teller = Teller::default();
        Self(Place::Bucket(Bucket {
            blobs,
            stack: stack.to_owned(),
            policy,
            teller,
        }))
    }

    /// The same store, which says what takes long.
    #[must_use]
    pub fn telling(mut self, teller: Teller) -> Self {
        match &mut self.0 {
            Place::Folder(folder) => folder.teller = teller,
            Place::Bucket(bucket) => bucket.teller = teller,
        }
        self
    }

    /// Reads state and replays its journal, in memory: writes nothing and needs no lock.
    ///
    /// # Errors
    /// When a file is unreadable, damaged, newer, or another stack's.
    pub async fn read(&self) -> Result<Loaded, StateError> {
        match &self.0 {
            Place::Folder(folder) => folder.read().await,
            Place::Bucket(bucket) => bucket.read().await,
        }
    }

    /// Locks the state and reads it. Nothing but what locks it is written before the first change.
    ///
    /// # Errors
    /// When another run holds it for longer than `timeout`; see also [`Store::read`].
    pub async fn open(&self, holder: &Holder, timeout: Duration) -> Result<Session, StateError> {
        let (loaded, open) = match &self.0 {
            Place::Folder(folder) => folder.open(holder, timeout).await?,
            Place::Bucket(bucket) => bucket.open(holder, timeout).await?,
        };
        Ok(Session::new(loaded, open))
    }

    /// The versions that are still there, the oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn history(&self) -> Result<Vec<Version>, StateError> {
        match &self.0 {
            Place::Folder(folder) => folder.history(),
            Place::Bucket(bucket) => bucket.history().await,
        }
    }

    /// An earlier version; none when it is no longer there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn version(&self, serial: u64) -> Result<Option<State>, StateError> {
        match &self.0 {
            Place::Folder(folder) => folder.version(serial),
            Place::Bucket(bucket) => bucket.version(serial).await,
        }
    }

    /// Moves away what cannot be read of a state, and puts the last good copy in its place if there is one; answers
    /// what was moved. A state that is in order stays as it is.
    ///
    /// # Errors
    /// When it cannot be done; nothing is ever deleted.
    pub async fn set_aside(&self) -> Result<Vec<String>, StateError> {
        match self.read().await {
            Err(
                StateError::Corrupt { .. }
                | StateError::Journal { .. }
                | StateError::Orphan { .. }
                | StateError::Stray { .. }
                | StateError::Missing { .. }
                | StateError::NoJournal { .. },
            ) => match &self.0 {
                Place::Folder(folder) => folder.set_aside().await,
                Place::Bucket(bucket) => bucket.set_aside().await,
            },
            Err(error) => Err(error),
            Ok(loaded) if loaded.fresh => {
                if let Place::Folder(folder) = &self.0 {
                    folder.bring_back_copy().await?;
                }
                Ok(Vec::new())
            }
            Ok(_) => Ok(Vec::new()),
        }
    }

    /// Who holds it now.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub async fn lock_status(&self) -> Result<LockStatus, StateError> {
        match &self.0 {
            Place::Folder(folder) => folder.lock_status().await,
            Place::Bucket(bucket) => bucket.lock_status().await,
        }
    }

    /// Ends whatever lease there is: whoever held it can write no more. A lock of a process cannot be ended.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn unlock(&self, holder: &Holder) -> Result<(), StateError> {
        match &self.0 {
            Place::Folder(_) => Ok(()),
            Place::Bucket(bucket) => bucket.unlock(holder).await,
        }
    }
}

/// A state with the entries of a journal that go on from it.
///
/// # Errors
/// When an entry does not go on from those before it: then no run has written it.
pub(super) fn replayed(
    mut state: State,
    fresh: bool,
    entries: Vec<Entry>,
    path: &Path,
) -> Result<Loaded, StateError> {
    let replayed = entries.len();
    for (number, entry) in entries.into_iter().enumerate() {
        let broken = |illegal: Illegal| StateError::Journal {
            path: path.to_owned(),
            // The first line is the header.
            line: number + 2,
            why: illegal.reason().to_owned(),
        };
        check(&state.resources, &entry).map_err(broken)?;
        set(&mut state, entry);
    }
    Ok(Loaded {
        state,
        fresh,
        replayed,
        doubtful: false,
    })
}

/// Whether an entry can come after what is known of its address.
pub(super) fn check(resources: &BTreeMap<Address, Record>, entry: &Entry) -> Result<(), Illegal> {
    match (resources.get(&entry.address), &entry.record) {
        (Some(before), Some(after)) => after.follows(before),
        _ => Ok(()),
    }
}

pub(super) fn set(state: &mut State, entry: Entry) {
    let Entry {
        address,
        record,
        ended,
        ..
    } = entry;
    match record {
        Some(record) => state.resources.insert(address, record),
        None => state.resources.remove(&address),
    };
    if let Some(ended) = ended {
        note(&mut state.receipt, ended);
    }
}
