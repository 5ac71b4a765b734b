//! What EKS's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[(
        Class::Capacity,
        &[
            "InsufficientFreeAddresses",
            "UnsupportedAvailabilityZoneException",
        ],
    )],
    special: &[
        (
            Class::NotYetConsistent,
            "eks:Create",
            "InvalidParameterException",
            "could not be assumed",
        ),
        (
            Class::NotYetConsistent,
            "eks:Create",
            "InvalidParameterException",
            "roleArn, ",
        ),
        (
            Class::NotYetConsistent,
            "eks:Create",
            "InvalidParameterException",
            "trusted entity is not correct",
        ),
        (
            Class::NotYetConsistent,
            "eks:Create",
            "InvalidParameterException",
            "Error in role params",
        ),
        (
            Class::NotYetConsistent,
            "eks:Create",
            "InvalidParameterException",
            "EKS Managed Policies",
        ),
        (
            Class::NotYetConsistent,
            "eks:Create",
            "InvalidParameterException",
            "IAM role's policy must include",
        ),
        (
            Class::NotYetConsistent,
            "eks:Create",
            "InvalidParameterException",
            "KeyArn in encryptionConfig",
        ),
        (
            Class::NotYetConsistent,
            "eks:Create",
            "InvalidParameterException",
            "service principals",
        ),
        (
            Class::NotYetConsistent,
            "eks:Create",
            "InvalidParameterException",
            "PodExecutionRole Trust Policy",
        ),
        (
            Class::NotYetConsistent,
            "eks:Create",
            "InvalidParameterException",
            "principalArn is invalid",
        ),
        // EKS has one code for names that are taken, for updates under way, and for what others hold.
        (
            Class::NotFound,
            "eks:Describe",
            "ClientException",
            "No cluster found",
        ),
        (Class::Busy, "eks:", "ResourceInUseException", "in progress"),
        // What is asked for is so already: an earlier call, whose answer was lost, has begun it.
        (
            Class::AlreadyExists,
            "eks:UpdateClusterConfig",
            "InvalidParameterException",
            "No changes needed",
        ),
        (
            Class::AlreadyExists,
            "eks:Create",
            "ResourceInUseException",
            "already",
        ),
        (
            Class::Protected,
            "eks:DeleteCluster",
            "InvalidRequestException",
            "eletion protection",
        ),
        (
            Class::Busy,
            "eks:",
            "InvalidRequestException",
            "not in ACTIVE",
        ),
        (
            Class::Busy,
            "eks:CreateFargateProfile",
            "InvalidRequestException",
            "deleting",
        ),
        (
            Class::Busy,
            "eks:DeleteFargateProfile",
            "InvalidRequestException",
            "",
        ),
    ],
};
