//! What Route 53's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (
            Class::NotFound,
            &[
                "NoSuchHostedZone",
                "NoSuchHealthCheck",
                "NoSuchQueryLoggingConfig",
            ],
        ),
        (Class::AlreadyExists, &["QueryLoggingConfigAlreadyExists"]),
        (Class::InUse, &["LastVPCAssociation"]),
        (
            Class::Busy,
            &["HealthCheckVersionMismatch", "PriorRequestNotComplete"],
        ),
        (Class::Protected, &["HostedZoneNotEmpty"]),
    ],
    special: &[
        (
            Class::NotYetConsistent,
            "route53:CreateHostedZone",
            "InvalidVPCId",
            "",
        ),
        (
            Class::NotYetConsistent,
            "route53:AssociateVPCWithHostedZone",
            "InvalidVPCId",
            "",
        ),
        // A resource policy that was written a moment ago.
        (
            Class::NotYetConsistent,
            "route53:CreateQueryLoggingConfig",
            "InsufficientCloudWatchLogsResourcePolicy",
            "",
        ),
        (
            Class::NotYetConsistent,
            "route53:CreateQueryLoggingConfig",
            "NoSuchCloudWatchLogsLogGroup",
            "",
        ),
        // One code for everything that can be wrong with a change of records.
        (
            Class::AlreadyExists,
            "route53:ChangeResourceRecordSets",
            "InvalidChangeBatch",
            "but it already exists",
        ),
        (
            Class::NotFound,
            "route53:ChangeResourceRecordSets",
            "InvalidChangeBatch",
            "but it was not found",
        ),
        (
            Class::Busy,
            "route53:ChangeResourceRecordSets",
            "InvalidChangeBatch",
            "do not match the current values",
        ),
    ],
};
