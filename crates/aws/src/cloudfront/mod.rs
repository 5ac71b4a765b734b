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
mod tags;
pub mod vpc_origin;

pub(crate) use codes::CODES;

pub use behaviors::Behavior;
pub use origins::{CustomOrigin, HeaderValue, Origin, VpcOriginConfig};
pub use settings::{CustomErrorResponse, GeoRestriction, Logging, ViewerCertificate};

use aws_smithy_types::error::operation::BuildError;
use platctl_engine::{Class, CloudError, CloudResult};
use serde::{Deserialize, Serialize};

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

/// Texts of a list that may be missing.
pub(crate) fn texts<T: AsRef<str>, C: FromIterator<String>>(items: &[T]) -> C {
    items.iter().map(|item| item.as_ref().to_owned()).collect()
}
