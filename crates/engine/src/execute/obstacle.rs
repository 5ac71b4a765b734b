//! What keeps an object that takes too long.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::{AnyKind, AnyLive};

/// How much longer than usual something may take before it is looked into, and the time between two looks.
const LATE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_secs(30);

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Obstacle {
    asked: Option<Instant>,
    found: Option<String>,
}

impl Obstacle {
    /// Whether it is time to ask.
    pub(super) fn is_due(&self, elapsed: Duration, usual: Duration) -> bool {
        elapsed > usual + LATE && self.asked.is_none_or(|asked| asked.elapsed() > AGAIN)
    }

    /// Asks. What cannot be found out stays unknown: it is only said for the reader's sake.
    pub(super) async fn ask(&mut self, kind: &Arc<dyn AnyKind>, live: &AnyLive) {
        self.asked = Some(Instant::now());
        match kind.obstacle(live).await {
            Ok(found) => self.found = found,
            Err(error) => tracing::debug!(%error, "cannot determine what is blocking it"),
        }
    }

    /// A status with what is known besides.
    pub(super) fn with(&self, status: &str) -> String {
        match &self.found {
            Some(found) => format!("{status}; {found}"),
            None => status.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn is_looked_into_when_late_and_then_now_and_then() {
        let usual = Duration::from_secs(60);
        let mut obstacle = Obstacle::default();
        assert!(!obstacle.is_due(usual, usual));
        assert!(obstacle.is_due(usual + LATE * 2, usual));
        obstacle.asked = Some(Instant::now());
        assert!(!obstacle.is_due(usual + LATE * 2, usual));
        tokio::time::advance(AGAIN * 2).await;
        assert!(obstacle.is_due(usual + LATE * 2, usual));
        assert_eq!(obstacle.with("CREATING"), "CREATING");
        obstacle.found = Some("no route".into());
        assert_eq!(obstacle.with("CREATING"), "CREATING; no route");
    }
}
