//! Nothing takes long in silence: what is waited for, why, and for how long, is said.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::CloudError;
use crate::events::{Event, Listener};

/// How long something may take before it is said.
pub const QUIET: Duration = Duration::from_secs(5);

/// How long until it is said again.
const AGAIN: Duration = Duration::from_secs(30);

/// How many things without an answer are named within [`AGAIN`]. Where the cloud does not answer at all, the fourth is
/// news no more, and the hundredth hides the plan.
const NAMED: usize = 3;

/// Stands for all that is not named.
const OTHERS: &str = "other requests";

/// Milliseconds, for a log.
#[must_use]
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Says what takes long. Cheap to clone; one that was made by default says nothing.
#[derive(Clone, Default)]
pub struct Teller(Option<Arc<Inner>>);

struct Inner {
    listener: Listener,
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    /// When each of them was last said: many calls that wait for the same are one wait.
    last: HashMap<String, Instant>,
    /// When something without an answer was last named first, and how many have been named since.
    unanswered: Option<(Instant, usize)>,
}

impl Said {
    /// The name under which this is said now; none where it was said already.
    fn now<'a>(&mut self, what: &'a str, answered: bool, now: Instant) -> Option<&'a str> {
        if self.recently(what, now) {
            return None;
        }
        let what = if answered || self.names(now) {
            what
        } else {
            OTHERS
        };
        if self.recently(what, now) {
            return None;
        }
        self.last.insert(what.to_owned(), now);
        Some(what)
    }

    fn recently(&self, what: &str, now: Instant) -> bool {
        self.last.get(what).is_some_and(|last| now < *last + AGAIN)
    }

    /// Whether one more thing without an answer is named.
    fn names(&mut self, now: Instant) -> bool {
        let (since, named) = match self.unanswered {
            Some((since, named)) if now < since + AGAIN => (since, named),
            _ => (now, 0),
        };
        self.unanswered = Some((since, named + 1));
        named < NAMED
    }
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Teller"
        } else {
            "Teller (silent)"
        })
    }
}

impl Teller {
    /// Tells this listener, by [`Event::Slow`].
    #[must_use]
    pub fn new(listener: Listener) -> Self {
        Self(Some(Arc::new(Inner {
            listener,
            said: Mutex::default(),
        })))
    }

    /// Something that may take long: "reading 3 ec2.Vpc".
    pub fn about(&self, what: impl Into<String>) -> Told<'_> {
        Told {
            teller: self,
            what: what.into(),
            why: Mutex::default(),
        }
    }

    fn say(&self, what: &str, why: Option<String>, elapsed: Duration) {
        let Some(inner) = &self.0 else { return };
        let named = inner
            .said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .now(what, why.is_some(), Instant::now());
        let Some(what) = named else { return };
        (inner.listener)(Event::Slow {
            what: what.to_owned(),
            why,
            elapsed,
        });
    }
}

/// One thing that may take long.
#[derive(Debug)]
pub struct Told<'a> {
    teller: &'a Teller,
    what: String,
    why: Mutex<Option<String>>,
}

impl Told<'_> {
    /// Why it is not done yet. The last reason counts.
    pub fn because(&self, error: &CloudError) {
        self.for_reason(error.to_string());
    }

    /// Why it is not done yet, where the reason is no error of the cloud.
    pub fn for_reason(&self, why: impl Into<String>) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.into());
    }

    /// Does the work. If it takes longer than [`QUIET`], that is said, and again every half a minute.
    pub fn during<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        // On the heap, or every future around it would be as large.
        let mut work = Box::pin(work);
        async move {
            let begun = Instant::now();
            let mut due = begun + QUIET;
            loop {
                tokio::select! {
                    biased;
                    done = &mut work => return done,
                    () = sleep_until(due) => {
                        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
                        self.teller.say(&self.what, why, begun.elapsed());
                        due += AGAIN;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Class;

    /// What was said, as "what: why (seconds)".
    pub(crate) fn ear() -> (Teller, Arc<Mutex<Vec<String>>>) {
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let ear = heard.clone();
        let listener = move |event| {
            if let Event::Slow { what, why, elapsed } = event {
                let why = why.unwrap_or_else(|| "no answer".into());
                ear.lock()
                    .unwrap()
                    .push(format!("{what}: {why} ({} s)", elapsed.as_secs()));
            }
        };
        (Teller::new(Arc::new(listener)), heard)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_soon_done_is_not_said() {
        let (teller, heard) = ear();
        teller
            .about("a read")
            .during(tokio::time::sleep(QUIET - Duration::from_millis(1)))
            .await;
        assert!(heard.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_said_with_its_reason_and_again_every_half_a_minute() {
        let (teller, heard) = ear();
        let told = teller.about("a read");
        let work = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            told.because(&CloudError::new(Class::Throttled, "toy:Read", "slow down"));
            tokio::time::sleep(Duration::from_secs(60)).await;
        };
        told.during(work).await;
        let heard = heard.lock().unwrap();
        assert_eq!(
            *heard,
            [
                "a read: no answer (5 s)",
                "a read: toy:Read: slow down (35 s)",
                "a read: toy:Read: slow down (65 s)"
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_wait_for_the_same_are_said_once() {
        let (teller, heard) = ear();
        let wait = || async {
            teller
                .about("a lock")
                .during(tokio::time::sleep(Duration::from_secs(20)))
                .await
        };
        futures::future::join_all([wait(), wait(), wait()]).await;
        assert_eq!(heard.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_without_an_answer_three_are_named() {
        let (teller, heard) = ear();
        let wait = |what: String| {
            let teller = &teller;
            async move {
                let told = teller.about(what);
                told.during(tokio::time::sleep(Duration::from_secs(20)))
                    .await;
            }
        };
        let waits = (0..40).map(|number| wait(format!("read {number}")));
        futures::future::join_all(waits).await;
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), 4, "{heard:#?}");
        assert_eq!(heard[3], "other requests: no answer (5 s)");
    }
}
