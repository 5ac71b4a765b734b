//! What IAM's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (Class::NotFound, &["NoSuchEntity"]),
        (Class::AlreadyExists, &["EntityAlreadyExists"]),
        (Class::InUse, &["DeleteConflict"]),
        (Class::Busy, &["EntityTemporarilyUnmodifiable"]),
        (Class::Denied, &["UnmodifiableEntity"]),
    ],
    special: &[
        (
            Class::NotYetConsistent,
            "iam:",
            "MalformedPolicyDocument",
            "Invalid principal in policy",
        ),
        (
            Class::AlreadyExists,
            "iam:CreateServiceLinkedRole",
            "InvalidInput",
            "has been taken",
        ),
        // The issuer of a new cluster is not reachable at once.
        (
            Class::NotYetConsistent,
            "iam:CreateOpenIDConnectProvider",
            "OpenIdIdpCommunicationError",
            "",
        ),
    ],
};
