//! What Application Auto Scaling's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (Class::NotFound, &["ObjectNotFoundException"]),
        (Class::Busy, &["ConcurrentUpdateException"]),
    ],
    special: &[(
        Class::NotYetConsistent,
        "application-autoscaling:",
        "ValidationException",
        "Unable to assume IAM role",
    )],
};
