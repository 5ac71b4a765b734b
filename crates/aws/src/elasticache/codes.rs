//! What ElastiCache's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (
            Class::NotFound,
            &[
                "ReplicationGroupNotFoundFault",
                "CacheClusterNotFound",
                "CacheSubnetGroupNotFoundFault",
                "CacheParameterGroupNotFound",
                "TagNotFound",
                "SnapshotNotFoundFault",
            ],
        ),
        (
            Class::AlreadyExists,
            &[
                "ReplicationGroupAlreadyExists",
                "CacheSubnetGroupAlreadyExists",
                "CacheParameterGroupAlreadyExists",
                "SnapshotAlreadyExistsFault",
            ],
        ),
        (
            Class::InUse,
            &[
                "CacheSubnetGroupInUse",
                "InvalidCacheParameterGroupState",
                "SubnetInUse",
            ],
        ),
        (
            Class::Busy,
            &[
                "InvalidReplicationGroupState",
                "InvalidCacheClusterState",
                "InvalidUserGroupState",
            ],
        ),
        (
            Class::Limit,
            &[
                "ClusterQuotaForCustomerExceeded",
                "NodeQuotaForClusterExceeded",
                "NodeQuotaForCustomerExceeded",
                "TagQuotaPerResourceExceeded",
            ],
        ),
        (Class::Capacity, &["InsufficientCacheClusterCapacity"]),
    ],
    special: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::classify;

    #[test]
    fn codes_mean_what_the_service_says() {
        let table = [
            (
                Class::Busy,
                "elasticache:ModifyReplicationGroup",
                "InvalidReplicationGroupState",
                "Replication group must be in available state to modify.",
            ),
            (
                Class::NotFound,
                "elasticache:DescribeReplicationGroups",
                "ReplicationGroupNotFoundFault",
                "ReplicationGroup example not found.",
            ),
            (
                Class::InUse,
                "elasticache:DeleteCacheParameterGroup",
                "InvalidCacheParameterGroupState",
                "Some clusters are using parameter group example",
            ),
        ];
        for (expected, operation, code, message) in table {
            let class = classify(operation, Some(code), message, 400);
            assert_eq!(class, expected, "{operation} {code}");
        }
    }
}
