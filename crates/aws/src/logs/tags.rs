//! Tags, as CloudWatch Logs takes and answers them.

use platctl_engine::CloudResult;

use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{Tagged, Tagging, Tags};

/// For every kind of the service.
pub(crate) struct LogsTags;

impl Tagged for LogsTags {
    async fn list(cloud: &Cloud, object: &str) -> CloudResult<Tags> {
        let call = cloud.logs.list_tags_for_resource().resource_arn(object);
        let answer = call.send().ask().await?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    }
}

impl Tagging for LogsTags {
    async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
        let tags = tags.into_iter().collect();
        let call = cloud.logs.tag_resource().resource_arn(object);
        call.set_tags(Some(tags)).send().ask().await.map(drop)
    }

    async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
        let call = cloud.logs.untag_resource().resource_arn(object);
        call.set_tag_keys(Some(keys)).send().ask().await.map(drop)
    }
}
