//! Calls for each of many objects: a few at a time.

use std::future::Future;

use futures::stream::{self, StreamExt, TryStreamExt};
use platctl_engine::CloudResult;
use platctl_engine::observe::AT_ONCE;
use platctl_engine::retry::call_with_retries;

use crate::Cloud;

/// Does all of it, a few at a time, and answers in order; the first error ends it. A request is signed before it waits
/// for its turn, so thousands must not wait.
pub(crate) fn try_join_all<T, E, F: Future<Output = Result<T, E>>>(
    work: impl IntoIterator<Item = F>,
) -> impl Future<Output = Result<Vec<T>, E>> {
    let work: Vec<F> = work.into_iter().collect();
    stream::iter(work).buffered(AT_ONCE).try_collect()
}

/// Reads something of each of many objects, a few at a time, in order. What fails is repeated alone: where one in twenty
/// calls fails, a hundred hardly ever succeed at once.
pub(crate) fn each<I, T, F>(
    cloud: &Cloud,
    what: &str,
    items: impl IntoIterator<Item = I>,
    read: impl Fn(I) -> F + Clone,
) -> impl Future<Output = CloudResult<Vec<T>>>
where
    I: Clone,
    F: Future<Output = CloudResult<T>>,
{
    let one = move |item: I| {
        let read = read.clone();
        call_with_retries(&cloud.teller, what, move || read(item.clone()))
    };
    try_join_all(items.into_iter().map(one))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use platctl_engine::{Class, CloudError};

    use super::*;
    use crate::cloud::tests::cloud;

    #[tokio::test(start_paused = true)]
    async fn reads_are_bounded_and_in_order() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let found = each(&cloud(), "reading toys", 0..1000, |number| async move {
            Ok(number)
        })
        .await
        .unwrap();
        assert_eq!(found, (0..1000).collect::<Vec<_>>());
        let read = |number: usize| {
            let (now, most) = (&now, &most);
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(number)
            }
        };
        each(&cloud(), "reading toys", 0..1000, read).await.unwrap();
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_repeated_alone() {
        let calls = AtomicUsize::new(0);
        let read = |number: usize| {
            let turn = calls.fetch_add(1, Ordering::SeqCst);
            async move {
                let fails = turn.is_multiple_of(10);
                if fails {
                    Err(CloudError::new(Class::Throttled, "toy:Read", "slow down"))
                } else {
                    Ok(number)
                }
            }
        };
        assert_eq!(
            each(&cloud(), "reading toys", 0..90, read)
                .await
                .unwrap()
                .len(),
            90
        );
        let calls = calls.load(Ordering::SeqCst);
        assert!(
            (99..=101).contains(&calls),
            "{calls} calls for 90 objects, of which each tenth failed"
        );
    }
}
