//! What WAF's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (Class::NotFound, &["WAFNonexistentItemException"]),
        (Class::AlreadyExists, &["WAFDuplicateItemException"]),
        (Class::InUse, &["WAFAssociatedItemException"]),
        (Class::Busy, &["WAFOptimisticLockException"]),
        (Class::Limit, &["WAFLimitsExceededException"]),
    ],
    special: &[
        // WAF's own things take minutes to reach its other servers; so does a new load balancer.
        (
            Class::NotYetConsistent,
            "wafv2:",
            "WAFUnavailableEntityException",
            "",
        ),
    ],
};
