//! Everything at once: a few calls for each kind of object, side by side.

use platctl_engine::CloudResult;

use super::{Leftover, Search, Thing, balancers, compute, interfaces, logs, profiles, records};
use crate::Cloud;

/// What programs in a cluster have made and is still there, in the order in which it is deleted.
///
/// # Errors
/// What AWS answers, if something cannot be read.
pub async fn find(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    let found: CloudResult<Vec<Vec<Leftover>>> = each(cloud, search).await.into_iter().collect();
    Ok(in_order(found?.into_iter().flatten()))
}

/// The same, each kind of object on its own: what cannot be read does not hide the others.
pub(super) async fn each(cloud: &Cloud, search: &Search) -> Vec<CloudResult<Vec<Leftover>>> {
    let made = futures::join!(
        compute::instances(cloud, search),
        balancers::load_balancers(cloud, search),
        balancers::target_groups(cloud, search),
        interfaces::interfaces(cloud, search),
        interfaces::groups(cloud, search),
    );
    let others = futures::join!(
        compute::volumes(cloud, search),
        compute::templates(cloud, search),
        profiles::profiles(cloud, search),
        records::records(cloud, search),
        logs::groups(cloud, search),
    );
    vec![
        made.0, made.1, made.2, made.3, made.4, others.0, others.1, others.2, others.3, others.4,
    ]
}

/// What others are used by comes first.
pub(super) fn in_order(found: impl Iterator<Item = Leftover>) -> Vec<Leftover> {
    let mut all: Vec<Leftover> = found.collect();
    all.sort_by_key(|one| Thing::ALL.iter().position(|thing| *thing == one.thing));
    all
}
