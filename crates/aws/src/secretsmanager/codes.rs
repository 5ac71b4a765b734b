//! What Secrets Manager's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[],
    special: &[
        (
            Class::Busy,
            "secretsmanager:CreateSecret",
            "InvalidRequestException",
            "being deleted",
        ),
        (
            Class::Busy,
            "secretsmanager:CreateSecret",
            "InvalidRequestException",
            "scheduled for deletion",
        ),
        (
            Class::NotYetConsistent,
            "secretsmanager:PutResourcePolicy",
            "MalformedPolicyDocumentException",
            "rincipal",
        ),
        (
            Class::NotYetConsistent,
            "secretsmanager:RotateSecret",
            "AccessDeniedException",
            "cannot invoke the specified Lambda function",
        ),
    ],
};
