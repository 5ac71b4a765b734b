//! IAM: roles and what they may do. Global: one name serves all regions.

mod codes;
pub mod instance_profile;
pub mod managed_policy;
pub mod oidc_provider;
pub mod policy_attachment;
pub mod role;
pub mod role_policy;
pub mod rotation;
pub mod service_linked_role;
pub mod service_specific_credential;
pub mod shared_oidc_provider;
pub mod user;
pub mod user_policy;

pub(crate) use codes::CODES;

use aws_sdk_iam::types::Tag;
use platctl_engine::{Class, CloudError, CloudResult, Owner};

use crate::tags::{Tags, claimed, split};

/// Tags as IAM takes them.
pub(crate) fn to_iam(tags: Tags) -> CloudResult<Vec<Tag>> {
    let tag = |(key, value): (String, String)| {
        let built = Tag::builder().key(key).value(value).build();
        built.map_err(|error| CloudError::new(Class::Invalid, "iam:Tag", error.to_string()))
    };
    tags.into_iter().map(tag).collect()
}

/// The tags of a creation.
pub(crate) fn tags_with(tags: &Tags, owner: &Owner) -> CloudResult<Option<Vec<Tag>>> {
    to_iam(claimed(tags, owner)).map(Some)
}

/// Takes the tags of an answer apart.
pub(crate) fn tags_of(tags: &[Tag]) -> (Tags, Option<Owner>) {
    split(
        tags.iter()
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned())),
    )
}

/// Whether a name is one that IAM takes.
pub(crate) fn is_name(name: &str, longest: usize) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    !name.is_empty() && name.len() <= longest && name.chars().all(sound)
}
