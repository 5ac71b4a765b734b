//! ElastiCache: replication groups of Valkey and Redis, and what they are configured with.

mod codes;
pub mod parameter_group;
pub mod replication_group;
mod replication_group_changes;
mod replication_group_checks;
pub mod subnet_group;

pub(crate) use codes::CODES;

use aws_sdk_elasticache::types::Tag;
use platctl_engine::{Changes, CloudResult, Owner, SpecError};

use crate::Cloud;
use crate::errors::{Ask, if_there};
use crate::tags::{Tags, edits};

/// Tags as ElastiCache takes them.
fn tags_from(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// All tags of an object, those of ownership included.
async fn tags_of(cloud: &Cloud, arn: &str) -> CloudResult<Tags> {
    let call = cloud.elasticache.list_tags_for_resource();
    let answer = call.resource_name(arn).send().ask().await?;
    let pair = |tag: &Tag| {
        let value = tag.value().unwrap_or_default().to_owned();
        Some((tag.key()?.to_owned(), value))
    };
    Ok(answer.tag_list().iter().filter_map(pair).collect())
}

/// Writes and removes tags as the changes ask, and those that a deletion has to know. Answers whether there was
/// anything to do: a replication group takes no other change for a moment after that.
async fn sync_tags(
    cloud: &Cloud,
    arn: &str,
    changes: &Changes,
    owner: &Owner,
    own: Option<(&str, String)>,
) -> CloudResult<bool> {
    let mut edits = edits(changes, owner);
    edits
        .set
        .extend(own.map(|(key, value)| (key.to_owned(), value)));
    let any = !edits.set.is_empty() || !edits.remove.is_empty();
    if !edits.set.is_empty() {
        let call = cloud.elasticache.add_tags_to_resource().resource_name(arn);
        let call = call.set_tags(Some(tags_from(edits.set)));
        call.send().ask().await?;
    }
    if !edits.remove.is_empty() {
        let call = cloud.elasticache.remove_tags_from_resource();
        let call = call
            .resource_name(arn)
            .set_tag_keys(Some(edits.remove.clone()));
        // A tag that somebody removed meanwhile is no error.
        if_there(call.send().ask().await)?;
    }
    Ok(any)
}

/// ElastiCache keeps names in lower case, so anything else would be a difference for ever.
fn check_name(path: &'static str, text: &str, most: usize) -> Result<(), SpecError> {
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
    use super::check_name;

    #[test]
    fn names_are_in_lower_case() {
        for good in ["a", "app-cache", "app2"] {
            assert!(check_name("/n", good, 40).is_ok(), "{good}");
        }
        for bad in ["", "App", "a--b", "a-", "1a", "a_b", "a.b", &"a".repeat(41)] {
            assert!(check_name("/n", bad, 40).is_err(), "{bad}");
        }
    }
}
