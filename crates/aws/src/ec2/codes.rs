//! What EC2's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (Class::Throttled, &["EC2ThrottledException"]),
        (
            Class::NotFound,
            &[
                "NatGatewayNotFound",
                "Gateway.NotAttached",
                "InvalidSecurityGroupRuleId.NotFound",
                "InvalidPermission.NotFound",
                "InvalidRoute.NotFound",
            ],
        ),
        (
            Class::AlreadyExists,
            &[
                "InvalidGroup.Duplicate",
                "InvalidPermission.Duplicate",
                "RouteAlreadyExists",
                "FlowLogAlreadyExists",
                "InvalidSubnet.Conflict",
                "Resource.AlreadyAssociated",
            ],
        ),
        (
            Class::InUse,
            &[
                "DependencyViolation",
                "InvalidGroup.InUse",
                "InvalidIPAddress.InUse",
                "InvalidNetworkInterface.InUse",
                "VolumeInUse",
            ],
        ),
        (Class::Busy, &["IncorrectState"]),
        (
            Class::Limit,
            &[
                "VcpuLimitExceeded",
                "VpcLimitExceeded",
                "SubnetLimitExceeded",
                "InternetGatewayLimitExceeded",
                "AddressLimitExceeded",
                "NatGatewayLimitExceeded",
                "RouteTableLimitExceeded",
                "RouteLimitExceeded",
                "SecurityGroupLimitExceeded",
                "RulesPerSecurityGroupLimitExceeded",
                "VpcEndpointLimitExceeded",
                "FlowLogsLimitExceeded",
                "VpcCidrBlockLimitExceeded",
                "SecurityGroupsPerInterfaceLimitExceeded",
                "NetworkInterfaceLimitExceeded",
            ],
        ),
        (
            Class::Capacity,
            &[
                "InsufficientFreeAddressesInSubnet",
                "InsufficientAddressCapacity",
                "InsufficientInstanceCapacity",
            ],
        ),
    ],
    special: &[
        // Of an item, in an answer that succeeded: a bucket or a log group that was made a moment ago.
        (
            Class::NotYetConsistent,
            "ec2:CreateFlowLogs",
            "400",
            "does not exist",
        ),
        // IAM's changes take seconds to minutes to reach other services, which answer like this until then.
        (
            Class::NotYetConsistent,
            "ec2:CreateFlowLogs",
            "InvalidParameter",
            "Unable to assume given IAM role",
        ),
        (
            Class::NotYetConsistent,
            "ec2:",
            "InvalidParameterValue",
            "Invalid IAM Instance Profile",
        ),
        (
            Class::NotFound,
            "ec2:",
            "InvalidLaunchTemplateName.NotFoundException",
            "",
        ),
        (
            Class::NotFound,
            "ec2:",
            "InvalidLaunchTemplateId.VersionNotFound",
            "",
        ),
        (
            Class::AlreadyExists,
            "ec2:",
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "",
        ),
        // An address that a gateway still holds on to looks like somebody else's.
        (Class::InUse, "ec2:ReleaseAddress", "AuthFailure", ""),
    ],
};
