//! Request budgets: calls of one family share a token bucket, as they do at AWS, and back off together.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How many requests a family may make at once, and how many more a second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate {
    burst: f64,
    refill: f64,
}

const fn rate(burst: f64, refill: f64) -> Rate {
    Rate { burst, refill }
}

/// How long a family rests after it was throttled.
const REST: Duration = Duration::from_secs(1);

/// The family of an operation, and its rate. EC2's buckets are one for each action; those of scarce ones are
/// shared by all that change the same thing.
fn family(service: &str, operation: &str) -> (String, Rate) {
    let reads = ["Describe", "Get", "List", "Search"]
        .iter()
        .any(|verb| operation.starts_with(verb));
    match service {
        "EC2" => match operation {
            "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints" => {
                (format!("EC2:{operation}"), rate(4.0, 0.3))
            }
            "CreateNatGateway" | "DeleteNatGateway" => {
                (format!("EC2:{operation}"), rate(10.0, 1.0))
            }
            "CreateTags" | "DeleteTags" => (format!("EC2:{operation}"), rate(100.0, 10.0)),
            _ if reads => (format!("EC2:{operation}"), rate(100.0, 20.0)),
            _ => (format!("EC2:{operation}"), rate(50.0, 5.0)),
        },
        "Route 53" => ("Route 53".into(), rate(5.0, 5.0)),
        "IAM" if !reads => ("IAM changes".into(), rate(15.0, 8.0)),
        "CloudFront" => ("CloudFront".into(), rate(5.0, 3.0)),
        "KMS" if !reads => ("KMS changes".into(), rate(10.0, 5.0)),
        "CloudWatch Logs" if !reads => ("CloudWatch Logs changes".into(), rate(10.0, 5.0)),
        "STS" => ("STS".into(), rate(100.0, 100.0)),
        _ => (
            format!("{service} {}", if reads { "reads" } else { "changes" }),
            rate(50.0, 20.0),
        ),
    }
}

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    tokens: f64,
    counted: Instant,
    /// Since when it rests, or rested last.
    rests_from: Option<Instant>,
    rests_until: Instant,
    /// How often in a row it was throttled.
    throttled: u32,
}

impl Bucket {
    fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            tokens: rate.burst,
            counted: now,
            rests_from: None,
            rests_until: now,
            throttled: 0,
        }
    }

    /// Whether a call that was sent then says anything new: what was under way when a rest began does not.
    fn hears(&self, sent: Instant) -> bool {
        self.rests_from.is_none_or(|began| began < sent)
    }

    /// Takes a token, or says when to try again.
    fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let gained = now.duration_since(self.counted).as_secs_f64() * self.rate.refill;
        self.tokens = (self.tokens + gained).min(self.rate.burst);
        self.counted = now;
        if now < self.rests_until {
            return Err(self.rests_until);
        }
        if self.tokens < 1.0 {
            return Err(now + Duration::from_secs_f64((1.0 - self.tokens) / self.rate.refill));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

/// The budgets of one account and region.
#[derive(Debug, Default)]
pub(crate) struct Budgets(Mutex<HashMap<String, Bucket>>);

impl Budgets {
    fn buckets(&self) -> MutexGuard<'_, HashMap<String, Bucket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the operation's family may make a request.
    pub(crate) async fn acquire(&self, service: &str, operation: &str) {
        let (name, rate) = family(service, operation);
        loop {
            let now = Instant::now();
            let bucket_says = {
                let mut buckets = self.buckets();
                buckets
                    .entry(name.clone())
                    .or_insert_with(|| Bucket::new(rate, now))
                    .take(now)
            };
            match bucket_says {
                Ok(()) => return,
                Err(at) => sleep_until(at).await,
            }
        }
    }

    /// AWS throttled the operation, which was sent at `sent`: its whole family rests, longer each time. Of all calls
    /// that were under way together, one counts: they were one burst.
    pub(crate) fn throttled(&self, service: &str, operation: &str, sent: Instant) {
        let (name, rate) = family(service, operation);
        let now = Instant::now();
        let mut buckets = self.buckets();
        let bucket = buckets
            .entry(name)
            .or_insert_with(|| Bucket::new(rate, now));
        if !bucket.hears(sent) {
            return;
        }
        let rest = REST.saturating_mul(1 << bucket.throttled.min(4));
        bucket.throttled += 1;
        bucket.tokens = 0.0;
        bucket.rests_from = Some(now);
        bucket.rests_until = now + rest;
    }

    /// AWS took the request that was sent at `sent`.
    pub(crate) fn taken(&self, service: &str, operation: &str, sent: Instant) {
        let (name, _) = family(service, operation);
        if let Some(bucket) = self
            .buckets()
            .get_mut(&name)
            .filter(|bucket| bucket.hears(sent))
        {
            bucket.throttled = 0;
        }
    }

    /// Whether the operation's family rests.
    #[cfg(test)]
    pub(crate) fn rests(&self, service: &str, operation: &str) -> bool {
        let (name, _) = family(service, operation);
        self.buckets()
            .get(&name)
            .is_some_and(|bucket| Instant::now() < bucket.rests_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_through_and_the_rest_is_paced() {
        let budgets = Budgets::default();
        let begun = Instant::now();
        for _ in 0..4 {
            budgets.acquire("EC2", "CreateVpcEndpoint").await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        budgets.acquire("EC2", "CreateVpcEndpoint").await;
        assert!(
            begun.elapsed() >= Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
        let now = Instant::now();
        budgets.acquire("EC2", "CreateVpc").await;
        assert_eq!(
            now.elapsed(),
            Duration::ZERO,
            "another family is not held up"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_family_rests_longer_each_time() {
        let budgets = Budgets::default();
        let mut rests = Vec::new();
        for _ in 0..3 {
            budgets.acquire("IAM", "CreateRole").await;
            tokio::time::advance(Duration::from_millis(1)).await;
            budgets.throttled("IAM", "CreateRole", Instant::now());
            let begun = Instant::now();
            budgets.acquire("IAM", "PutRolePolicy").await;
            rests.push(begun.elapsed().as_secs());
        }
        assert_eq!(rests, [1, 2, 4]);
    }

    /// How long the family's next call waits.
    async fn wait(budgets: &Budgets) -> Duration {
        let begun = Instant::now();
        budgets.acquire("IAM", "PutRolePolicy").await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_were_under_way_together_count_once() {
        let budgets = Budgets::default();
        let sent = Instant::now();
        for _ in 0..10 {
            tokio::time::advance(Duration::from_millis(10)).await;
            budgets.throttled("IAM", "CreateRole", sent);
        }
        assert_eq!(
            wait(&budgets).await.as_millis(),
            910,
            "one second from the first, not sixteen"
        );
        // One of them that comes back after the rest is old news too.
        budgets.throttled("IAM", "CreateRole", sent);
        assert!(!budgets.rests("IAM", "CreateRole"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_ends_the_streak_only_if_it_was_asked_after_the_rest() {
        let budgets = Budgets::default();
        let old = Instant::now();
        tokio::time::advance(Duration::from_millis(1)).await;
        budgets.throttled("IAM", "CreateRole", Instant::now());
        wait(&budgets).await;
        budgets.taken("IAM", "CreateRole", old);
        budgets.throttled("IAM", "CreateRole", Instant::now());
        assert_eq!(wait(&budgets).await.as_secs(), 2);
        budgets.taken("IAM", "CreateRole", Instant::now());
        budgets.throttled("IAM", "CreateRole", Instant::now());
        assert_eq!(wait(&budgets).await.as_secs(), 1);
    }
}
