//! Whose an object is that is met while a plan is carried out.

use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;

use super::converge::Goal;
use super::{Run, StepError};
use crate::fields::Fact;
use crate::observe::{Stranger, describe_all, is_at_home, leads_elsewhere, names_ours};
use crate::state::{Record, conceal};
use crate::{Address, AnyLive, Candidate, Id};

impl Run {
    /// Why an object that has the name of what was to be created is not taken for it; none when it is ours.
    pub(super) async fn stranger(
        &self,
        goal: &Goal<'_>,
        found: &Candidate,
        repeats: bool,
    ) -> Result<Option<StepError>, StepError> {
        let facts = goal.kind().facts();
        if facts.shared {
            return Ok(None);
        }
        let here = (&goal.entry.node.kind, goal.scope());
        let state = self.session.state();
        let other = state.resources.iter().find(|(address, record)| {
            *address != goal.address
                && (&record.kind, record.scope.as_str()) == here
                && record
                    .object
                    .as_ref()
                    .is_some_and(|object| object.id == found.id)
        });
        if let Some((other, _)) = other {
            return Ok(Some(StepError::Twice {
                id: found.id.clone(),
                other: other.clone(),
            }));
        }
        // An earlier call of this run or of the one before may have made it.
        if facts.tagged || repeats || self.lives_in_ours(goal, found).await? {
            return Ok(None);
        }
        let owner = "only its name indicates that it belongs to this stack".to_owned();
        Ok(Some(StepError::Foreign {
            id: found.id.clone(),
            owner,
            stranger: Stranger::Unowned,
        }))
    }

    async fn lives_in_ours(&self, goal: &Goal<'_>, found: &Candidate) -> Result<bool, StepError> {
        let facts = goal.kind().facts();
        let ours = self
            .graph
            .as_ref()
            .is_some_and(|graph| names_ours(graph, goal.address.as_str(), facts));
        if !ours {
            return Ok(false);
        }
        let ids = std::slice::from_ref(&found.id);
        let live = describe_all(goal.kind(), ids, &self.teller)
            .await
            .map_err(StepError::Cloud)?;
        Ok(live
            .into_iter()
            .flatten()
            .any(|live| is_at_home(&live.spec, goal.desired, facts)))
    }

    /// Notes that an object is left alone.
    pub(super) fn leave(&self, address: &Address, id: &Id, why: &'static str) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.push((address.clone(), id.clone(), why));
    }

    /// Whether an object was left alone, and why.
    pub(super) fn left_alone(
        &self,
        address: &Address,
        id: Option<&Id>,
    ) -> Option<(Address, Id, &'static str)> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.iter()
            .find(|(of, one, _)| of == address && Some(one) == id)
            .cloned()
    }

    /// What a creation or an update is about to make of an object, where that tells whose it is.
    pub(super) fn intended(&self, goal: &Goal<'_>) -> Option<Value> {
        let tells = goal.kind().facts().fields.any(Fact::Leads);
        tells.then(|| self.concealed(goal))
    }

    /// The desired spec as state has it: of values that the cloud never returns, only fingerprints.
    pub(super) fn concealed(&self, goal: &Goal<'_>) -> Value {
        let secret = goal.kind().facts().fields.with(Fact::WriteOnly);
        conceal(goal.desired, &secret, &self.session.lineage())
    }

    /// Why an object is left alone when its address is deleted: it is not this stack's to delete. Where that depends
    /// on where it leads, it is looked at anew: a run may take a while.
    pub(super) async fn kept(
        &self,
        record: &Record,
        live: &AnyLive,
    ) -> Result<Option<&'static str>, StepError> {
        let Some(kind) = self.catalog.bind(&record.kind, &record.scope) else {
            return Ok(None);
        };
        let facts = kind.facts();
        if !facts.fields.any(Fact::Leads) {
            return Ok(kept(record, live, facts));
        }
        let now = self
            .look(&kind, &record.scope, &live.id, Duration::ZERO)
            .await?;
        Ok(now.and_then(|now| kept(record, &now, facts)))
    }
}

/// See [`Run::kept`].
pub(crate) fn kept(record: &Record, live: &AnyLive, facts: &crate::Facts) -> Option<&'static str> {
    if facts.shared {
        return Some("it is shared by the whole account");
    }
    let mut objects = record.object.iter().chain(&record.deposed);
    let object = objects.find(|object| object.id == live.id)?;
    leads_elsewhere(live, &object.spec, &object.intended, facts)
        .then_some("it points elsewhere now, so it no longer belongs to this stack")
}
