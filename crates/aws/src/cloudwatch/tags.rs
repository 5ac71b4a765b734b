//! Tags, as CloudWatch takes and answers them.

use aws_sdk_cloudwatch::types::Tag;
use platctl_engine::CloudResult;

use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{Tagged, Tagging, Tags};

/// For every kind of the service.
pub(super) struct CloudWatchTags;

/// Tags as they are sent.
pub(super) fn tags_from(tags: Tags) -> Vec<Tag> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    tags.into_iter().map(tag).collect()
}

impl Tagged for CloudWatchTags {
    async fn list(cloud: &Cloud, object: &str) -> CloudResult<Tags> {
        let call = cloud.cloudwatch.list_tags_for_resource();
        let answer = call.resource_arn(object).send().ask().await?;
        let pair = |tag: &Tag| {
            let value = tag.value().unwrap_or_default();
            Some((tag.key()?.to_owned(), value.to_owned()))
        };
        Ok(answer.tags().iter().filter_map(pair).collect())
    }
}

impl Tagging for CloudWatchTags {
    async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
        let call = cloud.cloudwatch.tag_resource().resource_arn(object);
        let call = call.set_tags(Some(tags_from(tags)));
        call.send().ask().await.map(drop)
    }

    async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
        let call = cloud.cloudwatch.untag_resource().resource_arn(object);
        call.set_tag_keys(Some(keys)).send().ask().await.map(drop)
    }
}
