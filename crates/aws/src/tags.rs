//! Tags: the user's own, and those that say whose a resource is.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use platctl_engine::{Candidate, Changes, CloudResult, Id, Kind, Owner, Resolved, Wanted};

use crate::Cloud;
use crate::errors::Ask;

/// A resource's tags.
pub type Tags = BTreeMap<String, String>;

pub(crate) const STACK: &str = "platctl:stack";
const ADDRESS: &str = "platctl:address";
const GENERATION: &str = "platctl:generation";
const REGION: &str = "platctl:region";
const LINEAGE: &str = "platctl:lineage";

/// What to set and what to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagEdits {
    /// Tags to write.
    pub set: Tags,
    /// Keys to remove.
    pub remove: Vec<String>,
}

/// The user's tags with the ownership tags: what a creation carries.
#[must_use]
pub fn claimed(tags: &Tags, owner: &Owner) -> Tags {
    let mut all = tags.clone();
    all.extend(ownership(owner));
    all
}

fn ownership(owner: &Owner) -> impl Iterator<Item = (String, String)> {
    let tags = [
        (STACK, Some(owner.stack.clone())),
        (ADDRESS, Some(owner.address.clone())),
        (GENERATION, Some(owner.generation.to_string())),
        (REGION, owner.region.clone()),
        (LINEAGE, owner.lineage.clone()),
    ];
    tags.into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
}

/// Takes all tags of a live resource apart: the user's, and whose it is. AWS's own are left out.
#[must_use]
pub fn split(all: impl IntoIterator<Item = (String, String)>) -> (Tags, Option<Owner>) {
    let (mut tags, mut ours) = (Tags::new(), Tags::new());
    for (key, value) in all {
        if key.starts_with("platctl:") {
            ours.insert(key, value);
        } else if !key.starts_with("aws:") {
            tags.insert(key, value);
        }
    }
    let owner = ours
        .remove(STACK)
        .zip(ours.remove(ADDRESS))
        .map(|(stack, address)| {
            let generation = ours
                .get(GENERATION)
                .and_then(|text| text.parse().ok())
                .unwrap_or(1);
            Owner {
                stack,
                address,
                generation,
                region: ours.remove(REGION),
                lineage: ours.remove(LINEAGE),
            }
        });
    (tags, owner)
}

/// What the changes ask of the tags.
#[must_use]
pub fn edits(changes: &Changes, owner: &Owner) -> TagEdits {
    let (set, mut remove) = changes.map_edits("/tags");
    let mut set: Tags = set.into_iter().collect();
    for change in changes.under(Changes::OWNER) {
        match change.after {
            Some(_) => set.extend(ownership(owner)),
            None => remove.extend(ownership(owner).map(|(key, _)| key)),
        }
    }
    TagEdits { set, remove }
}

/// How a service sets and removes the tags of an object. A service says it once, in its folder; what its kinds do with
/// tags follows from it.
pub(crate) trait Tagging {
    /// Sets tags; all others stay. The object is named as the service wants it: by an ARN, an ID, a URL.
    fn set(cloud: &Cloud, object: &str, tags: Tags)
    -> impl Future<Output = CloudResult<()>> + Send;

    /// Removes the tags with these keys.
    fn remove(
        cloud: &Cloud,
        object: &str,
        keys: Vec<String>,
    ) -> impl Future<Output = CloudResult<()>> + Send;
}

/// How a service answers the tags of one object, where they do not come with the object itself.
pub(crate) trait Tagged {
    /// All tags, ours and AWS's included.
    fn list(cloud: &Cloud, object: &str) -> impl Future<Output = CloudResult<Tags>> + Send;
}

/// The user's tags of an object, and whose it is.
pub(crate) async fn owned<S: Tagged>(
    cloud: &Cloud,
    object: &str,
) -> CloudResult<(Tags, Option<Owner>)> {
    Ok(split(S::list(cloud, object).await?))
}

/// Writes and removes tags as the changes ask.
pub(crate) async fn sync<S: Tagging>(
    cloud: &Cloud,
    object: &str,
    changes: &Changes,
    owner: &Owner,
) -> CloudResult<()> {
    write::<S>(cloud, object, edits(changes, owner)).await
}

/// Writes and removes tags. Without any there is no call.
pub(crate) async fn write<S: Tagging>(
    cloud: &Cloud,
    object: &str,
    edits: TagEdits,
) -> CloudResult<()> {
    if !edits.set.is_empty() {
        S::set(cloud, object, edits.set).await?;
    }
    if !edits.remove.is_empty() {
        S::remove(cloud, object, edits.remove).await?;
    }
    Ok(())
}

