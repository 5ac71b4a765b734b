//! Elastic Load Balancing.

pub mod action;
mod codes;
pub mod condition;
pub mod listener;
pub mod listener_rule;
pub mod load_balancer;
pub mod target_group;

pub(crate) use codes::CODES;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;

use aws_sdk_elasticloadbalancingv2::types::Tag;
use platctl_engine::{Changes, Class, CloudError, CloudResult, Id, Kind, Live, Owner};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::Ask;
use crate::tags::{Tags, claimed, edits, split};

/// How many ARNs one call takes.
const ARNS: usize = 20;

/// Attributes by their AWS keys, such as `idle_timeout.timeout_seconds`. Values can be strings, numbers or
/// booleans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Attributes(#[schemars(with = "BTreeMap<String, Value>")] pub BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
            _ => Err(serde::de::Error::custom(
                "an attribute must be a string, a number or a boolean",
            )),
        };
        let map = BTreeMap::<String, Value>::deserialize(deserializer)?;
        map.into_iter()
            .map(|(key, value)| Ok((key, text(value)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// What reads many objects of which some may be gone: AWS answers a whole call with an error then, so each is
/// read alone.
pub(super) async fn in_batches<T, F>(
    arns: impl IntoIterator<Item = &str>,
    call: impl Fn(Vec<String>) -> F,
) -> CloudResult<Vec<T>>
where
    F: Future<Output = CloudResult<Vec<T>>>,
{
    let arns: Vec<String> = arns.into_iter().map(ToOwned::to_owned).collect();
    let batch = async |arns: &[String]| match call(arns.to_vec()).await {
        Err(error) if error.class == Class::NotFound => {
            if arns.len() == 1 {
                return Ok(Vec::new());
            }
            let one = async |arn: &String| match call(vec![arn.clone()]).await {
                Err(error) if error.class == Class::NotFound => Ok(Vec::new()),
                other => other,
            };
            Ok(try_join_all(arns.iter().map(one))
                .await?
                .into_iter()
                .flatten()
                .collect())
        }
        other => other,
    };
    Ok(try_join_all(arns.chunks(ARNS).map(batch))
        .await?
        .into_iter()
        .flatten()
        .collect())
}

/// The tags of many objects, by ARN.
pub(crate) async fn tags_of(
    cloud: &Cloud,
    arns: impl IntoIterator<Item = &str>,
) -> CloudResult<HashMap<String, (Tags, Option<Owner>)>> {
    let read = async |arns: Vec<String>| {
        let call = cloud.elbv2.describe_tags().set_resource_arns(Some(arns));
        let answer = call.send().ask().await?;
        Ok(answer.tag_descriptions.unwrap_or_default())
    };
    let pair = |tag: &Tag| {
        Some((
            tag.key()?.to_owned(),
            tag.value().unwrap_or_default().to_owned(),
        ))
    };
    let descriptions = in_batches(arns, read).await?;
    Ok(descriptions
        .iter()
        .filter_map(|one| {
            Some((
                one.resource_arn()?.to_owned(),
                split(one.tags().iter().filter_map(pair)),
            ))
        })
        .collect())
}

/// The tags of a creation.
pub(super) fn tag_list(tags: &Tags, owner: &Owner) -> CloudResult<Vec<Tag>> {
    claimed(tags, owner).into_iter().map(tag).collect()
}

fn tag((key, value): (String, String)) -> CloudResult<Tag> {
    Ok(Tag::builder().key(key).value(value).build())
}

/// Writes and removes tags as the changes ask.
pub(super) async fn sync_tags(
    cloud: &Cloud,
    arn: &str,
    changes: &Changes,
    owner: &Owner,
) -> CloudResult<()> {
    let edits = edits(changes, owner);
    if !edits.set.is_empty() {
        let tags = edits
            .set
            .into_iter()
            .map(tag)
            .collect::<CloudResult<Vec<_>>>()?;
        let call = cloud
            .elbv2
            .add_tags()
            .resource_arns(arn)
            .set_tags(Some(tags));
        call.send().ask().await?;
    }
    if !edits.remove.is_empty() {
        let call = cloud
            .elbv2
            .remove_tags()
            .resource_arns(arn)
            .set_tag_keys(Some(edits.remove));
        call.send().ask().await?;
    }
    Ok(())
}

/// Of the stated attributes, those that differ: what a modification has to send.
pub(super) fn attribute_edits(changes: &Changes) -> Option<Vec<(String, String)>> {
    let (set, _) = changes.map_edits("/attributes");
    (!set.is_empty()).then_some(set)
}

/// Puts what was read in the order asked for, each with its tags. What has none is gone.
pub(super) fn with_tags<K: Kind, T>(
    ids: &[Id],
    found: Vec<T>,
    tags: &HashMap<String, (Tags, Option<Owner>)>,
    arn: fn(&T) -> Option<&str>,
    live: impl Fn(&T, Tags, Option<Owner>) -> Option<Live<K>>,
) -> Vec<Option<Live<K>>> {
    let by_arn: HashMap<&str, &T> = found
        .iter()
        .filter_map(|one| Some((arn(one)?, one)))
        .collect();
    let one = |id: &Id| {
        let (tags, owner) = tags.get(id.as_str())?.clone();
        live(by_arn.get(id.as_str())?, tags, owner)
    };
    ids.iter().map(one).collect()
}

/// What follows `before` in an ARN.
pub(super) fn after<'a>(arn: &'a str, before: &str) -> &'a str {
    arn.split_once(before).map_or(arn, |(_, rest)| rest)
}

/// Nothing where there is nothing.
pub(super) fn gone<T>(result: CloudResult<Option<T>>) -> CloudResult<Option<T>> {
    match result {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => other,
    }
}

/// A part of a spec that the SDK cannot express.
pub(super) fn invalid(operation: &str, error: impl ToString) -> CloudError {
    CloudError::new(Class::Invalid, operation, error.to_string())
}

/// Names of load balancers and target groups.
pub(super) fn is_name(name: &str) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !name.is_empty()
        && name.len() <= 32
        && name.chars().all(sound)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
