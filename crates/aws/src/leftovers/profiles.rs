//! Instance profiles that Karpenter made for node classes that name a role.

use aws_sdk_iam::types::InstanceProfile;
use platctl_engine::CloudResult;

use super::{Leftover, Search, Thing, made};
use crate::Cloud;
use crate::bounded::each;
use crate::errors::{Ask, Asked, if_there};
use crate::tags::Tags;

/// The folder of its profiles; older versions put the name of the cluster at the beginning of the profile's name.
const FOLDER: &str = "/karpenter/";

fn may_be(search: &Search, one: &InstanceProfile) -> bool {
    let name = |cluster: &String| {
        one.instance_profile_name()
            .starts_with(&format!("{cluster}_"))
    };
    one.path().starts_with(FOLDER) || search.cluster.as_ref().is_some_and(name)
}

/// IAM answers the tags of one profile in a call, so only those that may be Karpenter's are asked for.
pub(super) async fn profiles(cloud: &Cloud, search: &Search) -> CloudResult<Vec<Leftover>> {
    if !search.wants(Thing::InstanceProfile) {
        return Ok(Vec::new());
    }
    let call = cloud.iam.list_instance_profiles().into_paginator();
    let found: Result<Vec<_>, _> = call.items().send().collect().await;
    let found = found.asked()?;
    let names = found
        .iter()
        .filter(|one| may_be(search, one))
        .map(|one| one.instance_profile_name().to_owned());
    let read = |name: String| async move { Ok((tags(cloud, &name).await?, name)) };
    let all = each(cloud, "reading instance profiles", names, read).await?;
    Ok(all
        .into_iter()
        .filter_map(|(tags, name)| leftover(search, tags?, name))
        .collect())
}

async fn tags(cloud: &Cloud, name: &str) -> CloudResult<Option<Tags>> {
    let call = cloud
        .iam
        .list_instance_profile_tags()
        .instance_profile_name(name);
    let answer = if_there(call.send().ask().await)?;
    let pair = |tag: &aws_sdk_iam::types::Tag| (tag.key().to_owned(), tag.value().to_owned());
    Ok(answer.map(|answer| answer.tags().iter().map(pair).collect()))
}

fn leftover(search: &Search, tags: Tags, name: String) -> Option<Leftover> {
    if tags.contains_key("platctl:stack") {
        return None;
    }
    let made = made::node(&tags).filter(|made| search.is_about(&made.cluster))?;
    Some(Leftover {
        thing: Thing::InstanceProfile,
        id: name,
        name: String::new(),
        made,
        vpc: None,
        status: None,
        size_gib: None,
        zone: None,
    })
}
