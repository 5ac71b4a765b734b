//! Who may write: an object that its holder renews for as long as it lives.
//!
//! A lease alone cannot keep two runs apart. A holder that was suspended, a laptop that slept, does not know that its
//! time has run out, and its next write may be under way when somebody else takes over. So the lease only says who may
//! *begin*; what refuses a late write is the journal, whose every write names the version before it, and into which a
//! new holder writes its epoch first (`Bucket::claim`).
//!
//! Clocks of different machines are never compared. How old a lease is, the store says (`Blob::age`), by its own clock;
//! how long it is valid stands in the lease itself, because the run that reads it may have another setting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::{Bucket, settled};
use crate::state::lock::FOR_EVER;
use crate::state::{Condition, Holder, Put, StateError, now};
use crate::tell::Told;

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
    let found = settled::get(bucket, &key)
        .await
        .map_err(|e| bucket.failed("read", &key, e))?;
    Ok(found.map(|blob| {
        // One that cannot be read is respected for as long as this platctl's own would be.
        let unknown = || Lease {
            holder: Holder::default(),
            epoch: 0,
            beat: 0,
            seconds: bucket.policy.as_secs(),
            released: false,
        };
        let lease = serde_json::from_slice(&blob.bytes).unwrap_or_else(|_| unknown());
        Found {
            lease,
            tag: blob.tag,
            age: blob.age,
        }
    }))
}

/// Takes the lease, waiting for up to `limit` while another run holds it.
pub(super) async fn acquire(
    bucket: &Bucket,
    holder: &Holder,
    limit: Duration,
) -> Result<Held, StateError> {
    let told = bucket.teller.about(format!(
        "waiting for the state lease of stack `{}`",
        bucket.stack
    ));
    told.during(until_free(bucket, holder, limit, &told)).await
}

async fn until_free(
    bucket: &Bucket,
    holder: &Holder,
    limit: Duration,
    told: &Told<'_>,
) -> Result<Held, StateError> {
    let deadline = Instant::now() + limit.min(FOR_EVER);
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
            let (heard, valid) = (found.age.as_secs(), found.left().as_secs() + 1);
            told.for_reason(format!(
                "{}; last heartbeat {heard} s ago, valid for {valid} s more",
                found.lease.holder
            ));
            sleep(left.min(found.left()).min(Duration::from_secs(1))).await;
            continue;
        }
        if let Some(held) = take(bucket, holder, found).await? {
            return Ok(held);
        }
    }
}

/// Takes it over from whoever has it; none when somebody was faster. The write is on the condition that the lease is
/// still the one that was found: of two runs that see it run out at the same moment, one is refused and waits again. The
/// epoch goes up even if the last holder let go in order: its writes may still be on their way.
pub(super) async fn take(
    bucket: &Bucket,
    holder: &Holder,
    found: Option<Found>,
) -> Result<Option<Held>, StateError> {
    // A lease that somebody deleted says nothing of those before it, but the journal does.
    let last = match &found {
        Some(found) if found.lease.epoch > 0 => found.lease.epoch,
        _ => bucket.last_epoch().await?,
    };
    let epoch = last.saturating_add(1);
    let condition = found.map_or(Condition::Absent, |found| Condition::Is(found.tag));
    let seconds = bucket.policy.as_secs().max(1);
    let lease = Lease {
        holder: holder.clone(),
        epoch,
        beat: 0,
        seconds,
        released: false,
    };
    let key = bucket.lease();
    let put = settled::put(bucket, &key, &lease.bytes(), &condition).await;
    match put.map_err(|e| bucket.failed("lock", &key, e))? {
        Put::Done(tag) => Ok(Some(Held::new(Beat {
            bucket: bucket.clone(),
            key,
            lease,
            tag,
        }))),
        Put::Refused => Ok(None),
    }
}

