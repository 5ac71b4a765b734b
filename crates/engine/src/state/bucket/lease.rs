//! Who may write: an object that its holder renews for as long as it lives.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::{Bucket, surely};
use crate::state::{Blobs, Condition, Holder, Put, StateError};

/// How often a lease is renewed within the time that it is valid without.
const BEATS: u32 = 6;
/// How long letting go may take: whoever cannot say that it is done leaves it to the clock.
const FAREWELL: Duration = Duration::from_secs(5);

/// What the object holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    pub(super) holder: Holder,
    /// Counts the holders.
    pub(super) epoch: u64,
    /// Counts the renewals of one holder.
    pub(super) beat: u64,
    /// How long it is valid without being renewed.
    pub(super) seconds: u64,
    pub(super) released: bool,
}

/// A lease as it was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) lease: Lease,
    pub(super) tag: String,
    pub(super) age: Duration,
}

impl Found {
    /// How long it is still to be respected.
    pub(super) fn left(&self) -> Duration {
        if self.lease.released || self.lease.holder.is_gone() {
            return Duration::ZERO;
        }
        Duration::from_secs(self.lease.seconds).saturating_sub(self.age)
    }
}

impl Lease {
    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The lease that there is.
pub(super) async fn find(bucket: &Bucket) -> Result<Option<Found>, StateError> {
    let key = bucket.lease();
    let found = surely::get(&*bucket.blobs, &key).await.map_err(|e| bucket.failed("read", &key, e))?;
    Ok(found.map(|blob| {
        // One that cannot be read is respected for as long as this platctl's own would be.
        let unknown = || Lease {
            holder: Holder::default(),
            epoch: 0,
            beat: 0,
            seconds: bucket.patience.as_secs(),
            released: false,
        };
        let lease = serde_json::from_slice(&blob.bytes).unwrap_or_else(|_| unknown());
        Found { lease, tag: blob.tag, age: blob.age }
    }))
}

/// Takes the lease, waiting for up to `limit` while another run holds it.
pub(super) async fn acquire(bucket: &Bucket, holder: &Holder, limit: Duration) -> Result<Held, StateError> {
    let deadline = Instant::now() + limit;
    loop {
        let found = find(bucket).await?;
        if let Some(found) = found.as_ref().filter(|found| !found.left().is_zero()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StateError::Leased {
                    place: bucket.place(),
                    stack: bucket.stack.clone(),
                    holder: found.lease.holder.clone(),
                    heard: found.age.as_secs(),
                    left: found.left().as_secs() + 1,
                });
            }
            sleep(left.min(found.left()).min(Duration::from_secs(1))).await;
            continue;
        }
        if let Some(held) = take(bucket, holder, found).await? {
            return Ok(held);
        }
    }
}

/// Takes it over from whoever has it; none when somebody was faster.
pub(super) async fn take(
    bucket: &Bucket,
    holder: &Holder,
    found: Option<Found>,
) -> Result<Option<Held>, StateError> {
    let (condition, epoch) = match found {
        Some(found) => (Condition::Is(found.tag), found.lease.epoch + 1),
        None => (Condition::Absent, 1),
    };
    let seconds = bucket.patience.as_secs().max(1);
    let lease = Lease { holder: holder.clone(), epoch, beat: 0, seconds, released: false };
    let key = bucket.lease();
    let put = surely::put(&*bucket.blobs, &key, &lease.bytes(), &condition).await;
    match put.map_err(|e| bucket.failed("lock", &key, e))? {
        Put::Done(tag) => Ok(Some(Held::new(bucket.blobs.clone(), key, lease, tag))),
        Put::Refused => Ok(None),
    }
}

/// A lease that is renewed until it is let go.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) epoch: u64,
    renewing: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Held {
    fn new(blobs: Arc<dyn Blobs>, key: String, lease: Lease, tag: String) -> Self {
        let (stop, stopped) = oneshot::channel();
        let epoch = lease.epoch;
        let task = tokio::spawn(renew(blobs, key, lease, tag, stopped));
        Self { epoch, renewing: Mutex::new(Some((stop, task))) }
    }

    /// Lets go.
    pub(super) async fn release(&self) {
        if let Some((stop, task)) = self.renewing.lock().await.take() {
            let _ = stop.send(());
            let _ = timeout(FAREWELL, task).await;
        }
    }
}

/// Renews until told to stop; then lets go. Somebody who has taken over is left alone: the journal refuses this run.
async fn renew(
    blobs: Arc<dyn Blobs>,
    key: String,
    mut lease: Lease,
    mut tag: String,
    mut stopped: oneshot::Receiver<()>,
) {
    let pause = Duration::from_secs(lease.seconds) / BEATS;
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            told = &mut stopped => match told {
                Ok(()) => lease.released = true,
                // Dropped without a word: work may be under way still, so that the lease runs out by itself.
                Err(_) => return,
            },
        }
        lease.beat += 1;
        match surely::put(&*blobs, &key, &lease.bytes(), &Condition::Is(tag.clone())).await {
            Ok(Put::Done(new)) => tag = new,
            Ok(Put::Refused) => return,
            Err(error) => tracing::warn!(%error, "the lease could not be renewed"),
        }
        if lease.released {
            return;
        }
    }
}
