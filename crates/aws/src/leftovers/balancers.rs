//! Load balancers and target groups.

use std::collections::HashMap;

use platctl_engine::{CloudResult, Owner};

use super::{Leftover, Search, Thing, made};
use crate::Cloud;
use crate::elbv2::tags_of;
use crate::errors::Asked;
use crate::tags::Tags;

/// Something of Elastic Load Balancing, before its tags are known.
struct Seen {
    thing: Thing,
    arn: String,
    name: String,
    vpc: Option<String>,
    status: Option<String>,
}

/// Application and Network Load Balancers that controllers made.
pub(super) async fn load_balancers(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    if !search.wants(Thing::LoadBalancer) {
        return Ok(Vec::new());
    }
    let pages = cloud.elbv2.describe_load_balancers().into_paginator();
    let found: Result<Vec<_>, _> = pages.items().send().collect().await;
    let found = found.asked()?;
    let seen = found.iter().filter_map(|one| {
        let status = one.state().and_then(|state| state.code());
        Some(Seen {
            thing: Thing::LoadBalancer,
            arn: one.load_balancer_arn()?.to_owned(),
            name: one.load_balancer_name().unwrap_or_default().to_owned(),
            vpc: one.vpc_id().map(ToOwned::to_owned),
            status: status.map(|status| status.as_str().to_owned()),
        })
    });
    tagged(cloud, search, seen.collect()).await
}

/// Target groups that controllers made.
pub(super) async fn target_groups(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    if !search.wants(Thing::TargetGroup) {
        return Ok(Vec::new());
    }
    let pages = cloud.elbv2.describe_target_groups().into_paginator();
    let found: Result<Vec<_>, _> = pages.items().send().collect().await;
    let found = found.asked()?;
    let seen = found.iter().filter_map(|one| {
        let used = !one.load_balancer_arns().is_empty();
        Some(Seen {
            thing: Thing::TargetGroup,
            arn: one.target_group_arn()?.to_owned(),
            name: one.target_group_name().unwrap_or_default().to_owned(),
            vpc: one.vpc_id().map(ToOwned::to_owned),
            status: used.then(|| "in-use".to_owned()),
        })
    });
    tagged(cloud, search, seen.collect()).await
}

async fn tagged(cloud: &Cloud, search: &Search, seen: Vec<Seen>) -> CloudResult<Vec<Leftover>> {
    let here: Vec<Seen> = seen
        .into_iter()
        .filter(|one| search.is_in(one.vpc.as_deref()))
        .collect();
    let mut tags = tags_of(cloud, here.iter().map(|one| one.arn.as_str())).await?;
    Ok(here
        .into_iter()
        .filter_map(|one| leftover(search, one, &mut tags))
        .collect())
}

fn leftover(
    search: &Search,
    seen: Seen,
    tags: &mut HashMap<String, (Tags, Option<Owner>)>,
) -> Option<Leftover> {
    let (tags, owner) = tags.remove(&seen.arn)?;
    if owner.is_some() {
        return None;
    }
    let made = made::balancer(&tags).filter(|made| search.is_about(&made.cluster))?;
    Some(Leftover {
        thing: seen.thing,
        id: seen.arn,
        name: seen.name,
        made,
        vpc: seen.vpc,
        status: seen.status,
        size_gib: None,
        zone: None,
    })
}
