//! Tags, as Secrets Manager takes and answers them: they come with the secret.

use aws_sdk_secretsmanager::types::Tag;
use platctl_engine::CloudResult;

use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{Tagging, Tags};

/// For secrets, which are named by their ARNs.
pub(super) struct SecretTags;

/// Tags as they are sent.
pub(super) fn new_tags(tags: Tags) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

impl Tagging for SecretTags {
    async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
        let call = cloud.secretsmanager.tag_resource().secret_id(object);
        let call = call.set_tags(Some(new_tags(tags)));
        call.send().ask().await.map(drop)
    }

    async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
        let call = cloud.secretsmanager.untag_resource().secret_id(object);
        let call = call.set_tag_keys(Some(keys));
        call.send().ask().await.map(drop)
    }
}