/// A lease that is renewed until it is let go.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) epoch: u64,
    seconds: u64,
    /// When it was last renewed; zero once somebody else has it.
    heard: Arc<AtomicU64>,
    renewing: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Held {
    fn new(beat: Beat) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (epoch, seconds) = (beat.lease.epoch, beat.lease.seconds);
        let heard = Arc::new(AtomicU64::new(now()));
        let task = tokio::spawn(renew(beat, heard.clone(), stopped));
        Self {
            epoch,
            seconds,
            heard,
            renewing: Mutex::new(Some((stop, task))),
        }
    }

    /// Sees that nobody has taken it over. Without a call, as long as nobody can have: by the clock on the wall, which
    /// goes on while a machine sleeps.
    pub(super) async fn check(&self, bucket: &Bucket) -> Result<(), StateError> {
        let age = now().saturating_sub(self.heard.load(Ordering::Relaxed));
        if age < self.seconds.saturating_mul(1000) {
            return Ok(());
        }
        let holder = match find(bucket).await? {
            Some(found) if found.lease.epoch == self.epoch => return Ok(()),
            found => found.map(|found| found.lease.holder).unwrap_or_default(),
        };
        Err(StateError::Lost {
            place: bucket.place(),
            holder,
        })
    }

    /// Lets go.
    pub(super) async fn release(&self) {
        if let Some((stop, task)) = self.renewing.lock().await.take() {
            let _ = stop.send(());
            let _ = timeout(FAREWELL, task).await;
        }
    }
}

/// The lease that is renewed, as it was last written.
struct Beat {
    bucket: Bucket,
    key: String,
    lease: Lease,
    tag: String,
}

/// What became of a renewal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Renewed {
    Done,
    Taken,
    /// Nothing is known of it; the next one finds out.
    Unheard,
}

impl Beat {
    /// Renews it. A refusal may be of a write of one's own whose answer was lost: then what is there tells. That is told by
    /// epoch and holder, not by the beat: the write that was lost carries a beat that this run does not know to be there.
    async fn renew(&mut self) -> Renewed {
        let before = self.lease.clone();
        self.lease.beat = self.lease.beat.saturating_add(1);
        let condition = Condition::Is(self.tag.clone());
        match settled::put(&self.bucket, &self.key, &self.lease.bytes(), &condition).await {
            Ok(Put::Done(tag)) => {
                self.tag = tag;
                Renewed::Done
            }
            Ok(Put::Refused) => match find(&self.bucket).await {
                Ok(Some(found))
                    if found.lease.epoch == before.epoch && found.lease.holder == before.holder =>
                {
                    self.tag = found.tag;
                    Renewed::Unheard
                }
                Ok(_) => Renewed::Taken,
                Err(_) => Renewed::Unheard,
            },
            Err(error) => {
                tracing::warn!(%error, "the lease could not be renewed");
                Renewed::Unheard
            }
        }
    }
}

/// Renews until told to stop; then lets go. Somebody who has taken over is left alone.
///
/// It renews six times within the validity, and four times as often after a failure, so that a few lost answers do not
/// cost the lease. The time that counts is the one before the call: the store may have written it at any moment since,
/// and to count from the answer would make the holder believe in a lease that others already see as run out.
async fn renew(mut beat: Beat, heard: Arc<AtomicU64>, mut stopped: oneshot::Receiver<()>) {
    let pause = Duration::from_secs(beat.lease.seconds) / BEATS;
    let mut wait = pause;
    loop {
        tokio::select! {
            () = sleep(wait) => {}
            told = &mut stopped => match told {
                Ok(()) => beat.lease.released = true,
                // Dropped without a word: work may be under way still, so that the lease runs out by itself.
                Err(_) => return,
            },
        }
        let begun = now();
        // One renewal that hangs must not cost the lease.
        let renewed = timeout(2 * pause, beat.renew())
            .await
            .unwrap_or(Renewed::Unheard);
        match renewed {
            // What the others see is not younger than this.
            Renewed::Done => heard.store(begun, Ordering::Relaxed),
            Renewed::Taken => {
                heard.store(0, Ordering::Relaxed);
                return;
            }
            Renewed::Unheard => {}
        }
        if beat.lease.released {
            return;
        }
        wait = if renewed == Renewed::Done {
            pause
        } else {
            pause / 4
        };
    }
}
