//! Data dies only by consent that names it, and what outlives a deletion keeps what it needs.

use serde::{Deserialize, Serialize};

use crate::observe::Observed;
use crate::plan::{Action, Plan, Reason, Refusal, Step};
use crate::select::matches;
use crate::state::{Record, State};
use crate::{Address, AnyLive, Catalog, Leaves, Phase};

/// Whose data may be lost: addresses, each standing for itself and for everything below it, or `all`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DataLoss(pub Vec<String>);

impl DataLoss {
    /// The word that stands for everything.
    pub const ALL: &'static str = "all";

    /// Consent to the loss of everything: for scripts.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![Self::ALL.to_owned()])
    }

    /// Whether it names this resource.
    #[must_use]
    pub fn covers(&self, address: &Address) -> bool {
        self.0
            .iter()
            .any(|name| name == Self::ALL || matches(name, address))
    }
}

/// Refuses every step that ends data which nobody consented to lose. A stack that is made to be thrown away has
/// consented in its file.
pub(super) fn refuse(
    plan: &mut Plan,
    state: &State,
    observed: &Observed,
    catalog: &dyn Catalog,
    consent: &DataLoss,
) {
    let refusals = plan
        .steps
        .iter()
        .filter(|step| !consent.covers(&step.address))
        .filter_map(|step| {
            let verb = match step.action {
                Action::Delete => "delete",
                Action::Replace(_) => "replace",
                _ => return None,
            };
            let (kind, live) = (
                catalog.bind(&step.kind, &step.scope)?,
                live(step, observed)?,
            );
            if !kind.facts().holds_data && kind.last_copies(live).is_none() {
                return None;
            }
            let (protected, ephemeral) = promised(step, plan, state.resources.get(&step.address));
            if ephemeral || matches!(live.phase, Phase::Scheduled(_)) {
                return None;
            }
            Some(Refusal::DataLoss {
                address: step.address.clone(),
                kind: step.kind.clone(),
                verb: verb.to_owned(),
                protected,
                leaves: kind.leaves(live).map(|leaves| leaves.what),
            })
        });
    let refusals: Vec<Refusal> = refusals.collect();
    plan.refusals.extend(refusals);
}

/// What the stack file says about the data of a step, else what it said last.
fn promised(step: &Step, plan: &Plan, record: Option<&Record>) -> (bool, bool) {
    let node = plan.nodes.iter().find(|node| node.address == step.address);
    let declared = node.map(|node| (node.protect, node.ephemeral));
    declared
        .or_else(|| record.map(|record| (record.protect, record.ephemeral)))
        .unwrap_or_default()
}

/// What holds the last copies of something is kept, unless somebody consented to lose them: the cloud would refuse its
/// deletion as long as they are there, in the middle of the run. A stack that is made to be thrown away has consented
/// in its file.
pub(super) fn spare(
    plan: &mut Plan,
    state: &State,
    observed: &Observed,
    catalog: &dyn Catalog,
    consent: &DataLoss,
) {
    let found: Vec<(usize, Reason)> = plan
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| matches!(step.action, Action::Delete | Action::Keep))
        .filter_map(|(at, step)| {
            let what = catalog
                .bind(&step.kind, &step.scope)?
                .last_copies(live(step, observed)?)?
                .what;
            let (_, ephemeral) = promised(step, plan, state.resources.get(&step.address));
            let lost = ephemeral || consent.covers(&step.address);
            Some((
                at,
                if lost {
                    Reason::Loses { what }
                } else {
                    Reason::Holds { what }
                },
            ))
        })
        .collect();
    for (at, reason) in found {
        if let Some(step) = plan.steps.get_mut(at) {
            let kept = matches!(reason, Reason::Holds { .. });
            step.action = if kept { Action::Keep } else { Action::Delete };
            // What an earlier run, which did not get to its end, was told.
            step.reasons
                .retain(|reason| !matches!(reason, Reason::Kept { .. }));
            step.reasons.push(reason);
        }
    }
}

fn live<'a>(step: &Step, observed: &'a Observed) -> Option<&'a AnyLive> {
    observed.get(&step.kind, &step.scope, step.id.as_ref()?)
}

/// A snapshot that outlives its database is worth nothing without the key that it is encrypted with: what such
/// things need is not deleted, and state forgets it.
pub(super) fn keep(plan: &mut Plan, state: &State, observed: &Observed, catalog: &dyn Catalog) {
    let left = |step: &Step| {
        let (kind, live) = (
            catalog.bind(&step.kind, &step.scope)?,
            live(step, observed)?,
        );
        match step.action {
            Action::Delete | Action::Replace(_) => kind.leaves(live),
            Action::Keep => kind.last_copies(live),
            _ => None,
        }
    };
    let left: Vec<Leaves> = plan.steps.iter().filter_map(left).collect();
    for step in plan
        .steps
        .iter_mut()
        .filter(|step| step.action == Action::Delete)
    {
        let record = state.resources.get(&step.address);
        let Some(object) = record.and_then(|record| record.object.as_ref()) else {
            continue;
        };
        let outputs = object
            .outputs
            .as_object()
            .into_iter()
            .flat_map(|outputs| outputs.values());
        let names: Vec<&str> = outputs.filter_map(|output| output.as_str()).collect();
        let needed = left
            .iter()
            .find(|left| left.needs.iter().any(|need| names.contains(&need.as_str())));
        if let Some(needed) = needed {
            step.action = Action::Keep;
            step.reasons.push(Reason::Kept {
                for_what: needed.what.clone(),
            });
        }
    }
}
