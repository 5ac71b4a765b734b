//! Tags, as Systems Manager takes and answers them.

use aws_sdk_ssm::types::{ResourceTypeForTagging, Tag};
use platctl_engine::CloudResult;

use crate::Cloud;
use crate::errors::{Ask, invalid};
use crate::tags::{Tagged, Tagging, Tags};

/// For parameters, which are named by their names.
pub(super) struct SsmTags;

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

impl Tagged for SsmTags {
    async fn list(cloud: &Cloud, object: &str) -> CloudResult<Tags> {
        let call = cloud.ssm.list_tags_for_resource();
        let call = call.resource_type(ResourceTypeForTagging::Parameter);
        let answer = call.resource_id(object).send().ask().await?;
        let pair = |tag: &Tag| (tag.key().to_owned(), tag.value().to_owned());
        Ok(answer.tag_list().iter().map(pair).collect())
    }
}

impl Tagging for SsmTags {
    async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
        let tags = tags_from(tags, "ssm:AddTagsToResource")?;
        let call = cloud.ssm.add_tags_to_resource();
        let call = call.resource_type(ResourceTypeForTagging::Parameter);
        let call = call.resource_id(object).set_tags(Some(tags));
        call.send().ask().await.map(drop)
    }

    async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
        let call = cloud.ssm.remove_tags_from_resource();
        let call = call.resource_type(ResourceTypeForTagging::Parameter);
        let call = call.resource_id(object).set_tag_keys(Some(keys));
        call.send().ask().await.map(drop)
    }
}
