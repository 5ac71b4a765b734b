//! What still carries tags, by AWS's own index of tags: a search that believes neither state nor what a run has done.
//!
//! The index lags: it lists what is gone for a while, and what has lost its tags. So every hit is read by its own kind
//! before anything is said of it.

mod arns;
mod strangers;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};
use platctl_engine::retry::call_with_retries;
use platctl_engine::{AnyLive, Catalog, CloudResult, Id, Owner, Phase};

use serde_json::Value;

use crate::errors::{Ask, Asked, if_there};
use crate::tags::{Tags, split};
use crate::{Aws, Cloud};
pub use strangers::Tool;

/// A tag to look for; without a value, any value counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Option<String>,
}

impl Tag {
    /// The tag that everything of a stack carries.
    #[must_use]
    pub fn of_stack(name: &str) -> Self {
        Self {
            key: crate::tags::STACK.into(),
            value: Some(name.to_owned()),
        }
    }

    /// The tag that everything of every stack carries.
    #[must_use]
    pub fn of_any_stack() -> Self {
        Self {
            key: crate::tags::STACK.into(),
            value: None,
        }
    }
}

/// What a read of an object answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is there.
    There,
    /// It is scheduled for deletion; with the command that takes that back.
    Scheduled(String, Option<String>),
    /// No kind of platctl reads such objects, so that it may be gone already.
    Unread,
}

/// An object that carries the tag, or may still carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its ARN.
    pub arn: String,
    /// The region in whose index it is.
    pub region: String,
    /// Its kind and its identifier; none where no kind has such ARNs.
    pub named: Option<(&'static str, Id)>,
    /// Whose it is, by the tags that it has now.
    pub owner: Option<Owner>,
    /// The tool that made it, where it is not platctl.
    pub tool: Option<Tool>,
    /// What other objects may name it by, where it was read.
    pub outputs: Value,
    /// What a read of it answered.
    pub seen: Seen,
}

/// What carries the tag in these regions and is there, or cannot be read. `known` are objects of which the run that
/// asks has just seen that they are gone.
///
/// # Errors
/// What AWS answers, if an index or an object cannot be read.
pub async fn sweep(
    aws: &Aws,
    regions: &BTreeSet<String>,
    tag: &Tag,
    known: impl Fn(&Owner, &str) -> bool + Sync,
) -> CloudResult<Vec<Found>> {
    let mut found = Vec::new();
    for region in regions {
        let cloud = aws.cloud(region);
        let hits = tagged(&cloud, tag).await?;
        let hits = hits.into_iter().filter_map(|hit| {
            let arn = hit.resource_arn()?.to_owned();
            let tags: Tags = pairs(&hit).collect();
            let owner = split(tags.clone()).1;
            let is_known = owner.as_ref().is_some_and(|owner| known(owner, &arn));
            (!is_known).then(|| Found {
                named: arns::named(&arn),
                tool: Tool::of(&tags),
                region: region.clone(),
                outputs: Value::Null,
                seen: Seen::Unread,
                owner,
                arn,
            })
        });
        found.extend(read(aws, hits.collect(), tag).await?);
    }
    found.sort_by(|one, other| one.arn.cmp(&other.arn));
    found.dedup_by(|one, other| one.arn == other.arn);
    Ok(found)
}

