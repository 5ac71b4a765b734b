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
    special: &[(
        Class::NotYetConsistent,
        "rds:",
        "InvalidParameterValue",
        "IAM role ARN value is invalid",
    )],
};
