//! Tags, as KMS takes and answers them.

use aws_sdk_kms::types::Tag;
use platctl_engine::CloudResult;

use crate::Cloud;
use crate::errors::{Ask, Asked, invalid};
use crate::tags::{Tagged, Tagging, Tags};

/// For every kind of the service.
pub(super) struct KmsTags;

/// Tags as they are sent.
pub(super) fn tags_from(tags: Tags, operation: &str) -> CloudResult<Vec<Tag>> {
    let tag = |(key, value)| {
        Tag::builder()
            .tag_key(key)
            .tag_value(value)
            .build()
            .map_err(|e| invalid(operation, &e))
    };
    tags.into_iter().map(tag).collect()
}

impl Tagged for KmsTags {
    async fn list(cloud: &Cloud, object: &str) -> CloudResult<Tags> {
        let call = cloud.kms.list_resource_tags().key_id(object);
        let pages = call.into_paginator().items().send();
        let tags: Result<Vec<Tag>, _> = pages.collect().await;
        let pair = |tag: &Tag| (tag.tag_key().to_owned(), tag.tag_value().to_owned());
        Ok(tags.asked()?.iter().map(pair).collect())
    }
}

impl Tagging for KmsTags {
    async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
        let tags = tags_from(tags, "kms:TagResource")?;
        let call = cloud.kms.tag_resource().key_id(object);
        call.set_tags(Some(tags)).send().ask().await.map(drop)
    }

    async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
        let call = cloud.kms.untag_resource().key_id(object);
        call.set_tag_keys(Some(keys)).send().ask().await.map(drop)
    }
}
