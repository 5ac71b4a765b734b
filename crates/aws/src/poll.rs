//! Waiting for something that AWS does by itself.

use std::time::Duration;

use platctl_engine::CloudResult;
use tokio::time::{Instant, sleep};

/// Asks until it is done: at once, soon at first, and then every `pause`. What is answered instead (how it stands) is
/// returned when it takes longer than `longest`.
///
/// # Errors
/// The first error of asking.
pub(crate) async fn until<T, S, F: Future<Output = CloudResult<Result<T, S>>>>(
    pause: Duration,
    longest: Duration,
    mut ask: impl FnMut() -> F,
) -> CloudResult<Result<T, S>> {
    let (begun, mut next) = (Instant::now(), Duration::from_millis(100));
    loop {
        let found = ask().await?;
        if found.is_ok() || begun.elapsed() > longest {
            return Ok(found);
        }
        sleep(next).await;
        next = (next * 2).min(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platctl_engine::{Class, CloudError};
    use std::future::ready;

    const PAUSE: Duration = Duration::from_secs(5);
    const LONGEST: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn it_is_asked_until_it_is_done() {
        let mut asked = 0;
        let done = until(PAUSE, LONGEST, || {
            asked += 1;
            ready(Ok(if asked == 4 { Ok(asked) } else { Err("busy") }))
        });
        assert_eq!(done.await.unwrap(), Ok(4));
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_ends_says_how_it_stands() {
        let begun = Instant::now();
        let never = until(PAUSE, LONGEST, || ready(Ok(Err::<(), _>("busy"))));
        assert_eq!(never.await.unwrap(), Err("busy"));
        assert!(begun.elapsed() > LONGEST && begun.elapsed() <= LONGEST + PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_ends_it() {
        let denied = || CloudError::new(Class::Denied, "toy:Read", "no");
        let failing = until(PAUSE, LONGEST, || ready(Err::<Result<(), ()>, _>(denied())));
        assert_eq!(failing.await.unwrap_err().class, Class::Denied);
    }
}
