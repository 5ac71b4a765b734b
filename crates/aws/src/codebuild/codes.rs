//! What CodeBuild's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[(Class::Limit, &["AccountLimitExceededException"])],
    special: &[(
        Class::NotYetConsistent,
        "codebuild:",
        "InvalidInputException",
        "ot authorized to perform",
    )],
};
