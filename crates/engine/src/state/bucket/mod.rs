//! State in a bucket: `NAME/journal` says what state is, `NAME/versions/…` are whole states that never change,
//! `NAME/lease` says who may write.
//!
//! Every write of the journal names the version that it goes on from. Whoever takes the lease writes its number into
//! the journal first: from then on whatever a former holder has under way, or does when it wakes up, is refused.

mod journal;
mod lease;
mod settled;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rand::Rng;
use tokio::sync::{mpsc, oneshot};

use self::journal::{Job, Root, text_of, write_all};
use self::lease::Held;
use super::journal::{Contents, Entry, Header, parse};
use super::open::OpenState;
use super::store::{Loaded, LockStatus, Version, replayed};
use super::{Blobs, Holder, State, StateError};
use crate::CloudError;
use crate::tell::Teller;

/// How often somebody may be faster at the journal before that is an error.
const TRIES: usize = 20;

#[derive(Clone, Debug)]
pub(super) struct Bucket {
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) stack: String,
    pub(super) policy: Duration,
    pub(super) teller: Teller,
}

impl Bucket {
    fn journal(&self) -> String {
        format!("{}/journal", self.stack)
    }

    fn lease(&self) -> String {
        format!("{}/lease", self.stack)
    }

    fn versions(&self) -> String {
        format!("{}/versions/", self.stack)
    }

    /// Two runs that believe to be the holder never write the same object.
    fn version_key(&self, serial: u64, epoch: u64) -> String {
        format!("{}{serial:010}-{epoch}.json", self.versions())
    }

    fn place(&self) -> String {
        self.blobs.place(&self.stack)
    }

