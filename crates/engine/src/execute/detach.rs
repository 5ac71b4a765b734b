//! What keeps an object from being deleted and is not this stack's: it is named, and removed where the user allows it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Run;
use crate::events::Event;
use crate::select::matches;
use crate::{Address, AnyKind, AnyLive, Attached, CloudError};

/// The time between two looks at what still uses an object.
const AGAIN: Duration = Duration::from_secs(30);

/// From what others may be removed: addresses, each standing for itself and for everything below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detach(pub Vec<String>);

impl Detach {
    /// Whether it names this resource.
    #[must_use]
    pub fn covers(&self, address: &Address) -> bool {
        self.0.iter().any(|name| matches(name, address))
    }
}

/// An address from which others were allowed to be removed, and nothing was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NothingDetached {
    /// The address, as it was named.
    pub name: String,
    /// Whether this run deletes the resource, or anything below the address. Otherwise nothing can be in its way.
    pub deleted: bool,
}

/// What became of something that uses an object.
enum Left {
    /// It is there, and platctl cannot remove it.
    Stays(String),
    /// It is there, and can be removed by consent.
    Detachable(String),
}

/// What uses an object that is to be deleted, as it was found last: finding it takes calls.
pub(super) struct Strangers<'a> {
    address: &'a Address,
    scope: &'a str,
    looked: Mutex<Option<(Instant, String)>>,
}

impl<'a> Strangers<'a> {
    pub(super) const fn new(address: &'a Address, scope: &'a str) -> Self {
        Self {
            address,
            scope,
            looked: Mutex::new(None),
        }
    }

    /// An error that says that something is in use, with what uses it and is not this stack's: that does not go by
    /// itself.
    pub(super) async fn add_to(
        &self,
        mut error: CloudError,
        run: &Run,
        kind: &Arc<dyn AnyKind>,
        live: &AnyLive,
    ) -> CloudError {
        let recent = self
            .looked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let recent = recent.filter(|(when, _)| when.elapsed() < AGAIN);
        let found = match recent {
            Some((_, found)) => found,
            None => {
                let found = self.words(run.strangers(self, kind, live).await);
                *self.looked.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some((Instant::now(), found.clone()));
                found
            }
        };
        if !found.is_empty() {
            // What follows begins with a full stop of its own.
            let said = error.message.trim_end_matches('.').len();
            error.message.truncate(said);
        }
        error.message.push_str(&found);
        error
    }

    fn words(&self, left: Vec<Left>) -> String {
        if left.is_empty() {
            return String::new();
        }
        let some = left.iter().any(|one| matches!(one, Left::Detachable(_)));
        let names = left.into_iter().map(|one| match one {
            Left::Stays(what) | Left::Detachable(what) => what,
        });
        let names = names.collect::<Vec<_>>().join(", ");
        let hint = match some {
            true => format!(
                ". To remove what can be detached, add --detach-foreign {}",
                self.address
            ),
            false => String::new(),
        };
        format!(". Still there, and not in the state: {names}{hint}")
    }
}

impl Run {
    /// What holds an object and is not in state; what may be removed, and can be, is removed. What cannot be found out
    /// is left out.
    async fn strangers(
        &self,
        of: &Strangers<'_>,
        kind: &Arc<dyn AnyKind>,
        live: &AnyLive,
    ) -> Vec<Left> {
        let holders = match kind.holders(live).await {
            Ok(holders) => holders,
            Err(error) => {
                tracing::debug!(%error, "cannot determine what still uses it");
                return Vec::new();
            }
        };
        let mut left = Vec::new();
        for holder in holders.into_iter().filter(|holder| !self.knows(holder)) {
            left.extend(self.part_from(of, holder).await);
        }
        left
    }

    /// The addresses from which something was to be removed, and nothing was: what the user expected to be in the way
    /// is not there.
    pub(super) fn nothing_detached(&self) -> Vec<NothingDetached> {
        let detached = self.detached.lock();
        let detached = detached.unwrap_or_else(PoisonError::into_inner);
        let names = self.options.detach.0.iter();
        names
            .filter(|name| !detached.iter().any(|address| matches(name, address)))
            .map(|name| NothingDetached {
                name: name.clone(),
                deleted: self.doomed.iter().any(|address| matches(name, address)),
            })
            .collect()
    }

    fn knows(&self, holder: &Attached) -> bool {
        let state = self.session.state();
        let mut records = state
            .resources
            .values()
            .filter(|record| record.kind == holder.kind);
        records.any(|record| {
            let mut objects = record.object.iter().chain(&record.deposed);
            objects.any(|one| one.id == holder.id)
        })
    }

    /// Removes what belongs to no stack, where the user allows it. Answers what is still there.
    async fn part_from(&self, of: &Strangers<'_>, holder: Attached) -> Option<Left> {
        let kind = self.catalog.bind(holder.kind, of.scope);
        let Some(kind) = kind.filter(|kind| kind.is_detachable()) else {
            return Some(Left::Stays(holder.what));
        };
        if !self.options.detach.covers(of.address) {
            return Some(Left::Detachable(holder.what));
        }
        match remove(&kind, &holder).await {
            Ok(true) => {
                let detached = self.detached.lock();
                let mut detached = detached.unwrap_or_else(PoisonError::into_inner);
                detached.insert(of.address.clone());
                drop(detached);
                (self.listener)(Event::Detached {
                    address: of.address.clone(),
                    what: holder.what,
                });
                None
            }
            Ok(false) => Some(Left::Stays(holder.what)),
            Err(error) => Some(Left::Stays(format!(
                "{} (it could not be removed: {error})",
                holder.what
            ))),
        }
    }
}

/// Removes what is attached. Not what carries the tags of a stack: that has an owner of its own, who still counts on it.
async fn remove(kind: &Arc<dyn AnyKind>, holder: &Attached) -> Result<bool, CloudError> {
    let found = kind.describe(std::slice::from_ref(&holder.id)).await?;
    let Some(live) = found.into_iter().next().flatten() else {
        return Ok(true);
    };
    if live.owner.is_some() {
        return Ok(false);
    }
    match kind.delete(&live).await {
        Err(error) if error.class == crate::Class::NotFound => Ok(true),
        other => other.map(|()| true),
    }
}
