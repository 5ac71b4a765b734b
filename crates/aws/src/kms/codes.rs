//! What KMS's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[(
        Class::Interrupted,
        &[
            // Failures of KMS itself.
            "KMSInternalException",
            "DependencyTimeoutException",
        ],
    )],
    special: &[
        (
            Class::NotYetConsistent,
            "kms:",
            "MalformedPolicyDocumentException",
            "invalid principals",
        ),
        (
            Class::Busy,
            "kms:",
            "KMSInvalidStateException",
            "is pending import",
        ),
    ],
};
