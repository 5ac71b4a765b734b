//! The write-ahead journal: every intent and every outcome since the state file was written.
//!
//! A line is eight hexadecimal digits of the SHA-256 of the rest, a space, JSON, and a newline. A line
//! counts only if it is whole. The last line may be torn: whatever it announced was never done, because
//! a call is only made once its intent is durable.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::disk::{self, append, cut, replace};
use super::file::LIMIT;
use super::{Ended, Record, State, StateError};
use crate::Address;

/// Whether something is about to be done, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Moment {
    Intent,
    Outcome,
}

/// What is done to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// An object is created.
    Create,
    /// It is changed in place.
    Update,
    /// It is deleted.
    Delete,
    /// An object that state did not know becomes the address's own.
    Adopt,
    /// Everything about it is in order.
    Settle,
    /// It gets another address.
    Move,
    /// State forgets it.
    Forget,
}

impl Moment {
    /// Its name in logs.
    const fn name(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Outcome => "outcome",
        }
    }
}

impl Verb {
    /// Its name in logs.
    const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Adopt => "adopt",
            Self::Settle => "settle",
            Self::Move => "move",
            Self::Forget => "forget",
        }
    }
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Milliseconds since 1970.
    pub at: u64,
    /// Before or after.
    pub moment: Moment,
    /// What is done.
    pub verb: Verb,
    /// To which address.
    pub address: Address,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What became of an object of the address, while the stack is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// The record of the address from here on; none when the address is gone.
    pub record: Option<Record>,
}

impl Entry {
    /// Logs that it is durable. Never the record: a spec may hold what its owner would not have in a log.
    pub(super) fn log(&self) {
        tracing::debug!(
            address = %self.address,
            moment = self.moment.name(),
            verb = self.verb.name(),
            generation = self.record.as_ref().map(|record| record.generation),
            error = self.error,
            "written to the journal"
        );
    }
}

/// The first line: which state the journal continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) journal: u32,
    pub(super) stack: String,
    pub(super) lineage: String,
    pub(super) serial: u64,
    /// Counts the holders of a state that lives in a bucket.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) epoch: u64,
    /// Drawn by lot by each holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<String>,
    /// The account, in a bucket, until there is a state that says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
    /// The object that it continues, in a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Header {
    /// The header of an empty journal behind a state.
    pub(super) fn of(state: &State) -> Self {
        let (stack, lineage) = (state.stack.clone(), state.lineage.clone());
        Self {
            journal: 1,
            stack,
            lineage,
            serial: state.serial,
            epoch: 0,
            claim: None,
            account: None,
            state: None,
        }
    }
}

/// What a journal file holds.
#[derive(Debug, PartialEq)]
pub(super) struct Contents {
    pub(super) header: Header,
    pub(super) entries: Vec<Entry>,
    /// The length of the part that is whole, in bytes.
    pub(super) sound: u64,
}

fn digest(json: &str) -> String {
    Sha256::digest(json)
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(super) fn line(value: &impl Serialize) -> io::Result<String> {
    let json = serde_json::to_string(value)?;
    Ok(format!("{} {json}\n", digest(&json)))
}

fn whole(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (sum, json) = line.split_once(' ')?;
    (sum == digest(json)).then_some(json)
}

/// Reads a journal; none when there is none, or when it was torn before its header was whole.
pub(super) fn read(path: &Path) -> Result<Option<Contents>, StateError> {
    disk::read(path, LIMIT)?.map_or(Ok(None), |bytes| parse(&bytes, path))
}

/// Reads what came from somewhere.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Option<Contents>, StateError> {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut contents: Option<Contents> = None;
    let mut sound = 0;
    for (number, text) in lines.iter().enumerate() {
        let broken = |why: String| StateError::Journal {
            path: path.to_owned(),
            line: number + 1,
            why,
        };
        let Some(json) = whole(text) else {
            if number + 1 == lines.len() {
                break;
            }
            return Err(broken("its checksum does not match".into()));
        };
        sound += text.len() as u64;
        match &mut contents {
            None => {
                let header = serde_json::from_str(json).map_err(|e| broken(e.to_string()))?;
                contents = Some(Contents {
                    header,
                    entries: Vec::new(),
                    sound,
                });
            }
            Some(contents) => {
                contents
                    .entries
                    .push(serde_json::from_str(json).map_err(|e| broken(e.to_string()))?);
                contents.sound = sound;
            }
        }
    }
    Ok(contents)
}

type Job = (String, oneshot::Sender<Result<(), StateError>>);

