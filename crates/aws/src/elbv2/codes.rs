//! What Elastic Load Balancing's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (
            Class::NotFound,
            &[
                "LoadBalancerNotFound",
                "TargetGroupNotFound",
                "ListenerNotFound",
                "RuleNotFound",
                "CertificateNotFound",
            ],
        ),
        (
            Class::AlreadyExists,
            &[
                "DuplicateLoadBalancerName",
                "DuplicateTargetGroupName",
                "DuplicateListener",
                "PriorityInUse",
            ],
        ),
        (Class::InUse, &["ResourceInUse"]),
        (
            Class::Limit,
            &[
                "TooManyLoadBalancers",
                "TooManyTargetGroups",
                "TooManyListeners",
                "TooManyRules",
                "TooManyCertificates",
                "TooManyActions",
                "TooManyTargets",
                "TooManyUniqueTargetGroupsPerLoadBalancer",
            ],
        ),
        (Class::Protected, &["OperationNotPermitted"]),
    ],
    special: &[
        (
            Class::NotYetConsistent,
            "elasticloadbalancing:RegisterTargets",
            "AccessDenied",
            "principal does not have permission",
        ),
        // A certificate is not ready to be named until it is issued, and for a moment longer.
        (
            Class::NotYetConsistent,
            "elasticloadbalancing:",
            "UnsupportedCertificate",
            "",
        ),
    ],
};