/// Whether an ARN is that of the object with this identifier: the identifier is the ARN, or its last part.
#[must_use]
pub fn is_of(arn: &str, id: &Id) -> bool {
    let last = |text: &str| {
        text.rsplit(['/', ':', '|'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    arn == id.as_str() || arns::named(arn).is_some_and(|(_, named)| named == *id) || {
        let end = last(id.as_str());
        !end.is_empty() && end == last(arn.trim_end_matches(":*"))
    }
}

/// Whether there is an EKS cluster of this name.
///
/// # Errors
/// What EKS answers.
pub async fn has_cluster(cloud: &Cloud, name: &str) -> CloudResult<bool> {
    let describe = || async {
        let call = cloud.eks.describe_cluster().name(name);
        if_there(call.send().ask().await)
    };
    let what = format!("looking for the cluster {name}");
    let found = call_with_retries(&cloud.teller, what, describe).await?;
    Ok(found.is_some())
}

/// The regions whose indexes have what lives in these: what the whole partition shares is in one region's index.
#[must_use]
pub fn regions<'a>(aws: &Aws, regions: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let global = crate::cloud::global_region(&aws.identity().partition);
    let all = regions.into_iter().chain([global]);
    all.map(ToOwned::to_owned).collect()
}

fn pairs(hit: &ResourceTagMapping) -> impl Iterator<Item = (String, String)> + '_ {
    hit.tags()
        .iter()
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
}

/// One search of a region's index, page by page.
async fn tagged(cloud: &Cloud, tag: &Tag) -> CloudResult<Vec<ResourceTagMapping>> {
    let filter = TagFilter::builder()
        .key(&tag.key)
        .set_values(tag.value.clone().map(|value| vec![value]))
        .build();
    let call = cloud.tagging.get_resources().tag_filters(filter);
    let list = || async {
        let pages = call.clone().into_paginator().items().send();
        let all: Result<Vec<_>, _> = pages.collect().await;
        all.asked()
    };
    let what = format!("searching for tagged resources in {}", cloud.region);
    call_with_retries(&cloud.teller, what, list).await
}

/// Reads what was found, many objects of a kind at once, and leaves out what is gone or has lost the tag.
async fn read(aws: &Aws, found: Vec<Found>, tag: &Tag) -> CloudResult<Vec<Found>> {
    let mut of_kinds: BTreeMap<(&str, String), Vec<Id>> = BTreeMap::new();
    for one in &found {
        if let Some((kind, id)) = &one.named {
            let ids = of_kinds.entry((*kind, one.region.clone())).or_default();
            ids.push(id.clone());
        }
    }
    let mut live: BTreeMap<(&str, Id), Option<AnyLive>> = BTreeMap::new();
    for ((kind, region), ids) in of_kinds {
        let Some(bound) = aws.bind(kind, &region) else {
            continue;
        };
        let what = format!("reading {kind} in {region}");
        let all = call_with_retries(aws.teller(), what, || bound.describe(&ids)).await?;
        live.extend(ids.into_iter().map(|id| (kind, id)).zip(all));
    }
    let look = |mut one: Found| {
        let Some(live) = one.named.clone().and_then(|named| live.get(&named)) else {
            return Some(one);
        };
        let live = live.as_ref().filter(|live| still_carries(live, tag))?;
        one.owner.clone_from(&live.owner);
        one.outputs.clone_from(&live.outputs);
        one.seen = match &live.phase {
            Phase::Deleting => return None,
            Phase::Scheduled(when) => {
                let kind = one
                    .named
                    .as_ref()
                    .and_then(|(kind, _)| aws.bind(kind, &one.region));
                Seen::Scheduled(when.clone(), kind.and_then(|kind| kind.recall(live)))
            }
            _ => Seen::There,
        };
        Some(one)
    };
    Ok(found.into_iter().filter_map(look).collect())
}

/// Whether an object has the tag now. Of another tag than that of ownership, the index alone tells.
fn still_carries(live: &AnyLive, tag: &Tag) -> bool {
    tag.key != crate::tags::STACK
        || live
            .owner
            .as_ref()
            .is_some_and(|owner| tag.value.as_ref().is_none_or(|stack| *stack == owner.stack))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_resourcegroupstagging::operation::get_resources::GetResourcesOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn all_pages_of_the_index_are_read() {
        let page = |arn: &'static str, next: &'static str| {
            mock!(aws_sdk_resourcegroupstagging::Client::get_resources)
                .match_requests(|request| {
                    let filter = &request.tag_filters()[0];
                    filter.key() == Some("platctl:stack") && filter.values() == ["one"]
                })
                .then_output(move || {
                    GetResourcesOutput::builder()
                        .resource_tag_mapping_list(
                            ResourceTagMapping::builder().resource_arn(arn).build(),
                        )
                        .pagination_token(next)
                        .build()
                })
        };
        let (first, last) = (page("arn:1", "more"), page("arn:2", ""));
        let rules = [&first, &last];
        let cloud = Cloud {
            tagging: mock_client!(aws_sdk_resourcegroupstagging, RuleMode::Sequential, &rules)
                .into(),
            ..cloud()
        };
        let all = tagged(&cloud, &Tag::of_stack("one")).await.unwrap();
        let arns: Vec<_> = all.iter().filter_map(|one| one.resource_arn()).collect();
        assert_eq!(arns, ["arn:1", "arn:2"]);
    }

    #[test]
    fn an_arn_is_recognised_by_the_identifier_that_state_has() {
        for (arn, id) in [
            ("arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1", "vpc-1"),
            (
                "arn:aws:sqs:eu-west-1:123456789012:a",
                "https://sqs.eu-west-1.amazonaws.com/123456789012/a",
            ),
            (
                "arn:aws:eks:eu-west-1:123456789012:nodegroup/c/n/0a1b",
                "c|n",
            ),
            ("arn:aws:logs:eu-west-1:123456789012:log-group:/a/b", "/a/b"),
        ] {
            assert!(is_of(arn, &id.into()), "{arn} {id}");
        }
        assert!(!is_of(
            "arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-12",
            &"vpc-1".into()
        ));
    }

    #[test]
    fn what_has_lost_its_tag_is_nobodys_although_the_index_lists_it() {
        let live = |owner: Option<Owner>| AnyLive {
            id: "key-1".into(),
            spec: Value::Null,
            outputs: Value::Null,
            unmanaged: Vec::new(),
            owner,
            phase: Phase::Ready,
        };
        let ours = live(Some(crate::cloud::tests::owner()));
        assert!(still_carries(&ours, &Tag::of_stack("prod")));
        assert!(still_carries(&ours, &Tag::of_any_stack()));
        assert!(!still_carries(&ours, &Tag::of_stack("pro")));
        assert!(!still_carries(&live(None), &Tag::of_stack("prod")));
    }
}
