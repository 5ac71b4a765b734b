//! What AWS Backup's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[],
    special: &[
        (
            Class::NotYetConsistent,
            "backup:",
            "InvalidParameterValueException",
            "cannot be assumed by AWS Backup",
        ),
        (
            Class::NotYetConsistent,
            "backup:",
            "InvalidParameterValueException",
            "is not authorized to call",
        ),
        (
            Class::NotFound,
            "backup:",
            "InvalidParameterValueException",
            "Cannot find Backup plan",
        ),
        (
            Class::InUse,
            "backup:DeleteBackupPlan",
            "InvalidRequestException",
            "selections must be deleted",
        ),
        (
            Class::Protected,
            "backup:DeleteBackupVault",
            "InvalidRequestException",
            "",
        ),
    ],
};
