//! RDS: Aurora clusters, their instances, and what both are configured with.

pub mod classes;
mod codes;
pub mod db_cluster;
mod db_cluster_changes;
mod db_cluster_origin;
pub mod db_cluster_parameter_group;
pub mod db_cluster_snapshot;
mod db_cluster_upgrade;
mod db_cluster_values;
pub mod db_instance;
pub mod db_parameter_group;
pub mod db_subnet_group;
pub mod event_subscription;
pub mod failover;
pub mod global_cluster;
pub mod names;
mod orderable;
pub(crate) mod parameters;
mod parameters_offered;
mod phase;
pub mod restart;
mod scaled_out;
pub mod support;
pub mod windows;

pub(crate) use codes::CODES;

use aws_sdk_rds::types::Tag;
use platctl_engine::{Changes, Class, CloudResult, Owner, SpecError};

pub(crate) use self::phase::{instance_phase, is_stopped, phase};
use crate::Cloud;
use crate::errors::{Ask, Asked};
use crate::tags::{Tags, claimed, edits, split};

/// What is said of parameters that wait for a reboot.
pub(crate) const PENDING_REBOOT: &str = "pending-reboot: changed parameters take effect with the next reboot. To \
                                         reboot, run `platctl restart STACK ADDRESS`";

/// Takes the tags of an RDS object apart.
pub(crate) fn split_tags(tags: &[Tag]) -> (Tags, Option<Owner>) {
    let pair = |tag: &Tag| {
        Some((
            tag.key()?.to_owned(),
            tag.value().unwrap_or_default().to_owned(),
        ))
    };
    split(tags.iter().filter_map(pair))
}

/// Tags as RDS takes them.
pub(crate) fn rds_tags(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// The tags of a creation.
pub(crate) fn new_tags(tags: &Tags, owner: &Owner) -> Option<Vec<Tag>> {
    Some(rds_tags(claimed(tags, owner)))
}

/// The tags of an object that does not answer them together with itself.
pub(crate) async fn tags_of(cloud: &Cloud, arn: &str) -> CloudResult<(Tags, Option<Owner>)> {
    let call = cloud.rds.list_tags_for_resource().resource_name(arn);
    let answer = call.send().ask().await?;
    Ok(split_tags(answer.tag_list()))
}

/// Writes and removes tags as the changes ask.
pub(crate) async fn sync_tags(
    cloud: &Cloud,
    arn: &str,
    changes: &Changes,
    owner: &Owner,
) -> CloudResult<()> {
    let edits = edits(changes, owner);
    if !edits.set.is_empty() {
        let call = cloud
            .rds
            .add_tags_to_resource()
            .resource_name(arn)
            .set_tags(Some(rds_tags(edits.set)));
        call.send().ask().await?;
    }
    if !edits.remove.is_empty() {
        let call = cloud
            .rds
            .remove_tags_from_resource()
            .resource_name(arn)
            .set_tag_keys(Some(edits.remove));
        call.send().ask().await?;
    }
    Ok(())
}

/// Starts a stopped cluster with its instances. One that has been started meanwhile is fine.
pub(crate) async fn start(cloud: &Cloud, cluster: &str) -> CloudResult<()> {
    let call = cloud
        .rds
        .start_db_cluster()
        .db_cluster_identifier(cluster)
        .send()
        .await;
    match call.asked() {
        Err(error) if error.class == Class::Busy => Ok(()),
        other => other.map(drop),
    }
}

/// Names of parameter groups may have dots as well, as AWS's own do.
pub(crate) fn check_group_name(path: &'static str, text: &str) -> Result<(), SpecError> {
    let sound = (1..=255).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && !text.starts_with("default.")
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
    if sound {
        return Ok(());
    }
    let message = "must have 1 to 255 lower-case letters, digits, dots and single hyphens, begin with a letter, not \
                   end with `-`, and not begin with `default.`";
    Err(SpecError::new(path, message))
}

/// RDS keeps identifiers in lower case, so anything else would be a difference for ever.
pub(crate) fn check_identifier(
    path: &'static str,
    text: &str,
    most: usize,
) -> Result<(), SpecError> {
    let sound = (1..=most).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if sound {
        return Ok(());
    }
    let message = format!(
        "must have 1 to {most} lower-case letters, digits and single hyphens, begin with a letter, and not end with `-`"
    );
    Err(SpecError::new(path, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parameter_groups_have_dots_and_identifiers_have_none() {
        for good in ["app.prod-16", "app-cluster-16", "a"] {
            assert!(check_group_name("/n", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "App",
            "a--b",
            "a-",
            "1a",
            "a_b",
            "default.aurora-postgresql16",
        ] {
            assert!(check_group_name("/n", bad).is_err(), "{bad}");
        }
        assert!(check_identifier("/n", "app.prod", 63).is_err());
    }
}
