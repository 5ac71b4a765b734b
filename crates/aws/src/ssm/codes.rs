//! What Systems Manager's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (Class::NotFound, &["ParameterNotFound", "InvalidResourceId"]),
        (Class::AlreadyExists, &["ParameterAlreadyExists"]),
        (Class::Busy, &["TooManyUpdates"]),
        (Class::Limit, &["ParameterLimitExceeded"]),
    ],
    special: &[],
};
