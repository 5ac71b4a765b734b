//! What CodeCommit's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (
            Class::NotFound,
            &[
                "RepositoryDoesNotExistException",
                "BranchDoesNotExistException",
                "CommitDoesNotExistException",
                "FileDoesNotExistException",
                "FolderDoesNotExistException",
                "ApprovalRuleTemplateDoesNotExistException",
            ],
        ),
        (
            Class::AlreadyExists,
            &[
                "RepositoryNameExistsException",
                "ApprovalRuleTemplateNameAlreadyExistsException",
            ],
        ),
        (Class::InUse, &["ApprovalRuleTemplateInUseException"]),
        (
            Class::Busy,
            &[
                "ParentCommitIdOutdatedException",
                "ConcurrentReferenceUpdateException",
            ],
        ),
        (
            Class::Limit,
            &[
                "RepositoryLimitExceededException",
                "NumberOfRuleTemplatesExceededException",
                "MaximumRuleTemplatesAssociatedWithRepositoryException",
            ],
        ),
    ],
    special: &[],
};
