//! Route 53: names.

mod codes;
pub mod health_check;
pub mod hosted_zone;
pub mod query_logging_config;
pub mod record_set;
mod records;
mod texts;

pub(crate) use codes::CODES;
pub(crate) use records::{change as change_records, read as read_records};
pub(crate) use texts::unquoted;

use std::collections::HashMap;

use aws_sdk_route53::types::{Tag, TagResourceType};
use aws_smithy_types::error::operation::BuildError;
use platctl_engine::{Class, CloudError, CloudResult, Id};

use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::Ask;
use crate::tags::{TagEdits, Tags};

/// For how many resources the tags come in one call; how many tags one call sets or removes.
const TAGS_AT_ONCE: usize = 10;

/// What was built of a spec, or what it lacks.
pub(crate) fn built<T>(result: Result<T, BuildError>) -> CloudResult<T> {
    result.map_err(|error| CloudError::new(Class::Invalid, "route53", error.to_string()))
}

/// The tags of things that exist, by their ids.
pub(crate) async fn read_tags(
    cloud: &Cloud,
    kind: TagResourceType,
    ids: &[Id],
) -> CloudResult<HashMap<String, Tags>> {
    let chunks = ids.chunks(TAGS_AT_ONCE).map(|ids| {
        let ids = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let call = cloud
            .route53
            .list_tags_for_resources()
            .resource_type(kind.clone());
        call.set_resource_ids(Some(ids)).send()
    });
    let answers = try_join_all(chunks).ask().await?;
    let pair = |tag: &Tag| {
        Some((
            tag.key()?.to_owned(),
            tag.value().unwrap_or_default().to_owned(),
        ))
    };
    let sets = answers
        .into_iter()
        .flat_map(|answer| answer.resource_tag_sets);
    Ok(sets
        .filter_map(|set| {
            Some((
                set.resource_id.clone()?,
                set.tags().iter().filter_map(pair).collect(),
            ))
        })
        .collect())
}

/// Writes and removes tags, a few at a time.
pub(crate) async fn sync_tags(
    cloud: &Cloud,
    kind: TagResourceType,
    id: &Id,
    edits: TagEdits,
) -> CloudResult<()> {
    let set: Vec<Tag> = edits
        .set
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let call = || {
        cloud
            .route53
            .change_tags_for_resource()
            .resource_type(kind.clone())
            .resource_id(id.as_str())
    };
    for tags in set.chunks(TAGS_AT_ONCE) {
        let call = call().set_add_tags(Some(tags.to_vec()));
        call.send().ask().await?;
    }
    for keys in edits.remove.chunks(TAGS_AT_ONCE) {
        let call = call().set_remove_tag_keys(Some(keys.to_vec()));
        call.send().ask().await?;
    }
    Ok(())
}
