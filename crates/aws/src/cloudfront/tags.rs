//! Tags, as CloudFront takes and answers them: of distributions and VPC origins, by their ARNs.

use aws_sdk_cloudfront::types::{Tag, TagKeys};
use platctl_engine::CloudResult;

use super::built;
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{Tagged, Tagging, Tags};

/// For every kind of the service.
pub(super) struct CloudFrontTags;

/// Tags as they are sent.
pub(super) fn tag_list(tags: Tags) -> CloudResult<aws_sdk_cloudfront::types::Tags> {
    let tag = |(key, value)| built(Tag::builder().key(key).value(value).build());
    let items = tags.into_iter().map(tag).collect::<CloudResult<_>>()?;
    Ok(aws_sdk_cloudfront::types::Tags::builder()
        .set_items(Some(items))
        .build())
}

impl Tagged for CloudFrontTags {
    async fn list(cloud: &Cloud, object: &str) -> CloudResult<Tags> {
        let call = cloud.cloudfront.list_tags_for_resource().resource(object);
        let answer = call.send().ask().await?;
        let tags = answer
            .tags()
            .map(aws_sdk_cloudfront::types::Tags::items)
            .unwrap_or_default();
        let pair = |tag: &Tag| {
            let value = tag.value().unwrap_or_default();
            (tag.key().to_owned(), value.to_owned())
        };
        Ok(tags.iter().map(pair).collect())
    }
}

impl Tagging for CloudFrontTags {
    async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
        let call = cloud.cloudfront.tag_resource().resource(object);
        call.tags(tag_list(tags)?).send().ask().await.map(drop)
    }

    async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
        let keys = TagKeys::builder().set_items(Some(keys)).build();
        let call = cloud.cloudfront.untag_resource().resource(object);
        call.tag_keys(keys).send().ask().await.map(drop)
    }
}
