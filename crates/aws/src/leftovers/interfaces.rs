//! Network interfaces and security groups.

use aws_sdk_ec2::types::{Filter, NetworkInterface, SecurityGroup};
use platctl_engine::CloudResult;

use super::compute::of;
use super::{Leftover, Search, Thing, made};
use crate::Cloud;
use crate::errors::Asked;
use crate::tags::filter;

fn filters(search: &Search) -> Vec<Filter> {
    let keys = made::keys(search.cluster.as_deref());
    let tagged = filter("tag-key", keys.iter().map(String::as_str));
    let here = search.vpc.as_deref().map(|vpc| filter("vpc-id", [vpc]));
    [tagged].into_iter().chain(here).collect()
}

/// The interfaces of nodes and pods that no instance has any more. Those in use go with what uses them.
pub(super) async fn interfaces(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    if !search.wants(Thing::NetworkInterface) {
        return Ok(Vec::new());
    }
    let call = cloud
        .ec2
        .describe_network_interfaces()
        .set_filters(Some(filters(search)))
        .filters(filter("status", ["available"]));
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let found = found.asked()?;
    Ok(found
        .iter()
        .filter_map(|one| interface(search, one))
        .collect())
}

fn interface(search: &Search, one: &NetworkInterface) -> Option<Leftover> {
    let (made, _) = of(search, one.tag_set(), made::interface)?;
    // What a service of AWS made can only be deleted by that service.
    if one.requester_managed() == Some(true) {
        return None;
    }
    Some(Leftover {
        thing: Thing::NetworkInterface,
        id: one.network_interface_id()?.to_owned(),
        name: one.description().unwrap_or_default().to_owned(),
        made,
        vpc: one.vpc_id().map(ToOwned::to_owned),
        status: one.status().map(|status| status.as_str().to_owned()),
        size_gib: None,
        zone: None,
    })
}

/// The security groups that controllers made, and the one that EKS made for the cluster.
pub(super) async fn groups(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    if !search.wants(Thing::SecurityGroup) {
        return Ok(Vec::new());
    }
    let call = cloud
        .ec2
        .describe_security_groups()
        .set_filters(Some(filters(search)));
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let found = found.asked()?;
    Ok(found.iter().filter_map(|one| group(search, one)).collect())
}

fn group(search: &Search, one: &SecurityGroup) -> Option<Leftover> {
    let name = one.group_name().unwrap_or_default();
    let (made, _) = of(search, one.tags(), |tags| made::group(name, tags))?;
    Some(Leftover {
        thing: Thing::SecurityGroup,
        id: one.group_id()?.to_owned(),
        name: name.to_owned(),
        made,
        vpc: one.vpc_id().map(ToOwned::to_owned),
        status: None,
        size_gib: None,
        zone: None,
    })
}
