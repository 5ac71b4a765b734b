//! Everything at once: a few calls for each kind of object, side by side.

use platctl_engine::CloudResult;

use super::{Leftover, Search, Thing, balancers, compute, interfaces, logs, profiles, records};
use crate::Cloud;

/// What programs in a cluster have made and is still there, in the order in which it is deleted.
///
/// # Errors
/// What AWS answers, if something cannot be read.
pub async fn find(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    let (
        nodes,
        balancers,
        targets,
        interfaces,
        groups,
        volumes,
        templates,
        profiles,
        records,
        logs,
    ) = futures::join!(
        compute::instances(cloud, search),
        balancers::load_balancers(cloud, search),
        balancers::target_groups(cloud, search),
        interfaces::interfaces(cloud, search),
        interfaces::groups(cloud, search),
        compute::volumes(cloud, search),
        compute::templates(cloud, search),
        profiles::profiles(cloud, search),
        records::records(cloud, search),
        logs::groups(cloud, search),
    );
    let mut all = nodes?;
    for found in [
        balancers, targets, interfaces, groups, volumes, templates, profiles, records, logs,
    ] {
        all.extend(found?);
    }
    all.sort_by_key(|one| Thing::ALL.iter().position(|thing| *thing == one.thing));
    Ok(all)
}
