//! Tags, as SQS takes and answers them: of a queue by its URL.

use platctl_engine::CloudResult;

use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{Tagged, Tagging, Tags};

/// For every kind of the service.
pub(super) struct SqsTags;

impl Tagged for SqsTags {
    async fn list(cloud: &Cloud, object: &str) -> CloudResult<Tags> {
        let call = cloud.sqs.list_queue_tags().queue_url(object);
        let answer = call.send().ask().await?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    }
}

impl Tagging for SqsTags {
    async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
        let tags = tags.into_iter().collect();
        let call = cloud.sqs.tag_queue().queue_url(object);
        call.set_tags(Some(tags)).send().ask().await.map(drop)
    }

    async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
        let call = cloud.sqs.untag_queue().queue_url(object);
        call.set_tag_keys(Some(keys)).send().ask().await.map(drop)
    }
}
