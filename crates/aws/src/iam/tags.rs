//! Tags, as IAM takes and answers them. They come with the object that they belong to; each kind of object has two
//! operations of its own to set and remove them.

use aws_sdk_iam::types::Tag;
use platctl_engine::{CloudResult, Owner};

use crate::Cloud;
use crate::errors::{Ask, invalid};
use crate::tags::{Tagging, Tags, claimed, split};

/// Tags as they are sent.
fn to_iam(tags: Tags) -> CloudResult<Vec<Tag>> {
    let tag = |(key, value): (String, String)| {
        let built = Tag::builder().key(key).value(value).build();
        built.map_err(|error| invalid("iam:Tag", &error))
    };
    tags.into_iter().map(tag).collect()
}

/// The tags of a creation.
pub(super) fn tags_with(tags: &Tags, owner: &Owner) -> CloudResult<Option<Vec<Tag>>> {
    to_iam(claimed(tags, owner)).map(Some)
}

/// Takes the tags of an answer apart.
pub(super) fn tags_of(tags: &[Tag]) -> (Tags, Option<Owner>) {
    split(
        tags.iter()
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned())),
    )
}

/// The kinds of objects, with their operations and the field that names the object.
macro_rules! tagging {
    ($($name:ident: $set:ident, $remove:ident, $object:ident;)*) => {$(
        #[doc = concat!("Tags by `", stringify!($set), "`.")]
        pub(super) struct $name;

        impl Tagging for $name {
            async fn set(cloud: &Cloud, object: &str, tags: Tags) -> CloudResult<()> {
                let call = cloud.iam.$set().$object(object);
                let call = call.set_tags(Some(to_iam(tags)?));
                call.send().ask().await.map(drop)
            }

            async fn remove(cloud: &Cloud, object: &str, keys: Vec<String>) -> CloudResult<()> {
                let call = cloud.iam.$remove().$object(object);
                let call = call.set_tag_keys(Some(keys));
                call.send().ask().await.map(drop)
            }
        }
    )*};
}

tagging! {
    RoleTags: tag_role, untag_role, role_name;
    UserTags: tag_user, untag_user, user_name;
    PolicyTags: tag_policy, untag_policy, policy_arn;
    InstanceProfileTags: tag_instance_profile, untag_instance_profile, instance_profile_name;
    OidcProviderTags: tag_open_id_connect_provider, untag_open_id_connect_provider, open_id_connect_provider_arn;
}
