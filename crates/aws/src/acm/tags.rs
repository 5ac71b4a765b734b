//! Tags, as ACM takes and answers them.

use aws_sdk_acm::types::Tag;
use platctl_engine::CloudResult;

use crate::Cloud;
use crate::errors::{Ask, invalid};
use crate::tags::{Tagged, Tagging, Tags};

/// For every kind of the service.
pub(super) struct AcmTags;

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

impl Tagged for AcmTags {
    async fn list(cloud: &Cloud, object: &str) -> CloudResult<Tags> {
        let call = cloud.acm.list_tags_for_certificate();
        let answer = call.certificate_arn(object).send().ask().await?;
        let pair = |tag: &Tag| {
            let value = tag.value().unwrap_or_default();
            (tag.key().to_owned(), value.to_owned())
        };
        Ok(answer.tags().iter().map(pair).collect())
    }
}

impl Tagging for AcmTags {
    async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
        let tags = tags_from(tags, "acm:AddTagsToCertificate")?;
        let call = cloud.acm.add_tags_to_certificate().certificate_arn(object);
        call.set_tags(Some(tags)).send().ask().await.map(drop)
    }

    /// Without a value, a tag goes whatever its value is.
    async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
        for key in keys {
            let tag = Tag::builder().key(key).build();
            let tag = tag.map_err(|e| invalid("acm:RemoveTagsFromCertificate", &e))?;
            let call = cloud.acm.remove_tags_from_certificate();
            let call = call.certificate_arn(object).tags(tag);
            call.send().ask().await?;
        }
        Ok(())
    }
}
