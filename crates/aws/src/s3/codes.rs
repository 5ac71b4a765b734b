//! What S3's codes mean.

use platctl_engine::Class;

use crate::errors::Codes;

/// Of all operations, and of single ones.
pub(crate) const CODES: Codes = Codes {
    classes: &[
        (
            Class::NotFound,
            &[
                "NoSuchBucket",
                "NoSuchKey",
                "NoSuchCORSConfiguration",
                "NoSuchLifecycleConfiguration",
                "NoSuchTagSet",
                "ObjectLockConfigurationNotFoundError",
                "OwnershipControlsNotFoundError",
                "NoSuchBucketPolicy",
                "NoSuchPublicAccessBlockConfiguration",
                "ServerSideEncryptionConfigurationNotFoundError",
            ],
        ),
        (
            Class::AlreadyExists,
            &["BucketAlreadyOwnedByYou", "BucketAlreadyExists"],
        ),
        (Class::Busy, &["OperationAborted"]),
        (Class::Limit, &["TooManyBuckets"]),
        (Class::Protected, &["BucketNotEmpty"]),
    ],
    special: &[
        (
            Class::NotYetConsistent,
            "s3:PutBucketPolicy",
            "MalformedPolicy",
            "Invalid principal in policy",
        ),
        (
            Class::NotYetConsistent,
            "s3:PutBucketNotification",
            "InvalidArgument",
            "Unable to validate the following destination",
        ),
    ],
};
