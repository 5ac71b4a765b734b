//! What CodeBuild's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[(Class::Limit, &["AccountLimitExceededException"])],
    special: &[
        (
            Class::NotYetConsistent,
            "codebuild:",
            "InvalidInputException",
            "ot authorized to perform",
        ),
        // The role of the project is not known to have the permission yet.
        (
            Class::NotYetConsistent,
            "codebuild:CreateWebhook",
            "InvalidInputException",
            "Access denied to connection",
        ),
    ],
};
