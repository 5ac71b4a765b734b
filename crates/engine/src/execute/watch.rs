//! Waiting belongs to the engine: one describe serves every object of a kind that is being waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use crate::observe::{AT_ONCE, describe_awaited};
use crate::tell::Teller;
use crate::{AnyKind, AnyLive, Class, CloudError, CloudResult, Id};

/// How long a request waits for others to share its describe.
const GATHER: Duration = Duration::from_millis(4);

/// The longest time between two looks at one object.
const LONGEST: Duration = Duration::from_secs(10);

/// A request to look at one object.
struct Ask {
    id: Id,
    /// From when on an answer is useful.
    earliest: Instant,
    /// When it wants the answer at the latest.
    due: Instant,
    reply: oneshot::Sender<CloudResult<Option<AnyLive>>>,
}

/// The watchers of a run, one for each kind and place.
pub(super) struct Watchers {
    open: Mutex<HashMap<(String, String), mpsc::UnboundedSender<Ask>>>,
    teller: Teller,
}

impl Watchers {
    /// Watchers that say what takes long.
    pub(super) fn new(teller: Teller) -> Self {
        Self {
            open: Mutex::default(),
            teller,
        }
    }

    /// Looks at an object after `delay`, sharing the call with whoever waits for the same kind. The
    /// answer may come from up to a quarter of the delay earlier.
    ///
    /// # Errors
    /// What the cloud answers to the describe.
    pub(super) async fn look(
        &self,
        kind: &Arc<dyn AnyKind>,
        scope: &str,
        id: &Id,
        delay: Duration,
    ) -> CloudResult<Option<AnyLive>> {
        let now = Instant::now();
        let (reply, answer) = oneshot::channel();
        let ask = Ask {
            id: id.clone(),
            earliest: now + delay.mul_f64(0.75),
            due: now + delay.max(GATHER),
            reply,
        };
        let ended = || CloudError::new(Class::Unknown, kind.facts().name, "the watcher ended");
        self.watcher(kind, scope).send(ask).map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    fn watcher(&self, kind: &Arc<dyn AnyKind>, scope: &str) -> mpsc::UnboundedSender<Ask> {
        let mut watchers = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (kind.facts().name.to_owned(), scope.to_owned());
        watchers
            .entry(place)
            .or_insert_with(|| {
                let (sender, receiver) = mpsc::unbounded_channel();
                // One look serves many operations, so it stands in none of their spans.
                let span =
                    tracing::info_span!(parent: None, "watch", kind = kind.facts().name, scope);
                let serving = serve(kind.clone(), receiver, self.teller.clone());
                tokio::spawn(serving.instrument(span));
                sender
            })
            .clone()
    }
}

/// Answers requests until nobody can ask any more. While one describe is under way, requests gather
/// for the next.
async fn serve(kind: Arc<dyn AnyKind>, mut requests: mpsc::UnboundedReceiver<Ask>, teller: Teller) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut asks: Vec<Ask> = Vec::new();
    // The earliest of what is due; kept, so that one more request costs no look at all the others.
    let mut next: Option<Instant> = None;
    loop {
        let Some(due) = next else {
            match requests.recv().await {
                Some(ask) => {
                    next = Some(ask.due);
                    asks.push(ask);
                }
                None => return,
            }
            continue;
        };
        tokio::select! {
            biased;
            ask = requests.recv(), if !requests.is_closed() => {
                next = ask.iter().map(|ask| ask.due).chain(next).min();
                asks.extend(ask);
            }
            () = sleep_until(due) => {
                let now = Instant::now();
                let (batch, later) = asks.into_iter().partition(|ask| ask.earliest <= now);
                asks = later;
                next = asks.iter().map(|ask| ask.due).min();
                if kind.facts().one_by_one {
                    answer_each(&kind, batch, &permits, &teller);
                } else {
                    answer(&kind, batch, &teller).await;
                }
            }
        }
    }
}

/// One describe for all of them.
async fn answer(kind: &Arc<dyn AnyKind>, batch: Vec<Ask>, teller: &Teller) {
    let ids: Vec<Id> = batch.iter().map(|ask| ask.id.clone()).collect();
    let result = describe_awaited(kind, &ids, teller).await;
    let answers: Vec<CloudResult<Option<AnyLive>>> = match result {
        Ok(found) => found.into_iter().map(Ok).collect(),
        Err(error) => ids.iter().map(|_| Err(error.clone())).collect(),
    };
    for (ask, answer) in batch.into_iter().zip(answers) {
        // Whoever asked may have stopped waiting.
        let _ = ask.reply.send(answer);
    }
}

/// One describe for each: what fails is repeated alone, and nobody waits for another one's answer.
fn answer_each(
    kind: &Arc<dyn AnyKind>,
    batch: Vec<Ask>,
    permits: &Arc<Semaphore>,
    teller: &Teller,
) {
    for Ask { id, mut reply, .. } in batch {
        let (kind, permits, teller) = (kind.clone(), permits.clone(), teller.clone());
        let look_at_it = async move {
            let look = async {
                // Never closed, so there is always a permit in the end.
                let _permit = permits.acquire().await;
                let found = describe_awaited(&kind, std::slice::from_ref(&id), &teller).await;
                found.map(|found| found.into_iter().next().flatten())
            };
            tokio::select! {
                biased;
                () = reply.closed() => {}
                answer = look => drop(reply.send(answer)),
            }
        };
        tokio::spawn(look_at_it.in_current_span());
    }
}

/// When to look again: dense around the expected end, sparse far from it, never above ten seconds.
#[must_use]
pub(super) fn cadence(elapsed: Duration, usual: Duration) -> Duration {
    let shortest = usual
        .mul_f64(0.02)
        .clamp(Duration::from_millis(20), Duration::from_secs(1));
    usual
        .abs_diff(elapsed)
        .mul_f64(0.35)
        .clamp(shortest, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_dense_around_the_expected_end() {
        let usual = Duration::from_secs(100);
        let mut elapsed = Duration::ZERO;
        let mut looks = Vec::new();
        while elapsed < 2 * usual {
            elapsed += cadence(elapsed, usual);
            looks.push(elapsed.as_secs());
        }
        let within =
            |range: std::ops::Range<u64>| looks.iter().filter(|at| range.contains(at)).count();
        assert!(within(90..110) > 3 * within(20..40), "{looks:?}");
        assert!(looks.len() < 60, "{looks:?}");
    }

    #[test]
    fn never_above_ten_seconds_and_never_busy() {
        for (elapsed, usual) in [(0, 3600), (7200, 3600), (0, 0), (100, 100)] {
            let delay = cadence(Duration::from_secs(elapsed), Duration::from_secs(usual));
            assert!(delay <= LONGEST && delay >= Duration::from_millis(20));
        }
    }
}
