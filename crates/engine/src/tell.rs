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
    /// When each of them was last said: many calls that wait for the same are one wait.
    said: Mutex<HashMap<String, Instant>>,
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
        let now = Instant::now();
        {
            let mut said = inner.said.lock().unwrap_or_else(PoisonError::into_inner);
            match said.get(what) {
                Some(last) if now < *last + AGAIN => return,
                _ => said.insert(what.to_owned(), now),
            };
        }
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
}
