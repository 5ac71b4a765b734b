//! The settings of a bucket: each has calls of its own.

use aws_sdk_s3::types::{
    BucketVersioningStatus, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    Tag, Tagging, VersioningConfiguration,
};
use platctl_engine::{Changes, Class, CloudError, CloudResult, Owner};

use super::bucket::Encryption;
use crate::errors::Ask;
use crate::tags::{Tags, claimed, edits, split};
use crate::types::Arn;
use crate::{Cloud, Policy};

/// A setting that is not there is no error; a bucket that is not there is.
pub(super) fn optional<T>(result: CloudResult<T>) -> CloudResult<Option<T>> {
    match result {
        Err(error)
            if error.class == Class::NotFound && error.code.as_deref() != Some("NoSuchBucket") =>
        {
            Ok(None)
        }
        other => other.map(Some),
    }
}

pub(super) fn built<T>(
    result: Result<T, aws_smithy_types::error::operation::BuildError>,
) -> CloudResult<T> {
    result.map_err(|error| CloudError::new(Class::Invalid, "s3", error.to_string()))
}

pub(super) async fn versioning(cloud: &Cloud, name: &str) -> CloudResult<bool> {
    let call = cloud.s3.get_bucket_versioning().bucket(name);
    let answer = call.send().ask().await?;
    Ok(answer.status() == Some(&BucketVersioningStatus::Enabled))
}

pub(super) async fn put_versioning(cloud: &Cloud, name: &str, on: bool) -> CloudResult<()> {
    let status = if on {
        BucketVersioningStatus::Enabled
    } else {
        BucketVersioningStatus::Suspended
    };
    let configuration = VersioningConfiguration::builder().status(status).build();
    let call = cloud
        .s3
        .put_bucket_versioning()
        .bucket(name)
        .versioning_configuration(configuration);
    call.send().ask().await.map(drop)
}

async fn encryption_rule(
    cloud: &Cloud,
    name: &str,
) -> CloudResult<Option<ServerSideEncryptionRule>> {
    let call = cloud.s3.get_bucket_encryption().bucket(name);
    let answer = optional(call.send().ask().await)?;
    let configuration = answer.and_then(|answer| answer.server_side_encryption_configuration);
    Ok(configuration.and_then(|configuration| configuration.rules.into_iter().next()))
}

pub(super) async fn encryption(cloud: &Cloud, name: &str) -> CloudResult<Encryption> {
    let rule = encryption_rule(cloud, name).await?;
    let default = rule.and_then(|rule| rule.apply_server_side_encryption_by_default);
    // Every bucket is encrypted with S3's own keys where nothing else is said.
    let aes = || Encryption {
        sse_algorithm: "AES256".to_owned(),
        kms_master_key_id: None,
    };
    Ok(default.map_or_else(aes, |default| Encryption {
        sse_algorithm: default.sse_algorithm.as_str().to_owned(),
        kms_master_key_id: default.kms_master_key_id.map(Arn::from),
    }))
}

/// The rule is written whole: what it says beside the algorithm and the key goes back as it is now. A bucket that was
/// not encrypted with KMS before gets a bucket key, which makes requests to KMS fewer.
pub(super) async fn put_encryption(
    cloud: &Cloud,
    name: &str,
    encryption: &Encryption,
) -> CloudResult<()> {
    let now = encryption_rule(cloud, name).await?;
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::from(
            encryption.sse_algorithm.as_str(),
        ))
        .set_kms_master_key_id(
            encryption
                .kms_master_key_id
                .as_ref()
                .map(ToString::to_string),
        );
    let mut rule = now.unwrap_or_else(|| ServerSideEncryptionRule::builder().build());
    let before = rule
        .apply_server_side_encryption_by_default
        .replace(built(default.build())?);
    let before = before.map(|default| default.sse_algorithm.as_str().to_owned());
    if before.as_ref() != Some(&encryption.sse_algorithm) {
        rule.bucket_key_enabled = Some(encryption.sse_algorithm == "aws:kms");
    }
    let configuration = built(
        ServerSideEncryptionConfiguration::builder()
            .rules(rule)
            .build(),
    )?;
    let call = cloud
        .s3
        .put_bucket_encryption()
        .bucket(name)
        .server_side_encryption_configuration(configuration);
    call.send().ask().await.map(drop)
}