/// The tags of a service that names objects by their ARNs: how its SDK takes and answers them is the same as with
/// others, but for a type of its own for a tag. Gives the service's [`Tagged`] and [`Tagging`], and `tags_from`.
macro_rules! tags_by_arn {
    ($name:ident, $client:ident, $tag:ty, $service:literal) => {
        /// For every kind of the service.
        pub(super) struct $name;

        /// Tags as they are sent.
        pub(super) fn tags_from(
            tags: impl IntoIterator<Item = (String, String)>,
            operation: &str,
        ) -> ::platctl_engine::CloudResult<Vec<$tag>> {
            let tag = |(key, value): (String, String)| {
                <$tag>::builder()
                    .key(key)
                    .value(value)
                    .build()
                    .map_err(|error| $crate::errors::invalid(operation, &error))
            };
            tags.into_iter().map(tag).collect()
        }

        impl $crate::tags::Tagged for $name {
            async fn list(
                cloud: &$crate::Cloud,
                object: &str,
            ) -> ::platctl_engine::CloudResult<$crate::tags::Tags> {
                let call = cloud.$client.list_tags_for_resource().resource_arn(object);
                let answer = $crate::errors::Ask::ask(call.send()).await?;
                let pair = |tag: &$tag| (tag.key().to_owned(), tag.value().to_owned());
                Ok(answer.tags().iter().map(pair).collect())
            }
        }

        impl $crate::tags::Tagging for $name {
            async fn set(
                cloud: &$crate::Cloud,
                object: &str,
                tags: $crate::tags::Tags,
            ) -> ::platctl_engine::CloudResult<()> {
                let tags = tags_from(tags, concat!($service, ":TagResource"))?;
                let call = cloud.$client.tag_resource().resource_arn(object);
                let call = call.set_tags(Some(tags));
                $crate::errors::Ask::ask(call.send()).await.map(drop)
            }

            async fn remove(
                cloud: &$crate::Cloud,
                object: &str,
                keys: Vec<String>,
            ) -> ::platctl_engine::CloudResult<()> {
                let call = cloud.$client.untag_resource().resource_arn(object);
                let call = call.set_tag_keys(Some(keys));
                $crate::errors::Ask::ask(call.send()).await.map(drop)
            }
        }
    };
}

pub(crate) use tags_by_arn;

/// Takes an EC2 resource's tags apart.
#[must_use]
pub fn split_ec2(tags: &[Tag]) -> (Tags, Option<Owner>) {
    let pair = |tag: &Tag| {
        Some((
            tag.key()?.to_owned(),
            tag.value().unwrap_or_default().to_owned(),
        ))
    };
    split(tags.iter().filter_map(pair))
}

/// The tags of an EC2 creation.
#[must_use]
pub fn ec2_specification(kind: ResourceType, tags: &Tags, owner: &Owner) -> TagSpecification {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    let tags = claimed(tags, owner).into_iter().map(tag).collect();
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(tags))
        .build()
}

/// Writes and removes the tags of an EC2 resource as the changes ask.
///
/// # Errors
/// What EC2 answers.
pub async fn sync_ec2(cloud: &Cloud, id: &Id, changes: &Changes, owner: &Owner) -> CloudResult<()> {
    let edits = edits(changes, owner);
    if !edits.set.is_empty() {
        let tags = edits
            .set
            .into_iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build());
        let call = cloud
            .ec2
            .create_tags()
            .resources(id.as_str())
            .set_tags(Some(tags.collect()));
        call.send().ask().await?;
    }
    if !edits.remove.is_empty() {
        let tags = edits
            .remove
            .into_iter()
            .map(|key| Tag::builder().key(key).build());
        let call = cloud
            .ec2
            .delete_tags()
            .resources(id.as_str())
            .set_tags(Some(tags.collect()));
        call.send().ask().await?;
    }
    Ok(())
}

/// Everything of EC2 that a stack owns. One call finds the objects of all wanted addresses.
#[must_use]
pub fn owned_by<K: Kind>(wanted: &[Wanted<K>]) -> Filter {
    let stack = wanted
        .first()
        .map(|wanted| wanted.owner.stack.as_str())
        .unwrap_or_default();
    filter(&format!("tag:{STACK}"), [stack])
}

