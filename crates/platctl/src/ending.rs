//! What is left of a stack after it was deleted, looked for anew: neither state nor what the run did is believed.

use std::collections::BTreeSet;

use platctl_aws::leftovers::{self, Leftover, Search};
use platctl_aws::sweep::{self, Found, Seen, Tag};
use platctl_engine::retry::call_with_retries;
use platctl_engine::state::{Ended, Fate, State};
use platctl_engine::{CloudResult, Id, Owner};

use crate::cloud::Site;

/// What the search found.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    /// Where it looked for tags.
    pub(crate) regions: BTreeSet<String>,
    /// What carries the tags of this stack and is still there, or may be.
    pub(crate) ours: Vec<Found>,
    /// Snapshots of what was deleted that were made earlier.
    pub(crate) copies: Vec<Found>,
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
    let (copies, ours) = ours
        .into_iter()
        .partition(|one: &Found| is_copy(&state.receipt, one));
    result.copies = copies;
    result.ours = ours;
    result
        .ours
        .retain(|one| !matches!(one.seen, Seen::Scheduled(..)) && !is_over(&state.receipt, one));
    let cloud = site.aws.cloud(&site.region);
    for cluster in clusters(&state.receipt) {
        let search = Search {
            cluster: Some(cluster.to_owned()),
            ..Search::default()
        };
        let what = format!("searching for what workloads of {cluster} made");
        let find = || leftovers::find(&cloud, &search);
        let found = call_with_retries(site.aws.teller(), what, find).await?;
        result.leftovers.extend(found);
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

/// Whether the receipt already tells what became of the object: its own kind has read it, or it is what was kept of it.
fn is_settled(receipt: &[Ended], owner: &Owner, arn: &str) -> bool {
    receipt.iter().any(|one| {
        let told = !matches!(one.fate, Fate::Begun | Fate::Inside { .. })
            && one.id.as_ref().is_some_and(|id| sweep::is_of(arn, id));
        one.address.as_str() == owner.address && (told || is_kept_of(one, arn))
    })
}

/// Whether it is what an object has left on purpose, such as a final snapshot: snapshots inherit the tags of what they
/// are of.
pub(crate) fn is_kept_of(one: &Ended, arn: &str) -> bool {
    let over = matches!(one.fate, Fate::Deleted | Fate::Missing);
    let kept = one.leaves.as_deref().filter(|_| over);
    let name = kept.and_then(|what| what.split_whitespace().last());
    name.is_some_and(|name| sweep::is_of(arn, &Id::from(name)))
}

/// Whether it is a snapshot with the tags of what it is of: an earlier deletion has kept it, or somebody made it. It
/// stays until somebody deletes it by name.
fn is_copy(receipt: &[Ended], found: &Found) -> bool {
    let type_of = found.arn.split(':').nth(5);
    let snapshot = matches!(type_of, Some("snapshot" | "cluster-snapshot"));
    let inherited = |owner: &Owner| {
        receipt
            .iter()
            .any(|one| one.address.as_str() == owner.address && !one.kind.ends_with("Snapshot"))
    };
    snapshot && found.owner.as_ref().is_some_and(inherited)
}

/// Whether the receipt tells that the object of this address is gone, where nothing in the ARN says which object it
/// is: no read can tell more, and the index lists for a while what is gone.
fn is_over(receipt: &[Ended], found: &Found) -> bool {
    let unknown = found.named.is_none() && found.seen == Seen::Unread;
    let gone = |owner: &Owner| {
        receipt.iter().any(|one| {
            one.address.as_str() == owner.address
                && matches!(one.fate, Fate::Deleted | Fate::Missing)
        })
    };
    unknown && found.owner.as_ref().is_some_and(gone)
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
    fn what_is_kept_on_purpose_is_not_reported_as_left() {
        let mut state = state();
        let snapshot = |name: &str| {
            format!(
                "arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:shop-database-final-{name}"
            )
        };
        let database = state.owner(&Address::new("database.cluster").unwrap(), 1);
        state.receipt.push(Ended {
            address: Address::new("database.cluster").unwrap(),
            kind: "rds.DbCluster".into(),
            id: Some("shop-database".into()),
            leaves: Some("snapshot shop-database-final-1a2b".into()),
            ..state.receipt[0].clone()
        });
        assert!(is_settled(&state.receipt, &database, &snapshot("1a2b")));
        assert!(!is_settled(&state.receipt, &database, &snapshot("3c4d")));
        state.receipt[1].fate = Fate::Begun;
        assert!(
            !is_settled(&state.receipt, &database, &snapshot("1a2b")),
            "it was not seen yet"
        );
    }

    #[test]
    fn snapshots_of_an_earlier_deletion_are_kept_too() {
        let mut state = state();
        let database = Address::new("database.cluster").unwrap();
        let found = Found {
            arn: "arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:shop-database-final-0".into(),
            region: "eu-west-1".into(),
            named: Some(("rds.DbClusterSnapshot", "shop-database-final-0".into())),
            owner: Some(state.owner(&database, 1)),
            tool: None,
            outputs: serde_json::Value::Null,
            seen: Seen::There,
        };
        assert!(!is_copy(&state.receipt, &found), "nobody knows of what");
        state.receipt.push(Ended {
            address: database,
            kind: "rds.DbCluster".into(),
            ..state.receipt[0].clone()
        });
        assert!(is_copy(&state.receipt, &found));
        // A snapshot that was a resource of the stack is not kept by anything.
        state.receipt[1].kind = "rds.DbClusterSnapshot".into();
        assert!(!is_copy(&state.receipt, &found));
    }

    #[test]
    fn what_no_kind_can_read_is_gone_if_its_resource_is() {
        let mut state = state();
        let target = Address::new("database.scaling_target").unwrap();
        let arn = "arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/0a1b";
        let found = Found {
            arn: arn.into(),
            region: "eu-west-1".into(),
            named: None,
            owner: Some(state.owner(&target, 1)),
            tool: None,
            outputs: serde_json::Value::Null,
            seen: Seen::Unread,
        };
        assert!(!is_over(&state.receipt, &found));
        state.receipt.push(Ended {
            address: target,
            ..state.receipt[0].clone()
        });
        assert!(is_over(&state.receipt, &found));
        let read = Found {
            named: Some(("ec2.Vpc", "vpc-2".into())),
            seen: Seen::There,
            ..found
        };
        assert!(!is_over(&state.receipt, &read), "a read has seen it");
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
