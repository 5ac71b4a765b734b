//! State in a folder: `NAME.json`, `NAME.journal`, `NAME.lock`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::disk::{self, sibling};
use super::journal::{self, Contents, Entry, Header, Journal};
use super::open::OpenState;
use super::store::{Loaded, LockStatus, Version, replayed, set};
use super::{Holder, Lock, State, StateError};
use crate::tell::Teller;

/// How often files that do not fit each other are looked at again, and how soon.
const LOOKS: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) stack: String,
    pub(super) file: PathBuf,
    pub(super) teller: Teller,
}

impl Folder {
    pub(super) fn journal(&self) -> PathBuf {
        self.file.with_extension("journal")
    }

    fn lock(&self) -> PathBuf {
        sibling(&self.file.with_extension(""), ".lock")
    }

    fn backup(&self) -> PathBuf {
        sibling(&self.file, ".backup")
    }

    /// Without a lock, so that a run at work may replace both files between the two looks: then they are looked at
    /// again.
    pub(super) async fn read(&self) -> Result<Loaded, StateError> {
        for _ in 0..LOOKS {
            match self.load() {
                Err(StateError::Orphan { .. } | StateError::Stray { .. }) => {
                    sleep(BETWEEN_LOOKS).await
                }
                other => return other.map(|(loaded, _)| loaded),
            }
        }
        self.load().map(|(loaded, _)| loaded)
    }

    /// Also answers how much of the journal is to be continued; none when a new one has to be started.
    pub(super) fn load(&self) -> Result<(Loaded, Option<u64>), StateError> {
        let found = State::read(&self.file, &self.stack)?;
        let fresh = found.is_none();
        let state = found.unwrap_or_else(|| State::new(&self.stack));
        let Some(contents) = journal::read(&self.journal())? else {
            return Ok((
                Loaded {
                    state,
                    fresh,
                    replayed: 0,
                    doubtful: !fresh,
                },
                None,
            ));
        };
        let Contents {
            header,
            entries,
            sound,
        } = contents;
        if fresh {
            return Err(StateError::Orphan {
                path: self.journal(),
                state: self.file.clone(),
            });
        }
        if header.lineage == state.lineage && header.serial < state.serial {
            // The last checkpoint was cut off after it had written the state file.
            return Ok((
                Loaded {
                    state,
                    fresh,
                    replayed: 0,
                    doubtful: false,
                },
                None,
            ));
        }
        if header.lineage != state.lineage || header.serial > state.serial {
            let (found, serial) = (header.serial, state.serial);
            return Err(StateError::Stray {
                path: self.journal(),
                lineage: header.lineage,
                found,
                serial,
            });
        }
        Ok((
            replayed(state, fresh, entries, &self.journal())?,
            Some(sound),
        ))
    }

    pub(super) async fn open(
        &self,
        holder: &Holder,
        timeout: Duration,
    ) -> Result<(Loaded, Box<dyn OpenState>), StateError> {
        let told = self.teller.about(format!(
            "waiting for the state lock of stack `{}`",
            self.stack
        ));
        let lock = told
            .during(Lock::acquire_telling(&self.lock(), holder, timeout, &told))
            .await?;
        let (loaded, sound) = self.load()?;
        let open = Open {
            journal: None,
            sound,
            fresh: loaded.fresh,
        };
        let held = Held {
            folder: self.clone(),
            open: Mutex::new(open),
            lock: Mutex::new(Some(lock)),
        };
        Ok((loaded, Box::new(held)))
    }

    /// The state file, and the one before it.
    pub(super) fn history(&self) -> Result<Vec<Version>, StateError> {
        let mut versions = Vec::new();
        for (path, current) in [(self.backup(), false), (self.file.clone(), true)] {
            let Some(state) = State::read(&path, &self.stack)? else {
                continue;
            };
            let written = std::fs::metadata(&path)
                .and_then(|about| about.modified())
                .ok();
            versions.push(Version {
                serial: state.serial,
                name: path.display().to_string(),
                written,
                current,
            });
        }
        Ok(versions)
    }

    pub(super) fn version(&self, serial: u64) -> Result<Option<State>, StateError> {
        let backup = State::read(&self.backup(), &self.stack)?;
        Ok(backup.filter(|state| state.serial == serial))
    }