/// An open journal. Entries that arrive while others are being made durable share the next write.
#[derive(Debug)]
pub(super) struct Journal {
    jobs: mpsc::Sender<Job>,
    path: PathBuf,
}

impl Journal {
    /// Starts a new journal in the place of any old one.
    pub(super) fn start(path: &Path, header: &Header) -> Result<Self, StateError> {
        let failed = |error| StateError::io("start", path, error);
        let first = line(header).map_err(failed)?;
        replace(path, first.as_bytes()).map_err(failed)?;
        let length = first.len() as u64;
        Self::resume(path, length)
    }

    /// Goes on with a journal of which this many bytes are whole; a torn tail is cut off.
    pub(super) fn resume(path: &Path, sound: u64) -> Result<Self, StateError> {
        let failed = |error| StateError::io("open", path, error);
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() != sound {
            cut(&file, sound).map_err(failed)?;
        }
        let (jobs, queue) = mpsc::channel();
        let its_path = path.to_owned();
        let thread = thread::Builder::new().name("journal".into());
        thread
            .spawn(move || write_all(file, &its_path, &queue))
            .map_err(failed)?;
        Ok(Self {
            jobs,
            path: path.to_owned(),
        })
    }

    /// Appends an entry; returns once it would survive a power failure.
    pub(super) async fn append(&self, entry: &Entry) -> Result<(), StateError> {
        let ended = || StateError::io("append to", &self.path, io::ErrorKind::BrokenPipe.into());
        let text = line(entry).map_err(|error| StateError::io("append to", &self.path, error))?;
        let (done, durable) = oneshot::channel();
        self.jobs.send((text, done)).map_err(|_| ended())?;
        durable.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// The writer's thread. After a failed write the tail may be torn, so nothing is ever written behind it.
fn write_all(mut file: File, path: &Path, queue: &mpsc::Receiver<Job>) {
    let mut failure: Option<StateError> = None;
    while let Ok(first) = queue.recv() {
        let jobs: Vec<Job> = std::iter::once(first).chain(queue.try_iter()).collect();
        if failure.is_none() {
            let text: String = jobs.iter().map(|(text, _)| text.as_str()).collect();
            failure = append(&mut file, text.as_bytes())
                .err()
                .map(|error| StateError::io("append to", path, error));
        }
        for (_, done) in jobs {
            // Whoever asked may have been abandoned.
            let _ = done.send(failure.clone().map_or(Ok(()), Err));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            journal: 1,
            stack: "s".into(),
            lineage: "l".into(),
            serial: 3,
            epoch: 0,
            claim: None,
            account: None,
            state: None,
        }
    }

    fn entry(at: u64) -> Entry {
        Entry {
            at,
            moment: Moment::Intent,
            verb: Verb::Create,
            address: Address::new("a").unwrap(),
            error: None,
            ended: None,
            record: Some(Record::new("toy.Tags", "here")),
        }
    }

    async fn written(path: &Path, entries: u64) -> Vec<u8> {
        let journal = Journal::start(path, &header()).unwrap();
        for at in 0..entries {
            journal.append(&entry(at)).await.unwrap();
        }
        std::fs::read(path).unwrap()
    }

    #[tokio::test]
    async fn cut_at_any_byte_it_holds_a_prefix_of_its_entries() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.journal");
        let bytes = written(&path, 4).await;
        for cut in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let ends = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
            match read(&path).unwrap() {
                None => assert_eq!(ends, 0),
                Some(contents) => {
                    assert_eq!(
                        contents.entries,
                        (0..ends as u64 - 1).map(entry).collect::<Vec<_>>()
                    );
                    let journal = Journal::resume(&path, contents.sound).unwrap();
                    journal.append(&entry(99)).await.unwrap();
                    assert_eq!(
                        read(&path).unwrap().unwrap().entries.last(),
                        Some(&entry(99))
                    );
                }
            }
        }
    }

    #[tokio::test]
    async fn damage_before_the_last_line_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.journal");
        let mut bytes = written(&path, 3).await;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(read(&path), Err(StateError::Journal { .. })));
    }

    #[tokio::test]
    async fn after_a_failed_write_nothing_is_written_any_more() {
        let (jobs, queue) = mpsc::channel();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        thread::spawn(move || write_all(full, Path::new("/dev/full"), &queue));
        let journal = Journal {
            jobs,
            path: "/dev/full".into(),
        };
        for at in 0..2 {
            let error = journal.append(&entry(at)).await.unwrap_err();
            assert!(matches!(error, StateError::Io { .. }), "{error}");
        }
    }
}
