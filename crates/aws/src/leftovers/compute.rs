//! Instances, launch templates and volumes.

use aws_sdk_ec2::types::{Instance, LaunchTemplate, Tag, Volume};
use platctl_engine::CloudResult;

use super::{Leftover, Made, Search, Thing, claims, made};
use crate::Cloud;
use crate::errors::Asked;
use crate::tags::{Tags, filter};

/// All tags, AWS's own included; none of what carries the tags of a stack.
pub(crate) fn tags_of(tags: &[Tag]) -> Option<Tags> {
    let pair = |tag: &Tag| {
        let value = tag.value().unwrap_or_default();
        Some((tag.key()?.to_owned(), value.to_owned()))
    };
    let tags: Tags = tags.iter().filter_map(pair).collect();
    let ours = tags.contains_key("platctl:stack");
    (!ours).then_some(tags)
}

/// What its tags say, if it is of the cluster that is looked for.
pub(super) fn of(
    search: &Search,
    tags: &[Tag],
    made_for: impl Fn(&Tags) -> Option<Made>,
) -> Option<(Made, String)> {
    let tags = tags_of(tags)?;
    let made = made_for(&tags).filter(|made| search.is_about(&made.cluster))?;
    let name = tags.get("Name").cloned().unwrap_or_default();
    Some((made, name))
}

fn keys(search: &Search) -> Vec<String> {
    made::keys(search.cluster.as_deref())
}

/// The instances that Karpenter launched and that are not terminated.
pub(super) async fn instances(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    if !search.wants(Thing::Instance) {
        return Ok(Vec::new());
    }
    let present = ["pending", "running", "shutting-down", "stopping", "stopped"];
    let keys = keys(search);
    let call = cloud
        .ec2
        .describe_instances()
        .filters(filter("tag-key", keys.iter().map(String::as_str)))
        .filters(filter("instance-state-name", present));
    let pages: Result<Vec<_>, _> = call.into_paginator().send().collect().await;
    let pages = pages.asked()?;
    let reservations = pages.iter().flat_map(|page| page.reservations());
    let instances = reservations.flat_map(|one| one.instances());
    Ok(instances.filter_map(|one| instance(search, one)).collect())
}

fn instance(search: &Search, one: &Instance) -> Option<Leftover> {
    let (made, name) = of(search, one.tags(), made::node)?;
    if !search.is_in(one.vpc_id()) {
        return None;
    }
    let status = one.state().and_then(|state| state.name());
    Some(Leftover {
        thing: Thing::Instance,
        id: one.instance_id()?.to_owned(),
        name,
        made,
        vpc: one.vpc_id().map(ToOwned::to_owned),
        status: status.map(|status| status.as_str().to_owned()),
        size_gib: None,
        zone: None,
    })
}

/// The launch templates that Karpenter made.
pub(super) async fn templates(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    if !search.wants(Thing::LaunchTemplate) {
        return Ok(Vec::new());
    }
    let keys = keys(search);
    let call = cloud
        .ec2
        .describe_launch_templates()
        .filters(filter("tag-key", keys.iter().map(String::as_str)));
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let found = found.asked()?;
    Ok(found
        .iter()
        .filter_map(|one| template(search, one))
        .collect())
}

fn template(search: &Search, one: &LaunchTemplate) -> Option<Leftover> {
    let (made, _) = of(search, one.tags(), made::node)?;
    Some(Leftover {
        thing: Thing::LaunchTemplate,
        id: one.launch_template_id()?.to_owned(),
        name: one.launch_template_name().unwrap_or_default().to_owned(),
        made,
        vpc: None,
        status: None,
        size_gib: None,
        zone: None,
    })
}

/// The volumes of claims.
pub(super) async fn volumes(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    if !search.wants(Thing::Volume) {
        return Ok(Vec::new());
    }
    let keys = keys(search);
    let call = cloud
        .ec2
        .describe_volumes()
        .filters(filter("tag-key", keys.iter().map(String::as_str)));
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let found = found.asked()?;
    let retained = found.iter().filter(|one| claims::is_retained(one.tags()));
    let retained = retained.filter_map(|one| one.volume_id().map(ToOwned::to_owned));
    cloud.departure.keep(retained);
    Ok(found.iter().filter_map(|one| volume(search, one)).collect())
}

fn volume(search: &Search, one: &Volume) -> Option<Leftover> {
    let (made, name) = of(search, one.tags(), made::volume)?;
    let claim = |part: &str| {
        let key = format!("kubernetes.io/created-for/pvc/{part}");
        let mut tags = one.tags().iter();
        tags.find(|tag| tag.key() == Some(key.as_str()))
            .and_then(|tag| tag.value())
    };
    // The claim says more than the generated name.
    let name = match (claim("namespace"), claim("name")) {
        (Some(namespace), Some(claim)) => format!("claim {namespace}/{claim}"),
        _ => name,
    };
    Some(Leftover {
        thing: Thing::Volume,
        id: one.volume_id()?.to_owned(),
        name,
        made,
        vpc: None,
        status: one.state().map(|state| state.as_str().to_owned()),
        size_gib: one.size(),
        zone: None,
    })
}
