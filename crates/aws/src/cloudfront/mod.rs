//! CloudFront: the content delivery network.

mod behaviors;
pub mod cache_key;
pub mod cache_policy;
mod codes;
pub mod distribution;
mod distribution_config;
mod distribution_example;
pub mod headers;
mod kept;
pub mod origin_access_control;
mod origins;
pub mod response_headers_policy;
mod secrets;
mod settings;
pub mod vpc_origin;

pub(crate) use codes::CODES;

pub use behaviors::Behavior;
pub use origins::{CustomOrigin, HeaderValue, Origin, VpcOriginConfig};
pub use settings::{CustomErrorResponse, GeoRestriction, Logging, ViewerCertificate};

use aws_sdk_cloudfront::types::{Tag, TagKeys};
use aws_smithy_types::error::operation::BuildError;
use platctl_engine::{Class, CloudError, CloudResult};
use serde::{Deserialize, Serialize};

use crate::Cloud;
use crate::errors::Ask;
use crate::tags::{TagEdits, Tags};

/// The name of an HTTP header. Names are not case-sensitive and are stored in lower case.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(from = "String")]
pub struct HeaderName(String);

impl HeaderName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for HeaderName {
    fn from(text: &str) -> Self {
        Self(text.to_ascii_lowercase())
    }
}

impl From<String> for HeaderName {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// A list as CloudFront takes it: with its length, and without items when there are none.
macro_rules! listed {
    ($type:ty, $items:expr) => {{
        let items: Vec<_> = $items;
        let quantity = $crate::cloudfront::quantity(items.len());
        let list = <$type>::builder()
            .quantity(quantity)
            .set_items(Some(items).filter(|items| !items.is_empty()));
        $crate::cloudfront::built(list.build())
    }};
}
pub(crate) use listed;

pub(crate) fn quantity(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// What was built of a spec, or what it lacks.
pub(crate) fn built<T>(result: Result<T, BuildError>) -> CloudResult<T> {
    result.map_err(|error| CloudError::new(Class::Invalid, "cloudfront", error.to_string()))
}

/// What the answer has to contain.
pub(crate) fn present<T>(operation: &str, part: Option<T>) -> CloudResult<T> {
    part.ok_or_else(|| CloudError::new(Class::Interrupted, operation, "the response is incomplete"))
}

pub(crate) fn tag_list(tags: Tags) -> CloudResult<aws_sdk_cloudfront::types::Tags> {
    let tag = |(key, value)| built(Tag::builder().key(key).value(value).build());
    let items = tags.into_iter().map(tag).collect::<CloudResult<_>>()?;
    Ok(aws_sdk_cloudfront::types::Tags::builder()
        .set_items(Some(items))
        .build())
}

/// All tags of something; none when it is gone.
pub(crate) async fn read_tags(cloud: &Cloud, arn: &str) -> CloudResult<Option<Tags>> {
    let call = cloud.cloudfront.list_tags_for_resource().resource(arn);
    let answer = match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    let tags = answer
        .tags()
        .map(aws_sdk_cloudfront::types::Tags::items)
        .unwrap_or_default();
    let pair = |tag: &Tag| {
        (
            tag.key().to_owned(),
            tag.value().unwrap_or_default().to_owned(),
        )
    };
    Ok(Some(tags.iter().map(pair).collect()))
}

pub(crate) async fn sync_tags(cloud: &Cloud, arn: &str, edits: TagEdits) -> CloudResult<()> {
    if !edits.set.is_empty() {
        let call = cloud
            .cloudfront
            .tag_resource()
            .resource(arn)
            .tags(tag_list(edits.set)?);
        call.send().ask().await?;
    }
    if !edits.remove.is_empty() {
        let keys = TagKeys::builder().set_items(Some(edits.remove)).build();
        let call = cloud
            .cloudfront
            .untag_resource()
            .resource(arn)
            .tag_keys(keys);
        call.send().ask().await?;
    }
    Ok(())
}

/// Texts of a list that may be missing.
pub(crate) fn texts<T: AsRef<str>, C: FromIterator<String>>(items: &[T]) -> C {
    items.iter().map(|item| item.as_ref().to_owned()).collect()
}
