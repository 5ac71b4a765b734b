//! Repeating calls that may succeed later.

use std::future::Future;
use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

use crate::tell::{Teller, Told};
use crate::{Class, CloudError, CloudResult};

tokio::task_local! {
    static ATTEMPT: u32;
}

/// Which attempt of a call this is, counted from 1. A provider writes it into its log: it makes the request, and only
/// the engine, which repeats calls, knows how often it was made before.
#[must_use]
pub fn attempt() -> u32 {
    ATTEMPT.try_with(|attempt| *attempt).unwrap_or(1)
}

/// Makes a call as this attempt.
pub(crate) fn as_attempt<F: Future>(attempt: u32, call: F) -> impl Future<Output = F::Output> {
    ATTEMPT.scope(attempt, call)
}

/// How long a thing just made may stay invisible to other services (IAM roles, new ids).
const VISIBLE_AFTER: Duration = Duration::from_secs(300);

/// How often and how long a call is repeated.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The delay before the first repetition; it doubles from there, with jitter.
    pub first: Duration,
    /// The longest delay between two tries.
    pub longest: Duration,
    /// When to give up, counted from the first try.
    pub limit: Duration,
}

impl RetryPolicy {
    /// For reads: they answer soon or something is wrong. One of them may hang until its time is out, and is tried again.
    pub const READ: Self = Self {
        first: Duration::from_millis(100),
        longest: Duration::from_secs(5),
        limit: Duration::from_secs(90),
    };

    /// For reads of a run that is under way: a laptop that sleeps, or a network that is gone for a while, must not
    /// end what it waits for.
    pub const WAIT: Self = Self {
        first: Duration::from_millis(100),
        longest: Duration::from_secs(5),
        limit: Duration::from_secs(600),
    };

    /// For mutating calls: patient up to a kind's own limit.
    #[must_use]
    pub const fn until(limit: Duration) -> Self {
        Self {
            first: Duration::from_millis(200),
            longest: Duration::from_secs(10),
            limit,
        }
    }

    /// The delay after a mutating call that failed like this; none when it has been tried for long enough. What the
    /// cloud calls not there yet must be there within minutes, or it is not there: an input that is wrong looks the same.
    pub(crate) fn again(&self, class: Class, tries: u32, elapsed: Duration) -> Option<Duration> {
        let limit = match class {
            Class::NotYetConsistent => VISIBLE_AFTER.min(self.limit),
            _ => self.limit,
        };
        let delay = self.delay(tries);
        (elapsed + delay <= limit).then_some(delay)
    }

    /// The delay after the given number of failed tries: exponential, with full jitter above a half.
    #[must_use]
    pub fn delay(&self, tries: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
        doubled
            .min(self.longest)
            .mul_f64(rand::rng().random_range(0.5..1.0))
    }
}

/// Whether a read that failed like this is worth repeating.
#[must_use]
pub const fn read_may_recover(class: Class) -> bool {
    matches!(class, Class::Throttled | Class::Busy | Class::Interrupted)
}

/// Whether a read of a run that is under way is worth repeating.
#[must_use]
pub const fn wait_may_go_on(class: Class) -> bool {
    read_may_recover(class) || matches!(class, Class::Unreachable)
}

/// Repeats a call while its error is one that `again` accepts and patience lasts. `told` hears why.
///
/// # Errors
/// The first error that is not to be repeated, or the last one when patience ends.
pub async fn retry<T, F: Future<Output = CloudResult<T>>>(
    policy: RetryPolicy,
    again: impl Fn(&CloudError) -> bool,
    told: &Told<'_>,
    mut call: impl FnMut() -> F,
) -> CloudResult<T> {
    let begun = Instant::now();
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match as_attempt(tries, call()).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let delay = policy.delay(tries);
        if !again(&error) || begun.elapsed() + delay > policy.limit {
            return Err(error);
        }
        told.because(&error);
        tokio::time::sleep(delay).await;
    }
}

/// Repeats a call that may be made twice without harm, as long as it fails in ways that pass. `what` is said, with the
/// reason, when that takes long.
///
/// # Errors
/// The first error that does not pass, or the last one when patience ends.
pub async fn call_with_retries<T, F: Future<Output = CloudResult<T>>>(
    teller: &Teller,
    what: impl Into<String>,
    call: impl FnMut() -> F,
) -> CloudResult<T> {
    let told = teller.about(what);
    told.during(retry(
        RetryPolicy::READ,
        |error| read_may_recover(error.class),
        &told,
        call,
    ))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn error(class: Class) -> CloudError {
        CloudError::new(class, "toy:Call", "no")
    }

    #[tokio::test(start_paused = true)]
    async fn repeats_what_may_recover_until_it_does() {
        let tries = Cell::new(0);
        let quiet = Teller::default();
        let told = quiet.about("");
        let result = retry(
            RetryPolicy::READ,
            |e| read_may_recover(e.class),
            &told,
            || {
                tries.set(tries.get() + 1);
                let n = tries.get();
                async move {
                    if n < 4 {
                        Err(error(Class::Throttled))
                    } else {
                        Ok(n)
                    }
                }
            },
        );
        assert_eq!(result.await, Ok(4));
    }

    #[test]
    fn what_is_not_there_yet_is_waited_for_for_minutes_only() {
        let policy = RetryPolicy::until(Duration::from_secs(3600));
        let (soon, late) = (Duration::ZERO, VISIBLE_AFTER);
        assert!(policy.again(Class::NotYetConsistent, 1, soon).is_some());
        assert_eq!(policy.again(Class::NotYetConsistent, 1, late), None);
        assert!(policy.again(Class::Busy, 1, late).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_at_once_on_what_will_not_change() {
        let tries = Cell::new(0);
        let quiet = Teller::default();
        let told = quiet.about("");
        let result: CloudResult<()> = retry(
            RetryPolicy::READ,
            |e| read_may_recover(e.class),
            &told,
            || {
                tries.set(tries.get() + 1);
                async { Err(error(Class::Denied)) }
            },
        )
        .await;
        assert_eq!(result.unwrap_err().class, Class::Denied);
        assert_eq!(tries.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_when_patience_ends() {
        let begun = Instant::now();
        let quiet = Teller::default();
        let told = quiet.about("");
        let result: CloudResult<()> = retry(
            RetryPolicy::READ,
            |_| true,
            &told,
            || async { Err(error(Class::Throttled)) },
        )
        .await;
        assert!(result.is_err());
        assert!(begun.elapsed() <= RetryPolicy::READ.limit);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_repeated_for_long_says_what_and_why() {
        let (teller, heard) = crate::tell::tests::ear();
        let answer = || async {
            Err::<(), _>(CloudError {
                code: Some("InternalFailure".into()),
                ..error(Class::Interrupted)
            })
        };
        call_with_retries(&teller, "reading a toy", answer)
            .await
            .unwrap_err();
        let heard = heard.lock().unwrap();
        assert_eq!(
            heard.first().map(String::as_str),
            Some("reading a toy: toy:Call failed with InternalFailure: no (5 s)")
        );
        assert_eq!(heard.len(), 3, "{heard:?}");
    }
}
