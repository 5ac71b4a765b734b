//! What AWS's codes mean, as tables: here those of many services; each service has its own in its folder.

use platctl_engine::Class;

/// What the codes of a service mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codes {
    /// Codes that mean the same for every operation. The code is the one on the wire, not the model's name.
    pub(crate) classes: &'static [(Class, &'static [&'static str])],
    /// Codes that mean something else for some operation: operation, code, a part of the message.
    pub(crate) special: &'static [(Class, &'static str, &'static str, &'static str)],
}

/// Of a service whose codes are all among those of many services.
pub(crate) const NONE: Codes = Codes {
    classes: &[],
    special: &[],
};

/// The codes of many services.
pub(super) const COMMON: &[(Class, &[&str])] = &[
    (
        Class::Throttled,
        &[
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "Throttled",
            "RequestThrottledException",
            "RequestThrottled",
            "TooManyRequestsException",
            "TooManyRequests",
            "RequestLimitExceeded",
            "BandwidthLimitExceeded",
            "SlowDown",
            "ProvisionedThroughputExceededException",
            "TransactionInProgressException",
        ],
    ),
    (
        Class::NotFound,
        &[
            "ResourceNotFound",
            "NotFound",
            "NotFoundException",
            "ResourceNotFoundException",
        ],
    ),
    (
        Class::AlreadyExists,
        &[
            "ResourceExistsException",
            "AlreadyExistsException",
            "ResourceAlreadyExistsException",
        ],
    ),
    (Class::InUse, &["ResourceInUseException"]),
    (
        Class::Busy,
        &[
            "ConcurrentModification",
            "ConcurrentModificationException",
            "OperationInProgress",
            "ConflictException",
        ],
    ),
    (
        Class::Limit,
        &[
            "ResourceLimitExceededException",
            "ResourceLimitExceeded",
            "LimitExceeded",
            // In the SDKs' list of throttling codes, but here it means that a quota is reached.
            "LimitExceededException",
        ],
    ),
    (
        Class::Denied,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
            "OptInRequired",
            "AuthorizationError",
        ],
    ),
    (
        Class::Unauthenticated,
        &[
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "InvalidSignature",
            "InvalidAccessKeyId",
            "InvalidToken",
            "TokenRefreshRequired",
            "RequestExpired",
            // A clock that is wrong makes every signature invalid.
            "RequestTimeTooSkewed",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "IncompleteSignature",
            "IncompleteSignatureException",
            // EC2's own; while an address is released it means something else.
            "AuthFailure",
        ],
    ),
    (Class::Capacity, &["InsufficientCapacity"]),
    (
        Class::Interrupted,
        &[
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServiceError",
            "ServiceFailure",
            "ServiceUnavailable",
            "Unavailable",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServiceUnavailableException",
        ],
    ),
];

/// Operations that make something out of things which may have been made a moment ago: that such a thing
/// is not found means that it is not visible yet.
pub(super) const CREATIONS: &[&str] = &[
    "Create",
    "Associate",
    "Attach",
    "Allocate",
    "Authorize",
    "Put",
    "Modify",
    "Replace",
    "Enable",
];
