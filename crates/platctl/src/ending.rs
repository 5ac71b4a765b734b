//! What is left of a stack after it was deleted, looked for anew: neither state nor what the run did is believed.

use std::collections::BTreeSet;

use platctl_aws::leftovers::{self, Leftover, Search};
use platctl_aws::sweep::{self, Found, Seen, Tag};
use platctl_engine::state::{Ended, Fate, State};
use platctl_engine::{CloudResult, Owner};

use crate::cloud::Site;

/// What the search found.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    /// Where it looked for tags.
    pub(crate) regions: BTreeSet<String>,
    /// What carries the tags of this stack and is still there, or may be.
    pub(crate) ours: Vec<Found>,
    /// What is of another stack of the same name.
    pub(crate) others: Vec<Found>,
    /// What programs in the stack's clusters have made.
    pub(crate) leftovers: Vec<Leftover>,
    /// Why the search is not complete.
    pub(crate) failed: Option<String>,
}

impl Sweep {
    /// Whether it looked everywhere and found nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.ours.is_empty() && self.leftovers.is_empty() && self.failed.is_none()
    }
}

/// Looks for what is left of a stack that has no resources any more.
pub(crate) async fn sweep(site: &Site, state: &State) -> Sweep {
    let scopes = state
        .receipt
        .iter()
        .filter(|one| one.kind != OBJECTS)
        .map(|one| one.scope.as_str());
    let here = [site.region.as_str()];
    let regions = sweep::regions(&site.aws, scopes.chain(here));
    let mut result = Sweep {
        regions,
        ..Sweep::default()
    };
    if let Err(error) = search(site, state, &mut result).await {
        result.failed = Some(error.to_string());
    }
    result
}

/// Sets of objects in a cluster have the scope of the cluster.
const OBJECTS: &str = "kubernetes.Objects";

async fn search(site: &Site, state: &State, result: &mut Sweep) -> CloudResult<()> {
    let tag = Tag::of_stack(&state.stack);
    let known = |owner: &Owner, arn: &str| is_settled(&state.receipt, owner, arn);
    let found = sweep::sweep(&site.aws, &result.regions, &tag, known).await?;
    let (ours, others) = found.into_iter().partition(|one| {
        one.owner
            .as_ref()
            .is_some_and(|owner| is_ours(state, owner))
    });
    result.others = others;
    result.ours = ours;
    result
        .ours
        .retain(|one| !matches!(one.seen, Seen::Scheduled(..)));
    let cloud = site.aws.cloud(&site.region);
    for cluster in clusters(&state.receipt) {
        let search = Search {
            cluster: Some(cluster.to_owned()),
            ..Search::default()
        };
        result
            .leftovers
            .extend(leftovers::find(&cloud, &search).await?);
    }
    // The run has told of these itself, and why they stay.
    let told = cloud.departure.remaining();
    let is_told = |one: &Leftover| told.iter().any(|known| known.what == one.to_string());
    result.leftovers.retain(|one| !is_told(one));
    Ok(())
}

/// The clusters that the receipt tells of.
fn clusters(receipt: &[Ended]) -> impl Iterator<Item = &str> {
    receipt
        .iter()
        .filter(|one| one.kind == "eks.Cluster")
        .filter_map(|one| one.id.as_ref().map(|id| id.as_str()))
}

/// Whether the receipt already tells what became of the object: its own kind has read it.
fn is_settled(receipt: &[Ended], owner: &Owner, arn: &str) -> bool {
    receipt.iter().any(|one| {
        one.address.as_str() == owner.address
            && !matches!(one.fate, Fate::Begun | Fate::Inside { .. })
            && one.id.as_ref().is_some_and(|id| sweep::is_of(arn, id))
    })
}

/// Whether an object belongs to this very stack: another stack of the same name has another lineage, or lives in
/// another region.
fn is_ours(state: &State, owner: &Owner) -> bool {
    let lineage = owner.lineage.as_ref();
    let lineage = lineage.is_none_or(|one| *one == state.lineage || state.heir_of.contains(one));
    let region = owner.region.as_ref().zip(state.region.as_ref());
    lineage && region.is_none_or(|(theirs, ours)| theirs == ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use platctl_engine::Address;

    fn state() -> State {
        let mut state = State::new("shop");
        state.region = Some("eu-west-1".into());
        state.receipt.push(Ended {
            address: Address::new("network.vpc").unwrap(),
            kind: "ec2.Vpc".into(),
            scope: "eu-west-1".into(),
            id: Some("vpc-1".into()),
            at: 0,
            fate: Fate::Deleted,
            leaves: None,
        });
        state
    }

    fn owner(state: &State) -> Owner {
        state.owner(&Address::new("network.vpc").unwrap(), 1)
    }

    #[test]
    fn what_was_seen_to_be_gone_is_not_reported_because_an_index_lags() {
        let state = state();
        let arn = |id: &str| format!("arn:aws:ec2:eu-west-1:123456789012:vpc/{id}");
        assert!(is_settled(&state.receipt, &owner(&state), &arn("vpc-1")));
        assert!(
            !is_settled(&state.receipt, &owner(&state), &arn("vpc-2")),
            "a second object of this address is an orphan"
        );
    }

    #[test]
    fn another_stack_of_the_same_name_is_not_ours() {
        let state = state();
        let ours = owner(&state);
        assert!(is_ours(&state, &ours));
        let other = Owner {
            lineage: Some("of another state".into()),
            ..ours.clone()
        };
        assert!(!is_ours(&state, &other));
        let elsewhere = Owner {
            region: Some("us-east-1".into()),
            ..ours
        };
        assert!(!is_ours(&state, &elsewhere));
    }
}
