//! Tags, as Route 53 takes and answers them. Those of many objects come in one call, so they are read with the objects
//! and not one by one.

use std::collections::HashMap;

use aws_sdk_route53::operation::change_tags_for_resource::builders::ChangeTagsForResourceFluentBuilder;
use aws_sdk_route53::types::{Tag, TagResourceType};
use platctl_engine::{CloudResult, Id};

use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::Ask;
use crate::tags::{Tagging, Tags};

/// For how many resources the tags come in one call; how many tags one call sets or removes.
const AT_ONCE: usize = 10;

/// A kind of objects with tags.
pub(crate) trait OfKind {
    /// What Route 53 calls it.
    const KIND: TagResourceType;
}

/// The tags of health checks.
pub(crate) struct HealthCheckTags;
/// The tags of hosted zones.
pub(crate) struct ZoneTags;

impl OfKind for HealthCheckTags {
    const KIND: TagResourceType = TagResourceType::Healthcheck;
}

impl OfKind for ZoneTags {
    const KIND: TagResourceType = TagResourceType::Hostedzone;
}

/// The tags of things that exist, by their ids.
pub(super) async fn read_tags<K: OfKind>(
    cloud: &Cloud,
    ids: &[Id],
) -> CloudResult<HashMap<String, Tags>> {
    let chunks = ids.chunks(AT_ONCE).map(|ids| {
        let ids = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let call = cloud.route53.list_tags_for_resources();
        let call = call.resource_type(K::KIND);
        call.set_resource_ids(Some(ids)).send()
    });
    let answers = try_join_all(chunks).ask().await?;
    let pair = |tag: &Tag| {
        let value = tag.value().unwrap_or_default();
        Some((tag.key()?.to_owned(), value.to_owned()))
    };
    let sets = answers
        .into_iter()
        .flat_map(|answer| answer.resource_tag_sets);
    Ok(sets
        .filter_map(|set| {
            let tags = set.tags().iter().filter_map(pair).collect();
            Some((set.resource_id.clone()?, tags))
        })
        .collect())
}

fn change<K: OfKind>(cloud: &Cloud, object: &str) -> ChangeTagsForResourceFluentBuilder {
    let call = cloud.route53.change_tags_for_resource();
    call.resource_type(K::KIND).resource_id(object)
}

impl<K: OfKind> Tagging for K {
    async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
        let tag = |(key, value)| Tag::builder().key(key).value(value).build();
        let all: Vec<Tag> = tags.into_iter().map(tag).collect();
        for tags in all.chunks(AT_ONCE) {
            let call = change::<K>(cloud, object).set_add_tags(Some(tags.to_vec()));
            call.send().ask().await?;
        }
        Ok(())
    }

    async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
        for keys in keys.chunks(AT_ONCE) {
            let call = change::<K>(cloud, object).set_remove_tag_keys(Some(keys.to_vec()));
            call.send().ask().await?;
        }
        Ok(())
    }
}
