//! What a run keeps in mind about the programs of the clusters that it deletes.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long what goes by itself may take: interfaces of a load balancer are there for minutes after it.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// What happens to the volumes of claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Volumes {
    /// They stay, and the receipt names them.
    #[default]
    Keep,
    /// They are deleted.
    Delete,
}

/// Something that is still there, and what the user can do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remaining {
    /// The object, with its ID, who made it, and how that is known.
    pub what: String,
    /// Why it is still there.
    pub why: String,
    /// What to type.
    pub next: String,
    /// Whether it stays on purpose, as a volume does whose data nobody agreed to lose.
    pub kept: bool,
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// What one run does about the programs of its clusters. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Departure(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    volumes: Volumes,
    remaining: Vec<Remaining>,
    deleted: Vec<String>,
    since: Option<Instant>,
}

impl Departure {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to volumes of claims. Before this is said, they stay.
    pub fn set_volumes(&self, volumes: Volumes) {
        self.lock().volumes = volumes;
    }

    pub(super) fn volumes(&self) -> Volumes {
        self.lock().volumes
    }

    /// Notes what is still there; once, however often it is met.
    pub(crate) fn stays(&self, one: Remaining) {
        let mut inner = self.lock();
        match inner
            .remaining
            .iter_mut()
            .find(|known| known.what == one.what)
        {
            Some(known) => *known = one,
            None => inner.remaining.push(one),
        }
    }

    pub(super) fn deletes(&self, what: String) {
        let mut inner = self.lock();
        inner.remaining.retain(|known| known.what != what);
        if !inner.deleted.contains(&what) {
            inner.deleted.push(what);
        }
    }

    /// Whether what goes by itself has had its time.
    pub(super) fn is_overdue(&self) -> bool {
        let mut inner = self.lock();
        inner.since.get_or_insert_with(Instant::now).elapsed() > PATIENCE
    }

    /// What is still there, in the order in which it was met.
    #[must_use]
    pub fn remaining(&self) -> Vec<Remaining> {
        self.lock().remaining.clone()
    }

    /// What was deleted, in words.
    #[must_use]
    pub fn deleted(&self) -> Vec<String> {
        self.lock().deleted.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_after_all_is_not_named() {
        let departure = Departure::default();
        let one = Remaining {
            what: "load balancer k8s-web".into(),
            why: "it is protected".into(),
            next: String::new(),
            kept: false,
        };
        departure.stays(one.clone());
        departure.stays(Remaining {
            why: "denied".into(),
            ..one.clone()
        });
        assert_eq!(departure.remaining().len(), 1);
        departure.clone().deletes(one.what.clone());
        assert!(departure.remaining().is_empty());
        assert_eq!(departure.deleted(), [one.what]);
    }
}
