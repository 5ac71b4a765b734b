//! What CloudFront's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (
            Class::NotFound,
            &[
                "NoSuchDistribution",
                "NoSuchOriginAccessControl",
                "NoSuchCachePolicy",
                "NoSuchOriginRequestPolicy",
                "NoSuchResponseHeadersPolicy",
                "NoSuchResource",
                "EntityNotFound",
            ],
        ),
        (
            Class::InUse,
            &[
                "OriginAccessControlInUse",
                "CachePolicyInUse",
                "OriginRequestPolicyInUse",
                "ResponseHeadersPolicyInUse",
                "CannotDeleteEntityWhileInUse",
            ],
        ),
        (
            Class::Busy,
            &["DistributionNotDisabled", "InvalidIfMatchVersion"],
        ),
        (Class::Protected, &["CannotUpdateEntityWhileInUse"]),
    ],
    special: &[
        (
            Class::NotYetConsistent,
            "cloudfront:",
            "InvalidLambdaFunctionAssociation",
            "must be assumable with edgelambda",
        ),
        // A new certificate, web ACL or VPC takes a while to be known there.
        (
            Class::NotYetConsistent,
            "cloudfront:CreateDistribution",
            "InvalidViewerCertificate",
            "",
        ),
        (
            Class::NotYetConsistent,
            "cloudfront:CreateDistribution",
            "InvalidWebACLId",
            "",
        ),
        // Somebody changed it in between: the next try reads the version again.
        (Class::Busy, "cloudfront:", "PreconditionFailed", ""),
        (
            Class::Busy,
            "cloudfront:DeleteVpcOrigin",
            "IllegalDelete",
            "",
        ),
        (
            Class::Busy,
            "cloudfront:UpdateVpcOrigin",
            "IllegalUpdate",
            "",
        ),
        // An alias of another distribution; this one is not there.
        (Class::Invalid, "cloudfront:", "CNAMEAlreadyExists", ""),
    ],
};
