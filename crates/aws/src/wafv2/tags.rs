//! Tags, as WAF takes and answers them.

use aws_sdk_wafv2::types::{Tag, TagInfoForResource};
use platctl_engine::CloudResult;

use crate::Cloud;
use crate::errors::{Ask, invalid};
use crate::tags::{Tagged, Tagging, Tags};

/// For every kind of the service.
pub(super) struct WafTags;

/// Tags as they are sent.
pub(super) fn tags_from(tags: Tags, operation: &str) -> CloudResult<Vec<Tag>> {
    let tag = |(key, value)| {
        Tag::builder()
            .key(key)
            .value(value)
            .build()
            .map_err(|e| invalid(operation, &e))
    };
    tags.into_iter().map(tag).collect()
}

impl Tagged for WafTags {
    async fn list(cloud: &Cloud, object: &str) -> CloudResult<Tags> {
        let call = cloud.wafv2.list_tags_for_resource().resource_arn(object);
        let answer = call.send().ask().await?;
        let info = answer.tag_info_for_resource();
        let tags = info.map(TagInfoForResource::tag_list).unwrap_or_default();
        let pair = |tag: &Tag| (tag.key().to_owned(), tag.value().to_owned());
        Ok(tags.iter().map(pair).collect())
    }
}

impl Tagging for WafTags {
    async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
        let tags = tags_from(tags, "wafv2:TagResource")?;
        let call = cloud.wafv2.tag_resource().resource_arn(object);
        call.set_tags(Some(tags)).send().ask().await.map(drop)
    }

    async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
        let call = cloud.wafv2.untag_resource().resource_arn(object);
        call.set_tag_keys(Some(keys)).send().ask().await.map(drop)
    }
}
