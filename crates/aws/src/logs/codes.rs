//! What CloudWatch Logs's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[(Class::Busy, &["OperationAbortedException"])],
    special: &[
        // The key's policy may not have reached CloudWatch Logs yet.
        (
            Class::NotYetConsistent,
            "logs:",
            "InvalidParameterException",
            "KMS",
        ),
        (
            Class::AlreadyExists,
            "logs:CreateDelivery",
            "ConflictException",
            "already exists",
        ),
        // Something is still delivered from it, or to it.
        (
            Class::InUse,
            "logs:DeleteDeliverySource",
            "ConflictException",
            "",
        ),
        (
            Class::InUse,
            "logs:DeleteDeliveryDestination",
            "ConflictException",
            "",
        ),
    ],
};
