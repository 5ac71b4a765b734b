//! Programs in an object that make objects of their own: they delete them as long as they live, and what they leave is
//! deleted after them.
//!
//! Neither holds a run up for ever: what programs do not delete in time is deleted without them, and what cannot be
//! deleted is named by its kind while the rest goes on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::watch::cadence;
use super::{Run, StepError};
use crate::state::{Object, Record};
use crate::{Address, AnyKind, CloudError, Id, Vacated};

/// How long it usually takes, for the times between two looks.
const USUAL: Duration = Duration::from_secs(60);

/// How long programs may take to be told, and then to delete what they made.
const TOLD: Duration = Duration::from_secs(15 * 60);
const DONE: Duration = Duration::from_secs(10 * 60);

/// The spec that was last applied to an object.
fn last<'a>(record: &'a Record, id: &Id) -> &'a Value {
    let mut objects = record.object.iter().chain(&record.deposed);
    let object: Option<&Object> = objects.find(|object| object.id == *id);
    object.map_or(&Value::Null, |object| &object.spec)
}

fn transient(error: &CloudError) -> bool {
    error.class.is_transient()
}

impl Run {
    /// Has the programs in an object delete what they have made, and waits until the cloud shows that it is gone. That
    /// it was not done is no failure.
    pub(super) async fn vacate(&self, address: &Address, id: &Id) -> Result<(), StepError> {
        let Some(record) = self.session.record(address) else {
            return Ok(());
        };
        let bound = |name: &str| self.catalog.bind(name, &record.scope);
        let Some(kind) = bound(&record.kind) else {
            return Ok(());
        };
        let by = kind.facts().vacated_by.and_then(bound);
        // Whoever is not there any more has no programs.
        let there = self.observed.get(&record.kind, &record.scope, id);
        if let (Some(by), Some(_)) = (by, there)
            && self.tell(address, &by, id).await? == Vacated::Told
        {
            self.until_vacated(address, &record, &kind, id).await?;
        }
        Ok(())
    }

    async fn tell(
        &self,
        address: &Address,
        by: &Arc<dyn AnyKind>,
        id: &Id,
    ) -> Result<Vacated, StepError> {
        let call = self.call(address, TOLD / 5, transient, || by.vacate(id));
        match tokio::time::timeout(TOLD, call).await {
            Ok(Ok(vacated)) => Ok(vacated),
            Ok(Err(StepError::Interrupted)) => Err(StepError::Interrupted),
            Ok(Err(error)) => {
                tracing::warn!(%address, %error, "its workloads could not be told to delete what they made");
                Ok(Vacated::Left)
            }
            Err(_) => {
                tracing::warn!(%address, "its workloads could not be told in time to delete what they made");
                Ok(Vacated::Left)
            }
        }
    }

    async fn until_vacated(
        &self,
        address: &Address,
        record: &Record,
        kind: &Arc<dyn AnyKind>,
        id: &Id,
    ) -> Result<(), StepError> {
        let begun = Instant::now();
        while begun.elapsed() < DONE {
            let call = || kind.lingers(id, last(record, id));
            let Ok(left) = self.call(address, TOLD / 5, transient, call).await else {
                return self.unless_stopped();
            };
            let Some(status) = in_words(&left) else {
                return Ok(());
            };
            let usual = self.usual(USUAL);
            self.tell_waiting(address, status, begun.elapsed(), usual);
            self.pause(cadence(begun.elapsed(), usual)).await?;
        }
        tracing::warn!(%address, "its workloads did not delete in time what they made: platctl deletes it");
        Ok(())
    }

    /// A look that failed ends the waiting, and not the run; a run that is to stop ends.
    fn unless_stopped(&self) -> Result<(), StepError> {
        match self.stop.is_stopping() {
            true => Err(StepError::Interrupted),
            false => Ok(()),
        }
    }

    /// Deletes what the programs in an object have left, after it is gone.
    pub(super) async fn clear_up(
        &self,
        address: &Address,
        record: &Record,
        id: &Id,
    ) -> Result<(), StepError> {
        let Some(kind) = self.catalog.bind(&record.kind, &record.scope) else {
            return Ok(());
        };
        let facts = kind.facts();
        if facts.vacated_by.is_none() {
            return Ok(());
        }
        let owner = self.claimed_by(address, record.generation);
        let (begun, limit) = (Instant::now(), facts.timing.limit);
        while begun.elapsed() < limit {
            let call = || kind.clear_up(id, last(record, id), &owner);
            let left = self.call(address, limit, transient, call).await?;
            let Some(status) = in_words(&left) else {
                break;
            };
            let usual = self.usual(USUAL);
            self.tell_waiting(address, status, begun.elapsed(), usual);
            self.pause(cadence(begun.elapsed(), usual)).await?;
        }
        Ok(())
    }
}

/// The first of them, and how many more there are; none when there is nothing.
fn in_words(left: &[String]) -> Option<String> {
    let first = left.first()?;
    Some(match left.len() {
        1 => format!("waiting for {first}"),
        more => format!("waiting for {first} and {} more", more - 1),
    })
}
