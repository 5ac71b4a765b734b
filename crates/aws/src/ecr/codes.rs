//! What ECR's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (
            Class::NotFound,
            &[
                "RepositoryPolicyNotFoundException",
                "LifecyclePolicyNotFoundException",
                "RepositoryNotFoundException",
            ],
        ),
        (Class::AlreadyExists, &["RepositoryAlreadyExistsException"]),
    ],
    special: &[
        (
            Class::Protected,
            "ecr:DeleteRepository",
            "RepositoryNotEmptyException",
            "",
        ),
        (
            Class::NotYetConsistent,
            "ecr:SetRepositoryPolicy",
            "InvalidParameterException",
            "rincipal not found",
        ),
        (
            Class::NotYetConsistent,
            "ecr:SetRepositoryPolicy",
            "InvalidParameterException",
            "nvalid repository policy",
        ),
    ],
};
