//! From a code to its class.

use platctl_engine::Class;

use super::codes::{CODES, CREATIONS, SPECIAL};

/// What a code means.
#[must_use]
pub fn classify(operation: &str, code: Option<&str>, message: &str, status: u16) -> Class {
    let Some(code) = code else {
        return by_status(status);
    };
    let special = SPECIAL.iter().find(|(_, prefix, its_code, part)| {
        operation.starts_with(prefix) && *its_code == code && message.contains(part)
    });
    if let Some((class, ..)) = special {
        return *class;
    }
    let known = CODES
        .iter()
        .find(|(_, codes)| codes.contains(&code))
        .map(|(class, _)| *class);
    let class = known.unwrap_or_else(|| by_shape(code, status));
    match class {
        Class::Throttled => class,
        // Whatever its code says: after a failure of the service itself, nobody knows what it did before.
        _ if status >= 500 => Class::Interrupted,
        Class::NotFound if makes_something(operation) => Class::NotYetConsistent,
        class => class,
    }
}

fn makes_something(operation: &str) -> bool {
    let verb = operation
        .split_once(':')
        .map_or(operation, |(_, verb)| verb);
    CREATIONS.iter().any(|prefix| verb.starts_with(prefix))
}

/// Codes that no table lists follow patterns.
fn by_shape(code: &str, status: u16) -> Class {
    if code.ends_with(".NotFound") {
        Class::NotFound
    } else if code.contains("Throttl") {
        Class::Throttled
    } else if code.starts_with("TooMany")
        || ["LimitExceeded", "QuotaExceeded"].iter().any(|what| {
            ["", "Fault", "Exception"]
                .iter()
                .any(|end| code.ends_with(&format!("{what}{end}")))
        })
    {
        Class::Limit
    } else if code.starts_with("Insufficient") && code.contains("Capacity") {
        Class::Capacity
    } else if code.ends_with(".Duplicate") || code.ends_with("AlreadyExists") {
        Class::AlreadyExists
    } else if code.starts_with("Invalid")
        || code.starts_with("Malformed")
        || code.starts_with("Validation")
    {
        Class::Invalid
    } else {
        by_status(status)
    }
}

