//! The journal in a bucket: one object that says what state is, written as a whole, by one holder at a time.

use tokio::sync::{mpsc, oneshot};

use super::{Bucket, lease, settled};
use crate::state::journal::{Entry, Header, line};
use crate::state::{Condition, Put, State, StateError};

type Done = oneshot::Sender<Result<(), StateError>>;

/// What the writer is asked for.
pub(super) enum Job {
    /// A line, and the account that the resources live in.
    Append(String, Option<String>, Done),
    Checkpoint(Box<State>, Done),
}

/// The journal as it is known to be.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) header: Header,
    /// All of its lines but the header.
    pub(super) lines: String,
    pub(super) tag: Option<String>,
}

impl Root {
    /// Writes it. Whoever else wrote it since it was read wins: then it is refused.
    pub(super) async fn write(&mut self, bucket: &Bucket) -> Result<bool, StateError> {
        let key = bucket.journal();
        let place = bucket.blobs.place(&key);
        let failed = |error| StateError::io("write", place.as_ref(), error);
        let text = line(&self.header).map_err(failed)? + &self.lines;
        let condition = self.tag.clone().map_or(Condition::Absent, Condition::Is);
        let put = settled::put(bucket, &key, text.as_bytes(), &condition).await;
        match put.map_err(|e| bucket.failed("write", &key, e))? {
            Put::Done(tag) => {
                self.tag = Some(tag);
                Ok(true)
            }
            Put::Refused => Ok(false),
        }
    }
}

/// The entry as a line.
pub(super) fn text_of(bucket: &Bucket, entry: &Entry) -> Result<String, StateError> {
    let place = bucket.blobs.place(&bucket.journal());
    line(entry).map_err(|error| StateError::io("append to", place.as_ref(), error))
}

/// Carries out jobs one after another; entries that arrive meanwhile share the next write. Once something could not
/// be written, nothing more is.
pub(super) async fn write_all(
    bucket: Bucket,
    mut root: Root,
    mut jobs: mpsc::UnboundedReceiver<Job>,
) {
    let mut failure: Option<StateError> = None;
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(job) => job,
            None => match jobs.recv().await {
                Some(job) => job,
                None => return,
            },
        };
        let mut waiting = Vec::new();
        let result = match first {
            Job::Checkpoint(state, done) => {
                waiting.push(done);
                match &failure {
                    Some(error) => Err(error.clone()),
                    None => checkpoint(&bucket, &mut root, &state).await,
                }
            }
            Job::Append(text, account, done) => {
                waiting.push(done);
                root.lines += &text;
                root.header.account = account;
                while let Ok(job) = jobs.try_recv() {
                    match job {
                        Job::Append(text, _, done) => {
                            root.lines += &text;
                            waiting.push(done);
                        }
                        Job::Checkpoint(..) => {
                            next = Some(job);
                            break;
                        }
                    }
                }
                match &failure {
                    Some(error) => Err(error.clone()),
                    None => mine(&bucket, &mut root).await,
                }
            }
        };
        failure = failure.or_else(|| result.clone().err());
        for done in waiting {
            // Whoever asked may have been abandoned.
            let _ = done.send(result.clone());
        }
    }
}

async fn checkpoint(bucket: &Bucket, root: &mut Root, state: &State) -> Result<(), StateError> {
    let key = bucket.version_key(state.serial, root.header.epoch);
    let place = bucket.blobs.place(&key);
    let text = state
        .text()
        .map_err(|error| StateError::io("write", place.as_ref(), error))?;
    let put = settled::put(bucket, &key, &text, &Condition::Absent).await;
    if put.map_err(|e| bucket.failed("write", &key, e))? == Put::Refused {
        let why = "it already exists, with different contents".to_owned();
        return Err(StateError::Corrupt {
            path: place.into(),
            why,
        });
    }
    let (epoch, claim) = (root.header.epoch, root.header.claim.take());
    root.header = Header {
        epoch,
        claim,
        state: Some(key),
        ..Header::of(state)
    };
    root.lines.clear();
    mine(bucket, root).await
}

/// Writes it as the holder of the lease, which somebody may have taken.
async fn mine(bucket: &Bucket, root: &mut Root) -> Result<(), StateError> {
    if root.write(bucket).await? {
        return Ok(());
    }
    let holder = lease::find(bucket)
        .await?
        .map(|found| found.lease.holder)
        .unwrap_or_default();
    Err(StateError::Lost {
        place: bucket.place(),
        holder,
    })
}
