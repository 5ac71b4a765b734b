//! What SNS's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (Class::Busy, &["ConcurrentAccess", "StaleTag"]),
        (
            Class::Limit,
            &["TopicLimitExceeded", "SubscriptionLimitExceeded"],
        ),
    ],
    special: &[
        // A topic or a subscription of that name has other settings than this creation asks for.
        (
            Class::AlreadyExists,
            "sns:CreateTopic",
            "InvalidParameter",
            "already exists with different",
        ),
        (
            Class::AlreadyExists,
            "sns:Subscribe",
            "InvalidParameter",
            "already exists with different",
        ),
        (
            Class::NotYetConsistent,
            "sns:",
            "InvalidParameter",
            "rincipal",
        ),
    ],
};
