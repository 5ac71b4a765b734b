//! What the state that a live object is in asks for.

use super::Planner;
use crate::graph::Entry;
use crate::plan::Reason;
use crate::state::Record;
use crate::{AnyLive, Facts, Phase};

impl Planner<'_> {
    /// What was never ready is created again after a failure. What was ready once is left as it is: whoever runs it
    /// has to look at it first.
    pub(super) fn because_of_phase(&self, entry: &Entry, live: &AnyLive) -> Option<Reason> {
        let record = self.state.resources.get(&entry.node.address);
        match &live.phase {
            Phase::Failed(why) if was_ready(record, live, entry.kind.facts()) => {
                Some(Reason::Broken { why: why.clone() })
            }
            Phase::Failed(why) => Some(Reason::Failed { why: why.clone() }),
            Phase::Deleting => Some(Reason::BeingDeleted),
            Phase::Stopped(why) | Phase::Scheduled(why) => {
                Some(Reason::Restored { why: why.clone() })
            }
            Phase::Settling(_) | Phase::Ready | Phase::Degraded(_) => None,
        }
    }
}

/// Whether an object was usable before, as far as state knows. Of what state never knew it is taken for granted
/// where data would be lost otherwise.
pub(crate) fn was_ready(record: Option<&Record>, live: &AnyLive, facts: &Facts) -> bool {
    match record {
        // What was imported or taken over was made by somebody else, at a time that nobody knows.
        Some(Record {
            object: Some(object),
            ..
        }) if object.id == live.id && object.made > 0 => !object.spec.is_null(),
        Some(Record {
            object: Some(object),
            ..
        }) if !object.spec.is_null() => object.id == live.id,
        Some(Record {
            creating: Some(_), ..
        }) => false,
        _ => facts.holds_data,
    }
}