/// Of objects that a listing found whoever owns them, those of the stack that is looked for.
pub fn of_stack<K: Kind>(
    wanted: &[Wanted<K>],
    found: impl IntoIterator<Item = (Id, Option<Owner>)>,
) -> impl Iterator<Item = (Id, Option<Owner>)> {
    let stack = wanted.first().map(|wanted| wanted.owner.stack.clone());
    let ours = move |(_, owner): &(Id, Option<Owner>)| {
        owner.as_ref().map(|owner| &owner.stack) == stack.as_ref()
    };
    found.into_iter().filter(ours)
}

/// Candidates of a kind that carries no tags and has a unique name beside its id, among all that there are:
/// pairs of id and name.
#[must_use]
pub fn by_name<'a, K: Kind>(
    wanted: &[Wanted<K>],
    name: fn(&K::Spec<Resolved>) -> &str,
    all: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<Vec<Candidate>> {
    let ids: HashMap<&str, &str> = all.into_iter().map(|(id, name)| (name, id)).collect();
    let candidate = |wanted: &Wanted<K>| {
        let id = wanted.spec.as_ref().and_then(|spec| ids.get(name(spec)));
        id.map(|id| Candidate {
            id: Id::from(*id),
            owner: None,
        })
        .into_iter()
        .collect()
    };
    wanted.iter().map(candidate).collect()
}

/// A filter of a Describe call.
#[must_use]
pub fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    let values = values.into_iter().map(ToOwned::to_owned).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}

/// Sorts what was found by the addresses that it was looked for.
#[must_use]
pub fn by_address<K: Kind>(
    wanted: &[Wanted<K>],
    found: impl IntoIterator<Item = (Id, Option<Owner>)>,
) -> Vec<Vec<Candidate>> {
    let mut candidates: HashMap<String, Vec<Candidate>> = HashMap::new();
    for (id, owner) in found {
        if let Some(owner) = owner {
            let address = owner.address.clone();
            candidates.entry(address).or_default().push(Candidate {
                id,
                owner: Some(owner),
            });
        }
    }
    wanted
        .iter()
        .map(|wanted| {
            candidates
                .get(&wanted.owner.address)
                .cloned()
                .unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use platctl_engine::{Class, CloudError};
    use serde_json::{Value, json};

    /// A service that refuses every call.
    struct Refusing;

    impl Tagging for Refusing {
        async fn set(_cloud: &Cloud, _object: &str, _tags: Tags) -> CloudResult<()> {
            Err(CloudError::new(Class::Denied, "toy:Tag", "no"))
        }

        async fn remove(_cloud: &Cloud, _object: &str, _keys: Vec<String>) -> CloudResult<()> {
            Err(CloudError::new(Class::Denied, "toy:Untag", "no"))
        }
    }

    #[tokio::test]
    async fn without_tags_to_write_there_is_no_call() {
        let tried = async |list: &[(&str, Value, Value)]| {
            let changes = changes(list);
            sync::<Refusing>(&cloud(), "arn", &changes, &owner()).await
        };
        assert_eq!(tried(&[("/name", json!("a"), json!("b"))]).await, Ok(()));
        let operation = |result: CloudResult<()>| result.unwrap_err().operation;
        let set = tried(&[("/tags/a", json!("1"), json!("2"))]).await;
        assert_eq!(operation(set), "toy:Tag");
        let removed = tried(&[("/tags/a", json!("1"), Value::Null)]).await;
        assert_eq!(operation(removed), "toy:Untag");
    }

    #[test]
    fn what_is_claimed_is_recognised() {
        let mine = Tags::from([("team".to_owned(), "a".to_owned())]);
        let mut all = claimed(&mine, &owner());
        all.insert("aws:cloudformation:stack-name".into(), "x".into());
        assert_eq!(split(all), (mine, Some(owner())));
    }

    #[test]
    fn edits_set_and_remove_and_write_ownership_only_when_asked() {
        let list = [
            ("/tags/a", json!("1"), json!("2")),
            ("/tags/b", json!("1"), Value::Null),
        ];
        let edits = edits(&changes(&list), &owner());
        assert_eq!(edits.set, Tags::from([("a".to_owned(), "2".to_owned())]));
        assert_eq!(edits.remove, ["b"]);
        let edits = super::edits(
            &changes(&[(Changes::OWNER, Value::Null, json!({}))]),
            &owner(),
        );
        assert_eq!(edits.set.get(ADDRESS), Some(&"network.thing".to_owned()));
        let edits = super::edits(
            &changes(&[(Changes::OWNER, json!({}), Value::Null)]),
            &owner(),
        );
        assert!(
            edits.set.is_empty() && edits.remove.contains(&STACK.to_owned()),
            "{edits:?}"
        );
    }
}
