//! What CodePipeline's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (Class::NotFound, &["PipelineNotFoundException"]),
        (Class::AlreadyExists, &["PipelineNameInUseException"]),
    ],
    special: &[(
        Class::NotYetConsistent,
        "codepipeline:",
        "InvalidStructureException",
        "not authorized to perform AssumeRole",
    )],
};
