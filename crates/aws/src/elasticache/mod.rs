//! ElastiCache: replication groups of Valkey and Redis, and what they are configured with.

mod codes;
pub mod parameter_group;
pub mod replication_group;
mod replication_group_changes;
mod replication_group_checks;
mod replication_group_live;
pub mod subnet_group;

pub(crate) use codes::CODES;

use aws_sdk_elasticache::types::Tag;
use platctl_engine::{CloudResult, SpecError};

use crate::Cloud;
use crate::errors::{Ask, if_there};
use crate::tags::{Tagged, Tagging, Tags};

/// Tags as ElastiCache takes them.
fn tags_from(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// Tags, as every kind of the service reads and writes them, by ARN.
struct CacheTags;

impl Tagged for CacheTags {
    async fn list(cloud: &Cloud, object: &str) -> CloudResult<Tags> {
        let call = cloud.elasticache.list_tags_for_resource();
        let answer = call.resource_name(object).send().ask().await?;
        let pair = |tag: &Tag| {
            let value = tag.value().unwrap_or_default().to_owned();
            Some((tag.key()?.to_owned(), value))
        };
        Ok(answer.tag_list().iter().filter_map(pair).collect())
    }
}

impl Tagging for CacheTags {
    async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
        let call = cloud.elasticache.add_tags_to_resource();
        let call = call.resource_name(object).set_tags(Some(tags_from(tags)));
        call.send().ask().await.map(drop)
    }

    /// A tag that somebody removed meanwhile is an error there, and none here.
    async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
        let call = cloud.elasticache.remove_tags_from_resource();
        let call = call.resource_name(object).set_tag_keys(Some(keys));
        if_there(call.send().ask().await).map(drop)
    }
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