pub(super) async fn public_access_block(cloud: &Cloud, name: &str) -> CloudResult<bool> {
    let call = cloud.s3.get_public_access_block().bucket(name);
    let answer = optional(call.send().ask().await)?;
    let block = answer.and_then(|answer| answer.public_access_block_configuration);
    let on = |value: Option<bool>| value == Some(true);
    Ok(block.is_some_and(|block| {
        on(block.block_public_acls)
            && on(block.ignore_public_acls)
            && on(block.block_public_policy)
            && on(block.restrict_public_buckets)
    }))
}

pub(super) async fn put_public_access_block(
    cloud: &Cloud,
    name: &str,
    on: bool,
) -> CloudResult<()> {
    let configuration = PublicAccessBlockConfiguration::builder()
        .block_public_acls(on)
        .ignore_public_acls(on)
        .block_public_policy(on)
        .restrict_public_buckets(on)
        .build();
    let call = cloud
        .s3
        .put_public_access_block()
        .bucket(name)
        .public_access_block_configuration(configuration);
    call.send().ask().await.map(drop)
}

pub(super) async fn policy(cloud: &Cloud, name: &str) -> CloudResult<Option<Policy>> {
    let call = cloud.s3.get_bucket_policy().bucket(name);
    let answer = optional(call.send().ask().await)?;
    Ok(answer
        .and_then(|answer| answer.policy)
        .and_then(|text| Policy::parse(&text)))
}

pub(super) async fn put_policy(
    cloud: &Cloud,
    name: &str,
    policy: Option<&Policy>,
) -> CloudResult<()> {
    let Some(policy) = policy else {
        let call = cloud.s3.delete_bucket_policy().bucket(name);
        return call.send().ask().await.map(drop);
    };
    let call = cloud
        .s3
        .put_bucket_policy()
        .bucket(name)
        .policy(policy.to_json());
    call.send().ask().await.map(drop)
}

/// The tag that says that objects may go with the bucket.
const FORCE: &str = "platctl:force-destroy";

/// The user's tags, whose it is, and whether its objects may go with it.
pub(super) async fn tags(cloud: &Cloud, name: &str) -> CloudResult<(Tags, Option<Owner>, bool)> {
    let call = cloud.s3.get_bucket_tagging().bucket(name);
    let answer = optional(call.send().ask().await)?;
    let tags = answer.map(|answer| answer.tag_set).unwrap_or_default();
    let force = tags
        .iter()
        .any(|tag| tag.key == FORCE && tag.value == "true");
    let (tags, owner) = split(tags.into_iter().map(|tag| (tag.key, tag.value)));
    Ok((tags, owner, force))
}

/// The tags of a creation.
pub(super) fn claimed_tags(tags: &Tags, owner: &Owner, force: bool) -> CloudResult<Vec<Tag>> {
    let mut tags = claimed(tags, owner);
    tags.insert(FORCE.to_owned(), force.to_string());
    tag_set(tags)
}

fn tag_set(tags: Tags) -> CloudResult<Vec<Tag>> {
    tags.into_iter()
        .map(|(key, value)| built(Tag::builder().key(key).value(value).build()))
        .collect()
}

/// A bucket's tags are written as one set, so those of others are written again: S3 has no call that sets or removes
/// some, which is why this is no `Tagging`.
pub(super) async fn put_tags(
    cloud: &Cloud,
    name: &str,
    live: &Tags,
    changes: &Changes,
    owner: &Owner,
    force: bool,
) -> CloudResult<()> {
    let edits = edits(changes, owner);
    let mut all = claimed(live, owner);
    all.insert(FORCE.to_owned(), force.to_string());
    all.extend(edits.set);
    all.retain(|key, _| !edits.remove.contains(key));
    let tagging = built(Tagging::builder().set_tag_set(Some(tag_set(all)?)).build())?;
    let call = cloud.s3.put_bucket_tagging().bucket(name).tagging(tagging);
    call.send().ask().await.map(drop)
}
