//! What EventBridge's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[],
    special: &[
        (
            Class::InUse,
            "events:DeleteRule",
            "ValidationException",
            "since it has targets",
        ),
        (
            Class::NotYetConsistent,
            "events:",
            "ValidationException",
            "is not able to assume",
        ),
        (
            Class::NotYetConsistent,
            "events:",
            "ValidationException",
            "to assume the role",
        ),
    ],
};
