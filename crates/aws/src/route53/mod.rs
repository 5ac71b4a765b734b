//! Route 53: names.

mod codes;
pub mod health_check;
pub mod hosted_zone;
pub mod query_logging_config;
pub mod record_set;
mod records;
mod tags;
mod texts;

pub(crate) use codes::CODES;
pub(crate) use records::{change as change_records, read as read_records};
pub(crate) use texts::unquoted;

use aws_smithy_types::error::operation::BuildError;
use platctl_engine::{Class, CloudError, CloudResult};

/// What was built of a spec, or what it lacks.
pub(crate) fn built<T>(result: Result<T, BuildError>) -> CloudResult<T> {
    result.map_err(|error| CloudError::new(Class::Invalid, "route53", error.to_string()))
}