    /// A damaged state file, and every journal: it goes on from the copy of that file, or from none. What a journal
    /// says that has lost its state file is taken over.
    pub(super) async fn set_aside(&self) -> Result<Vec<String>, StateError> {
        let _lock =
            Lock::acquire(&self.lock(), &Holder::here("state recover"), Duration::ZERO).await?;
        let mut moved = Vec::new();
        let found = State::read(&self.file, &self.stack);
        let damaged = found.is_err();
        let orphan = match found {
            Ok(None) => journal::read(&self.journal()).ok().flatten(),
            _ => None,
        };
        for path in [self.journal(), self.file.clone()] {
            if path == self.file && !damaged {
                continue;
            }
            let failed = |error| StateError::io("move away", &path, error);
            moved.extend(
                disk::set_aside(&path)
                    .map_err(failed)?
                    .map(|path| path.display().to_string()),
            );
        }
        let copy = State::read(&self.backup(), &self.stack).ok().flatten();
        let whole = match orphan {
            Some(orphan) => Some(adopted(orphan, copy, &self.stack)),
            None => copy.filter(|_| damaged),
        };
        if let Some(state) = whole {
            state.write(&self.file)?;
        }
        Ok(moved)
    }

    /// Where the state file and its journal are both gone: the copy of the file that was before it.
    pub(super) async fn bring_back_copy(&self) -> Result<(), StateError> {
        let _lock =
            Lock::acquire(&self.lock(), &Holder::here("state recover"), Duration::ZERO).await?;
        if let (Ok(None), Ok(Some(copy))) = (
            State::read(&self.file, &self.stack),
            State::read(&self.backup(), &self.stack),
        ) {
            copy.write(&self.file)?;
        }
        Ok(())
    }

    pub(super) async fn lock_status(&self) -> Result<LockStatus, StateError> {
        match Lock::acquire(&self.lock(), &Holder::here("unlock"), Duration::ZERO).await {
            Ok(_) => Ok(LockStatus::Free),
            Err(StateError::Locked { holder, .. }) => Ok(LockStatus::Process(holder)),
            Err(error) => Err(error),
        }
    }
}

/// What a journal tells without the state file that it continues. Its records are whole; what it does not mention is
/// as it was in the copy, if that is of the same state.
fn adopted(orphan: Contents, copy: Option<State>, stack: &str) -> State {
    let Header {
        lineage, serial, ..
    } = orphan.header;
    let base = copy.filter(|copy| copy.lineage == lineage);
    let base = base.unwrap_or_else(|| State {
        lineage,
        ..State::new(stack)
    });
    let mut state = State { serial, ..base };
    for entry in orphan.entries {
        set(&mut state, entry);
    }
    state
}

struct Open {
    journal: Option<Arc<Journal>>,
    /// Until there is one: how much of the present file is sound.
    sound: Option<u64>,
    fresh: bool,
}

struct Held {
    folder: Folder,
    open: Mutex<Open>,
    lock: Mutex<Option<Lock>>,
}

impl Held {
    /// The open journal. The first change of a new stack first makes its lineage durable.
    async fn begun(&self, now: &(dyn Fn() -> State + Sync)) -> Result<Arc<Journal>, StateError> {
        let mut open = self.open.lock().await;
        if let Some(journal) = &open.journal {
            return Ok(journal.clone());
        }
        let state = now();
        if open.fresh {
            state.write(&self.folder.file)?;
            open.fresh = false;
        }
        let journal = match open.sound {
            Some(sound) => Journal::resume(&self.folder.journal(), sound)?,
            None => start(&self.folder.journal(), &state)?,
        };
        Ok(open.journal.insert(Arc::new(journal)).clone())
    }
}

fn start(path: &Path, state: &State) -> Result<Journal, StateError> {
    Journal::start(path, &Header::of(state))
}

impl OpenState for Held {
    fn append<'a>(
        &'a self,
        entry: &'a Entry,
        _account: Option<String>,
        now: &'a (dyn Fn() -> State + Sync),
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move { self.begun(now).await?.append(entry).await })
    }

    /// Cut off in between, the old journal is recognised as contained in the new file.
    fn checkpoint<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            let mut open = self.open.lock().await;
            state.write(&self.folder.file)?;
            let journal = start(&self.folder.journal(), state)?;
            *open = Open {
                journal: Some(Arc::new(journal)),
                sound: None,
                fresh: false,
            };
            Ok(())
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move { drop(self.lock.lock().await.take()) })
    }
}
