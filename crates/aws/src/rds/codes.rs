//! What RDS's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (
            Class::NotFound,
            &[
                "DBClusterNotFoundFault",
                "DBInstanceNotFound",
                "DBSubnetGroupNotFoundFault",
                "DBParameterGroupNotFound",
                "DBClusterParameterGroupNotFound",
                "DBClusterSnapshotNotFoundFault",
                "GlobalClusterNotFoundFault",
                "SubscriptionNotFound",
            ],
        ),
        (
            Class::AlreadyExists,
            &[
                "DBClusterAlreadyExistsFault",
                "DBInstanceAlreadyExists",
                "DBSubnetGroupAlreadyExists",
                "DBParameterGroupAlreadyExists",
                "DBClusterSnapshotAlreadyExistsFault",
                "GlobalClusterAlreadyExistsFault",
                "SubscriptionAlreadyExist",
            ],
        ),
        (
            Class::InUse,
            &[
                "InvalidDBSubnetGroupStateFault",
                "InvalidDBParameterGroupState",
                "SubnetAlreadyInUse",
                "InvalidGlobalClusterStateFault",
            ],
        ),
        (
            Class::Busy,
            &[
                "InvalidDBClusterStateFault",
                "InvalidDBInstanceState",
                "InvalidDBClusterSnapshotStateFault",
                "InvalidEventSubscriptionState",
            ],
        ),
        (
            Class::Limit,
            &[
                "DBClusterQuotaExceededFault",
                "InstanceQuotaExceeded",
                "DBSubnetGroupQuotaExceeded",
                "DBParameterGroupQuotaExceeded",
                "SnapshotQuotaExceeded",
                "EventSubscriptionQuotaExceeded",
            ],
        ),
        (
            Class::Capacity,
            &[
                "InsufficientDBInstanceCapacity",
                "InsufficientDBClusterCapacityFault",
                "InsufficientStorageClusterCapacity",
            ],
        ),
    ],
    special: &[
        (
            Class::NotYetConsistent,
            "rds:",
            "InvalidParameterValue",
            "IAM role ARN value is invalid",
        ),
        // A policy of a topic or of its key that was written a moment ago.
        (
            Class::NotYetConsistent,
            "rds:CreateEventSubscription",
            "SNSNoAuthorization",
            "",
        ),
    ],
};