const fn by_status(status: u16) -> Class {
    match status {
        404 => Class::NotFound,
        401 | 403 => Class::Denied,
        429 => Class::Throttled,
        500..=599 => Class::Interrupted,
        400..=499 => Class::Invalid,
        _ => Class::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(operation: &str, code: &str, message: &str) -> Class {
        classify(operation, Some(code), message, 400)
    }

    #[test]
    fn codes_mean_what_the_contract_says() {
        let table = [
            (Class::Limit, "kms:CreateKey", "LimitExceededException", ""),
            (
                Class::Throttled,
                "ec2:DescribeVpcs",
                "RequestLimitExceeded",
                "",
            ),
            (Class::Limit, "ec2:CreateVpc", "VpcLimitExceeded", ""),
            (
                Class::NotFound,
                "ec2:DeleteVpc",
                "InvalidVpcID.NotFound",
                "",
            ),
            (
                Class::NotYetConsistent,
                "ec2:CreateRoute",
                "InvalidNatGatewayID.NotFound",
                "",
            ),
            (
                Class::NotYetConsistent,
                "ec2:CreateFlowLogs",
                "InvalidParameter",
                "Unable to assume given IAM role",
            ),
            (
                Class::Invalid,
                "ec2:CreateFlowLogs",
                "InvalidParameter",
                "no such traffic type",
            ),
            (
                Class::NotYetConsistent,
                "ec2:CreateFlowLogs",
                "400",
                "LogDestination: prod-flow-logs does not exist",
            ),
            (
                Class::NotYetConsistent,
                "eks:CreateCluster",
                "InvalidParameterException",
                "roleArn, arn:aws:iam::123456789012:role/eks, does not exist",
            ),
            (
                Class::AlreadyExists,
                "sns:CreateTopic",
                "InvalidParameter",
                "Invalid parameter: Tags Reason: Topic already exists with different tags",
            ),
            (
                Class::AlreadyExists,
                "sns:Subscribe",
                "InvalidParameter",
                "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
            ),
            (
                Class::Busy,
                "secretsmanager:CreateSecret",
                "InvalidRequestException",
                "a secret with this name is already scheduled for deletion",
            ),
            (
                Class::InUse,
                "ec2:ReleaseAddress",
                "AuthFailure",
                "You do not have permission",
            ),
            (Class::InUse, "iam:DeleteRole", "DeleteConflict", ""),
            (
                Class::AlreadyExists,
                "iam:CreateRole",
                "EntityAlreadyExists",
                "",
            ),
            (
                Class::Unauthenticated,
                "sts:GetCallerIdentity",
                "ExpiredToken",
                "",
            ),
            (
                Class::Unauthenticated,
                "kms:CreateKey",
                "InvalidSignatureException",
                "Signature expired",
            ),
            (
                Class::Unauthenticated,
                "s3:GetObject",
                "RequestTimeTooSkewed",
                "",
            ),
            (
                Class::Unauthenticated,
                "ec2:DescribeVpcs",
                "RequestExpired",
                "",
            ),
            (Class::Unauthenticated, "s3:GetObject", "InvalidToken", ""),
            (
                Class::Unauthenticated,
                "iam:GetRole",
                "InvalidClientTokenId",
                "",
            ),
            (
                Class::Unauthenticated,
                "eks:DescribeCluster",
                "UnrecognizedClientException",
                "",
            ),
            (
                Class::Unauthenticated,
                "ec2:DescribeVpcs",
                "AuthFailure",
                "",
            ),
            (
                Class::Throttled,
                "logs:CreateLogGroup",
                "TransactionInProgressException",
                "",
            ),
            (Class::Throttled, "s3:PutObject", "TooManyRequests", ""),
            (
                Class::Throttled,
                "eks:CreateCluster",
                "SomeThrottlingNobodyListed",
                "",
            ),
            (
                Class::Limit,
                "eks:CreateCluster",
                "ResourceLimitExceededException",
                "",
            ),
            (
                Class::Limit,
                "rds:CreateDBSubnetGroup",
                "DBSubnetQuotaExceededFault",
                "",
            ),
            (
                Class::Limit,
                "rds:CreateGlobalCluster",
                "GlobalClusterQuotaExceededFault",
                "",
            ),
            (
                Class::Limit,
                "rds:CreateDBInstance",
                "StorageQuotaExceeded",
                "",
            ),
            (
                Class::Limit,
                "codepipeline:CreatePipeline",
                "ConcurrentSomethingLimitExceededException",
                "",
            ),
            (
                Class::Capacity,
                "rds:CreateDBInstance",
                "InsufficientDBInstanceCapacity",
                "",
            ),
            (
                Class::Capacity,
                "eks:CreateCluster",
                "InsufficientFreeAddresses",
                "",
            ),
            (
                Class::Capacity,
                "eks:CreateCluster",
                "UnsupportedAvailabilityZoneException",
                "",
            ),
            (
                Class::Capacity,
                "ec2:RunInstances",
                "InsufficientReservedInstanceCapacity",
                "",
            ),
            (
                Class::NotYetConsistent,
                "sns:SetTopicAttributes",
                "InvalidParameter",
                "Invalid parameter: Policy Error: PrincipalNotFound",
            ),
            (
                Class::Invalid,
                "sns:SetTopicAttributes",
                "InvalidParameter",
                "Invalid parameter: DisplayName",
            ),
            (
                Class::NotFound,
                "sqs:GetQueueAttributes",
                "AWS.SimpleQueueService.NonExistentQueue",
                "",
            ),
            (
                Class::Busy,
                "sqs:CreateQueue",
                "AWS.SimpleQueueService.QueueDeletedRecently",
                "You must wait 60 seconds",
            ),
            (
                Class::AlreadyExists,
                "sqs:CreateQueue",
                "QueueAlreadyExists",
                "",
            ),
            (
                Class::NotYetConsistent,
                "sqs:SetQueueAttributes",
                "InvalidAttributeValue",
                "Invalid value for the parameter Policy.",
            ),
            (
                Class::Invalid,
                "sqs:SetQueueAttributes",
                "InvalidAttributeValue",
                "Invalid value for the parameter DelaySeconds.",
            ),
            (
                Class::NotYetConsistent,
                "sqs:CreateQueue",
                "InvalidParameterValue",
                "Value {} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
            ),
            (
                Class::NotYetConsistent,
                "ecr:SetRepositoryPolicy",
                "InvalidParameterException",
                "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Principal not found'",
            ),
            (
                Class::NotYetConsistent,
                "secretsmanager:PutResourcePolicy",
                "MalformedPolicyDocumentException",
                "This resource policy contains an unsupported principal",
            ),
            (
                Class::NotYetConsistent,
                "s3:PutBucketNotificationConfiguration",
                "InvalidArgument",
                "Unable to validate the following destination configurations",
            ),
            (
                Class::Invalid,
                "s3:PutBucketNotificationConfiguration",
                "InvalidArgument",
                "no such event",
            ),
            (
                Class::NotYetConsistent,
                "codebuild:CreateProject",
                "InvalidInputException",
                "Not authorized to perform DescribeSecurityGroups",
            ),
        ];
        for (expected, operation, code, message) in table {
            assert_eq!(
                class(operation, code, message),
                expected,
                "{operation} {code}"
            );
        }
    }

    #[test]
    fn no_code_is_in_two_classes() {
        let mut all: Vec<&str> = CODES
            .iter()
            .flat_map(|(_, codes)| codes.iter().copied())
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn server_errors_without_a_code_leave_the_effect_unknown() {
        assert_eq!(classify("ec2:CreateVpc", None, "", 503), Class::Interrupted);
        assert_eq!(classify("s3:HeadBucket", None, "", 404), Class::NotFound);
    }

    #[test]
    fn a_failure_of_the_service_leaves_the_effect_unknown_whatever_its_code() {
        for (code, status) in [
            ("KMSInternalException", 500),
            ("DependencyTimeoutException", 503),
            ("ServiceUnavailableException", 503),
            ("ConflictException", 500),
            ("ResourceNotFoundException", 500),
            ("NobodyKnowsThisException", 502),
        ] {
            assert_eq!(
                classify("kms:CreateKey", Some(code), "", status),
                Class::Interrupted,
                "{code}"
            );
        }
        for code in [
            "RequestLimitExceeded",
            "SlowDown",
            "Throttling",
            "ThrottlingException",
        ] {
            assert_eq!(
                classify("kms:CreateKey", Some(code), "", 503),
                Class::Throttled,
                "{code}"
            );
        }
    }
}