    fn failed(&self, what: &'static str, key: &str, source: CloudError) -> StateError {
        StateError::Remote {
            what,
            place: self.blobs.place(key),
            source: Box::new(source),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<super::Blob>, StateError> {
        settled::get(self, key)
            .await
            .map_err(|error| self.failed("read", key, error))
    }

    pub(super) async fn read(&self) -> Result<Loaded, StateError> {
        self.load().await.map(|(loaded, _)| loaded)
    }

    /// Also answers the journal that it was read from.
    async fn load(&self) -> Result<(Loaded, Root), StateError> {
        let key = self.journal();
        let place = self.blobs.place(&key);
        let Some(blob) = self.get(&key).await? else {
            return self.never_written(place).await;
        };
        let Contents {
            header, entries, ..
        } = self.contents(&blob.bytes, &place)?;
        let mut state = match &header.state {
            Some(key) => self.whole(key).await?,
            None => State {
                lineage: header.lineage.clone(),
                ..State::new(&self.stack)
            },
        };
        state.account = state.account.or_else(|| header.account.clone());
        let text = String::from_utf8_lossy(&blob.bytes);
        let lines = text
            .split_once('\n')
            .map_or("", |(_, rest)| rest)
            .to_owned();
        let fresh = header.state.is_none() && entries.is_empty();
        Ok((
            replayed(state, fresh, entries, place.as_ref())?,
            Root {
                header,
                lines,
                tag: Some(blob.tag),
            },
        ))
    }

    /// No journal: either nothing was ever written, or the journal was deleted, which must not pass for an empty state.
    async fn never_written(&self, place: String) -> Result<(Loaded, Root), StateError> {
        if !self.versions_there().await?.is_empty() {
            let stack = self.stack.clone();
            return Err(StateError::NoJournal { place, stack });
        }
        let state = State::new(&self.stack);
        let root = Root {
            header: Header::of(&state),
            lines: String::new(),
            tag: None,
        };
        let loaded = Loaded {
            state,
            fresh: true,
            replayed: 0,
            doubtful: false,
        };
        Ok((loaded, root))
    }

    /// A journal of this stack that is whole. In a bucket a line is never torn: each write is a whole object.
    fn contents(&self, bytes: &[u8], place: &str) -> Result<Contents, StateError> {
        let damaged = |line, why: &str| StateError::Journal {
            path: place.into(),
            line,
            why: why.into(),
        };
        let contents =
            parse(bytes, place.as_ref())?.ok_or_else(|| damaged(1, "the header is missing"))?;
        if contents.sound != bytes.len() as u64 {
            return Err(damaged(contents.entries.len() + 2, "it is incomplete"));
        }
        if contents.header.stack != self.stack {
            return Err(StateError::OtherStack {
                path: place.into(),
                found: contents.header.stack,
                wanted: self.stack.clone(),
            });
        }
        Ok(contents)
    }

    async fn whole(&self, key: &str) -> Result<State, StateError> {
        let place = self.blobs.place(key);
        let gone = || StateError::Missing {
            place: place.clone(),
            stack: self.stack.clone(),
        };
        let blob = self.get(key).await?.ok_or_else(gone)?;
        State::parse(&blob.bytes, place.as_ref(), &self.stack)
    }

    pub(super) async fn open(
        &self,
        holder: &Holder,
        timeout: Duration,
    ) -> Result<(Loaded, Box<dyn OpenState>), StateError> {
        let lease = lease::acquire(self, holder, timeout).await?;
        let (loaded, root) = match self.claim(lease.epoch).await {
            Ok(claimed) => claimed,
            Err(error) => {
                lease.release().await;
                return Err(error);
            }
        };
        let (jobs, queue) = mpsc::unbounded_channel();
        tokio::spawn(write_all(self.clone(), root, queue));
        Ok((
            loaded,
            Box::new(Open {
                bucket: self.clone(),
                jobs,
                lease,
            }),
        ))
    }

    /// Makes the journal one's own: whoever had it before is refused from here on. State is read again in each try: what
    /// a former holder managed to write in between is part of it. A higher epoch in the journal means that somebody has
    /// taken over while this run was on its way here.
    async fn claim(&self, epoch: u64) -> Result<(Loaded, Root), StateError> {
        for _ in 0..TRIES {
            let (loaded, mut root) = self.load().await?;
            if root.header.epoch > epoch {
                break;
            }
            root.header.epoch = epoch;
            // Unlike what anybody else writes, so that no two claims are the same object.
            root.header.claim = Some(format!("{:016x}", rand::rng().random::<u64>()));
            root.header.lineage.clone_from(&loaded.state.lineage);
            if root.write(self).await? {
                return Ok((loaded, root));
            }
        }
        let holder = lease::find(self)
            .await?
            .map(|found| found.lease.holder)
            .unwrap_or_default();
        Err(StateError::Lost {
            place: self.place(),
            holder,
        })
    }

    pub(super) async fn history(&self) -> Result<Vec<Version>, StateError> {
        let found = self.versions_there().await?;
        let (_, root) = self.load().await?;
        let mut versions: Vec<Version> = found
            .into_iter()
            .filter_map(|listed| {
                let (serial, _) = self.number(&listed.key)?;
                let current = root.header.state.as_ref() == Some(&listed.key);
                Some(Version {
                    serial,
                    name: self.blobs.place(&listed.key),
                    written: listed.written,
                    current,
                })
            })
            .collect();
        versions.sort_by_key(|version| (version.serial, version.written));
        Ok(versions)
    }

    /// The last holder's of that number: two are there when a former holder's was never used.
    pub(super) async fn version(&self, serial: u64) -> Result<Option<State>, StateError> {
        let found = self.versions_there().await?;
        let of_that = found
            .iter()
            .filter_map(|listed| Some((self.number(&listed.key)?, listed)));
        let last = of_that
            .filter(|((number, _), _)| *number == serial)
            .max_by_key(|(number, _)| *number);
        match last.map(|(_, listed)| listed) {
            Some(listed) => self.whole(&listed.key).await.map(Some),
            None => Ok(None),
        }
    }

    /// The journal, which is all that says what state is. What it went on from stays among the versions; the last of
    /// those that can be read is what a new journal goes on from.
    pub(super) async fn set_aside(&self) -> Result<Vec<String>, StateError> {
        let lease = lease::acquire(self, &Holder::here("state recover"), Duration::ZERO).await?;
        let result = self.begin_anew(lease.epoch).await;
        lease.release().await;
        result
    }

    async fn begin_anew(&self, epoch: u64) -> Result<Vec<String>, StateError> {
        let old = self.get(&self.journal()).await?;
        let mut moved = Vec::new();
        if let Some(old) = &old {
            let aside = format!("{}/damaged/journal-{epoch}", self.stack);
            let put = settled::put(self, &aside, &old.bytes, &super::Condition::Absent).await;
            put.map_err(|error| self.failed("write", &aside, error))?;
            moved.push(self.blobs.place(&aside));
        }
        let (header, serial) = match self.newest().await? {
            Some((key, state)) => (
                Header {
                    state: Some(key),
                    ..Header::of(&state)
                },
                state.serial,
            ),
            None => (Header::of(&State::new(&self.stack)), 0),
        };
        let header = Header {
            epoch,
            serial,
            ..header
        };
        let mut root = Root {
            header,
            lines: String::new(),
            tag: old.map(|old| old.tag),
        };
        if root.write(self).await? {
            return Ok(moved);
        }
        let holder = lease::find(self)
            .await?
            .map(|found| found.lease.holder)
            .unwrap_or_default();
        Err(StateError::Lost {
            place: self.place(),
            holder,
        })
    }

    /// The last version that can be read.
    async fn newest(&self) -> Result<Option<(String, State)>, StateError> {
        let mut keys: Vec<String> = self
            .versions_there()
            .await?
            .into_iter()
            .map(|listed| listed.key)
            .collect();
        keys.sort_by_key(|key| self.number(key));
        for key in keys.into_iter().rev() {
            match self.whole(&key).await {
                Ok(state) => return Ok(Some((key, state))),
                // That it cannot be reached says nothing about it.
                Err(error @ StateError::Remote { .. }) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    async fn versions_there(&self) -> Result<Vec<super::Listed>, StateError> {
        let prefix = self.versions();
        self.blobs
            .list(&prefix)
            .await
            .map_err(|error| self.failed("list", &prefix, error))
    }

    /// The serial and the epoch in a version's key.
    fn number(&self, key: &str) -> Option<(u64, u64)> {
        let name = key.strip_prefix(&self.versions())?.strip_suffix(".json")?;
        let (serial, epoch) = name.split_once('-')?;
        Some((serial.parse().ok()?, epoch.parse().ok()?))
    }

    /// The number of the last holder, as the journal tells it; zero where it tells none.
    async fn last_epoch(&self) -> Result<u64, StateError> {
        let key = self.journal();
        let Some(blob) = self.get(&key).await? else {
            return Ok(0);
        };
        let contents = parse(&blob.bytes, self.blobs.place(&key).as_ref())
            .ok()
            .flatten();
        Ok(contents.map_or(0, |contents| contents.header.epoch))
    }

    pub(super) async fn lock_status(&self) -> Result<LockStatus, StateError> {
        let held = lease::find(self)
            .await?
            .filter(|found| !found.left().is_zero());
        Ok(held.map_or(LockStatus::Free, |found| LockStatus::Lease {
            left: found.left(),
            heard: found.age,
            holder: found.lease.holder,
        }))
    }

    /// Takes the lease whoever has it, makes the journal its own, and lets go.
    pub(super) async fn unlock(&self, holder: &Holder) -> Result<(), StateError> {
        for _ in 0..TRIES {
            let found = lease::find(self).await?;
            let Some(lease) = lease::take(self, holder, found).await? else {
                continue;
            };
            let claimed = self.claim(lease.epoch).await;
            lease.release().await;
            return claimed.map(drop);
        }
        let holder = lease::find(self)
            .await?
            .map(|found| found.lease.holder)
            .unwrap_or_default();
        Err(StateError::Lost {
            place: self.place(),
            holder,
        })
    }
}

struct Open {
    bucket: Bucket,
    jobs: mpsc::UnboundedSender<Job>,
    lease: Held,
}

impl Open {
    async fn ask(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<(), StateError>>) -> Job,
    ) -> Result<(), StateError> {
        let place = self.bucket.place();
        let ended = || {
            StateError::io(
                "write",
                place.as_ref(),
                std::io::ErrorKind::BrokenPipe.into(),
            )
        };
        let (done, durable) = oneshot::channel();
        self.jobs.send(job(done)).map_err(|_| ended())?;
        durable.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl OpenState for Open {
    fn append<'a>(
        &'a self,
        entry: &'a Entry,
        account: Option<String>,
        _now: &'a (dyn Fn() -> State + Sync),
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            let text = text_of(&self.bucket, entry)?;
            self.ask(|done| Job::Append(text, account, done)).await
        })
    }

    fn checkpoint<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(self.ask(|done| Job::Checkpoint(Box::new(state.clone()), done)))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StateError>> {
        Box::pin(self.lease.check(&self.bucket))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.lease.release())
    }
}
