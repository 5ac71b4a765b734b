//! RDS: Aurora clusters, their instances, and what both are configured with.

pub mod db_cluster;
mod db_cluster_changes;
mod db_cluster_origin;
pub mod db_cluster_parameter_group;
pub mod db_cluster_snapshot;
mod db_cluster_upgrade;
pub mod db_instance;
pub mod db_parameter_group;
pub mod db_subnet_group;
pub mod failover;
pub mod global_cluster;
pub(crate) mod parameters;
mod phase;
pub mod restart;
mod scaled_out;

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
    let pair = |tag: &Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    split(tags.iter().filter_map(pair))
}

/// Tags as RDS takes them.
pub(crate) fn rds_tags(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
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
pub(crate) async fn sync_tags(cloud: &Cloud, arn: &str, changes: &Changes, owner: &Owner) -> CloudResult<()> {
    let edits = edits(changes, owner);
    if !edits.set.is_empty() {
        let call = cloud.rds.add_tags_to_resource().resource_name(arn).set_tags(Some(rds_tags(edits.set)));
        call.send().ask().await?;
    }
    if !edits.remove.is_empty() {
        let call = cloud.rds.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(edits.remove));
        call.send().ask().await?;
    }
    Ok(())
}

/// Starts a stopped cluster with its instances. One that has been started meanwhile is fine.
pub(crate) async fn start(cloud: &Cloud, cluster: &str) -> CloudResult<()> {
    let call = cloud.rds.start_db_cluster().db_cluster_identifier(cluster).send().await;
    match call.asked() {
        Err(error) if error.class == Class::Busy => Ok(()),
        other => other.map(drop),
    }
}

/// RDS keeps identifiers in lower case, so anything else would be a difference for ever.
pub(crate) fn check_identifier(path: &'static str, text: &str, most: usize) -> Result<(), SpecError> {
    let sound = (1..=most).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if sound {
        return Ok(());
    }
    let message = format!(
        "must have 1 to {most} lower-case letters, digits and single hyphens, begin with a letter, and not end with `-`"
    );
    Err(SpecError::new(path, message))
}

/// `02:00-03:00`, or with days before the times.
pub(crate) fn check_window(path: &'static str, text: Option<&String>, weekly: bool) -> Result<(), SpecError> {
    let Some(text) = text else { return Ok(()) };
    let time = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        let in_range = |text: &str, end: u8| text.len() == 2 && text.parse::<u8>().is_ok_and(|n| n < end);
        (in_range(hours, 24) && in_range(minutes, 60)).then_some(())
    };
    let moment = |text: &str| match weekly {
        false => time(text),
        true => text
            .split_once(':')
            .filter(|(day, _)| ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].contains(day))
            .and_then(|(_, rest)| time(rest)),
    };
    let sound = text.split_once('-').is_some_and(|(from, to)| moment(from).is_some() && moment(to).is_some());
    if sound {
        return Ok(());
    }
    let such = if weekly { "sun:04:00-sun:05:00" } else { "02:00-03:00" };
    Err(SpecError::new(path, format!("must be a window such as {such}, in UTC and lower case")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_days_or_not() {
        let window = |text: &str, weekly| check_window("/w", Some(&text.to_owned()), weekly).is_ok();
        assert!(window("02:00-03:30", false) && window("sun:04:00-sun:05:00", true));
        assert!(!window("2:00-3:00", false) && !window("24:00-25:00", false) && !window("02:00-03:00", true));
    }
}
