//! The one place where AWS's error codes become classes.

use aws_credential_types::provider::error::{CredentialsError, TokenError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use platctl_engine::{Class, CloudError, CloudResult, Id};

/// Codes that mean the same for every operation. The code is the one on the wire, not the model's name.
const CODES: &[(Class, &[&str])] = &[
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
            "EC2ThrottledException",
            "ProvisionedThroughputExceededException",
            "TransactionInProgressException",
        ],
    ),
    (
        Class::NotFound,
        &[
            "RepositoryPolicyNotFoundException",
            "LifecyclePolicyNotFoundException",
            "RepositoryNotFoundException",
            "RepositoryDoesNotExistException",
            "BranchDoesNotExistException",
            "CommitDoesNotExistException",
            "FileDoesNotExistException",
            "FolderDoesNotExistException",
            "PipelineNotFoundException",
            "DBClusterNotFoundFault",
            "DBInstanceNotFound",
            "DBSubnetGroupNotFoundFault",
            "DBParameterGroupNotFound",
            "DBClusterParameterGroupNotFound",
            "DBClusterSnapshotNotFoundFault",
            "GlobalClusterNotFoundFault",
            "ObjectNotFoundException",
            "ResourceNotFound",
            "ParameterNotFound",
            "InvalidResourceId",
            "NotFound",
            "NotFoundException",
            "NoSuchEntity",
            "NoSuchBucket",
            "NoSuchKey",
            "ResourceNotFoundException",
            "NatGatewayNotFound",
            "Gateway.NotAttached",
            "NoSuchCORSConfiguration",
            "NoSuchLifecycleConfiguration",
            "NoSuchTagSet",
            "ObjectLockConfigurationNotFoundError",
            "OwnershipControlsNotFoundError",
            "NoSuchBucketPolicy",
            "NoSuchPublicAccessBlockConfiguration",
            "ServerSideEncryptionConfigurationNotFoundError",
            "InvalidSecurityGroupRuleId.NotFound",
            "InvalidPermission.NotFound",
            "InvalidRoute.NotFound",
            "LoadBalancerNotFound",
            "TargetGroupNotFound",
            "ListenerNotFound",
            "RuleNotFound",
            "CertificateNotFound",
            "WAFNonexistentItemException",
            "NoSuchDistribution",
            "NoSuchOriginAccessControl",
            "NoSuchCachePolicy",
            "NoSuchOriginRequestPolicy",
            "NoSuchResponseHeadersPolicy",
            "NoSuchResource",
            "EntityNotFound",
            "NoSuchHostedZone",
            "NoSuchHealthCheck",
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
            "RepositoryAlreadyExistsException",
            "RepositoryNameExistsException",
            "PipelineNameInUseException",
            "ParameterAlreadyExists",
            "ResourceExistsException",
            "EntityAlreadyExists",
            "AlreadyExistsException",
            "ResourceAlreadyExistsException",
            "BucketAlreadyOwnedByYou",
            "BucketAlreadyExists",
            "InvalidGroup.Duplicate",
            "InvalidPermission.Duplicate",
            "RouteAlreadyExists",
            "FlowLogAlreadyExists",
            "InvalidSubnet.Conflict",
            "Resource.AlreadyAssociated",
            "DuplicateLoadBalancerName",
            "DuplicateTargetGroupName",
            "DuplicateListener",
            "PriorityInUse",
            "WAFDuplicateItemException",
        ],
    ),
    (
        Class::InUse,
        &[
            "InvalidDBSubnetGroupStateFault",
            "InvalidDBParameterGroupState",
            "SubnetAlreadyInUse",
            "InvalidGlobalClusterStateFault",
            "DependencyViolation",
            "InvalidGroup.InUse",
            "InvalidIPAddress.InUse",
            "DeleteConflict",
            "ResourceInUse",
            "ResourceInUseException",
            "WAFAssociatedItemException",
            "OriginAccessControlInUse",
            "CachePolicyInUse",
            "OriginRequestPolicyInUse",
            "ResponseHeadersPolicyInUse",
            "CannotDeleteEntityWhileInUse",
            "LastVPCAssociation",
        ],
    ),
    (
        Class::Busy,
        &[
            "InvalidDBClusterStateFault",
            "InvalidDBInstanceState",
            "ConcurrentUpdateException",
            "ParentCommitIdOutdatedException",
            "ConcurrentReferenceUpdateException",
            "ConcurrentAccess",
            "StaleTag",
            "TooManyUpdates",
            "InvalidDBClusterSnapshotStateFault",
            "DistributionNotDisabled",
            "InvalidIfMatchVersion",
            "HealthCheckVersionMismatch",
            "IncorrectState",
            "OperationAborted",
            "OperationAbortedException",
            "ConcurrentModification",
            "ConcurrentModificationException",
            "EntityTemporarilyUnmodifiable",
            "PriorRequestNotComplete",
            "OperationInProgress",
            "ConflictException",
            "RequestInProgressException",
            "WAFOptimisticLockException",
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
            "ResourceLimitExceededException",
            "ResourceLimitExceeded",
            "VcpuLimitExceeded",
            "RepositoryLimitExceededException",
            "AccountLimitExceededException",
            "ParameterLimitExceeded",
            "TopicLimitExceeded",
            "SubscriptionLimitExceeded",
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
            "LimitExceeded",
            "VpcCidrBlockLimitExceeded",
            "SecurityGroupsPerInterfaceLimitExceeded",
            "NetworkInterfaceLimitExceeded",
            // In the SDKs' list of throttling codes, but here it means that a quota is reached.
            "LimitExceededException",
            "TooManyBuckets",
            "TooManyLoadBalancers",
            "TooManyTargetGroups",
            "TooManyListeners",
            "TooManyRules",
            "TooManyCertificates",
            "TooManyActions",
            "TooManyTargets",
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            "WAFLimitsExceededException",
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
            "UnmodifiableEntity",
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
    (
        Class::Capacity,
        &[
            "InsufficientFreeAddressesInSubnet",
            "InsufficientFreeAddresses",
            "InsufficientAddressCapacity",
            "InsufficientCapacity",
            "InsufficientInstanceCapacity",
            "InsufficientDBInstanceCapacity",
            "InsufficientDBClusterCapacityFault",
            "InsufficientStorageClusterCapacity",
            "UnsupportedAvailabilityZoneException",
        ],
    ),
    (
        Class::Protected,
        &["BucketNotEmpty", "HostedZoneNotEmpty", "OperationNotPermitted", "CannotUpdateEntityWhileInUse"],
    ),
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
            // KMS's own names for it.
            "KMSInternalException",
            "DependencyTimeoutException",
            "ServiceUnavailableException",
        ],
    ),
];

/// Codes that mean something else for some operation: operation, code, a part of the message.
const SPECIAL: &[(Class, &str, &str, &str)] = &[
    (Class::NotYetConsistent, "rds:", "InvalidParameterValue", "IAM role ARN value is invalid"),
    (
        Class::NotYetConsistent,
        "codepipeline:",
        "InvalidStructureException",
        "not authorized to perform AssumeRole",
    ),
    (Class::NotYetConsistent, "backup:", "InvalidParameterValueException", "cannot be assumed by AWS Backup"),
    (Class::NotYetConsistent, "backup:", "InvalidParameterValueException", "is not authorized to call"),
    (Class::NotYetConsistent, "application-autoscaling:", "ValidationException", "Unable to assume IAM role"),
    (Class::NotFound, "backup:", "InvalidParameterValueException", "Cannot find Backup plan"),
    (Class::InUse, "backup:DeleteBackupPlan", "InvalidRequestException", "selections must be deleted"),
    (Class::Protected, "backup:DeleteBackupVault", "InvalidRequestException", ""),
    (Class::Protected, "ecr:DeleteRepository", "RepositoryNotEmptyException", ""),
    (Class::InUse, "events:DeleteRule", "ValidationException", "since it has targets"),
    (Class::Busy, "secretsmanager:CreateSecret", "InvalidRequestException", "being deleted"),
    // IAM's changes take seconds to minutes to reach other services, which answer like this until then.
    (Class::NotYetConsistent, "ec2:CreateFlowLogs", "InvalidParameter", "Unable to assume given IAM role"),
    (Class::NotYetConsistent, "kms:", "MalformedPolicyDocumentException", "invalid principals"),
    (Class::NotYetConsistent, "s3:PutBucketPolicy", "MalformedPolicy", "Invalid principal in policy"),
    (Class::NotYetConsistent, "iam:", "MalformedPolicyDocument", "Invalid principal in policy"),
    (Class::NotYetConsistent, "eks:Create", "InvalidParameterException", "could not be assumed"),
    (Class::NotYetConsistent, "eks:Create", "InvalidParameterException", "trusted entity is not correct"),
    (Class::NotYetConsistent, "eks:Create", "InvalidParameterException", "Error in role params"),
    (Class::NotYetConsistent, "eks:Create", "InvalidParameterException", "EKS Managed Policies"),
    (Class::NotYetConsistent, "eks:Create", "InvalidParameterException", "IAM role's policy must include"),
    (Class::NotYetConsistent, "eks:Create", "InvalidParameterException", "KeyArn in encryptionConfig"),
    (Class::NotYetConsistent, "eks:Create", "InvalidParameterException", "service principals"),
    (Class::NotYetConsistent, "eks:Create", "InvalidParameterException", "PodExecutionRole Trust Policy"),
    (Class::NotYetConsistent, "eks:Create", "InvalidParameterException", "principalArn is invalid"),
    (Class::NotYetConsistent, "ec2:", "InvalidParameterValue", "Invalid IAM Instance Profile"),
    (Class::NotYetConsistent, "codebuild:", "InvalidInputException", "ot authorized to perform"),
    (Class::NotYetConsistent, "ecr:SetRepositoryPolicy", "InvalidParameterException", "rincipal not found"),
    (
        Class::NotYetConsistent,
        "ecr:SetRepositoryPolicy",
        "InvalidParameterException",
        "nvalid repository policy",
    ),
    (Class::NotYetConsistent, "sns:", "InvalidParameter", "rincipal"),
    (
        Class::NotYetConsistent,
        "secretsmanager:PutResourcePolicy",
        "MalformedPolicyDocumentException",
        "rincipal",
    ),
    (
        Class::NotYetConsistent,
        "secretsmanager:RotateSecret",
        "AccessDeniedException",
        "cannot invoke the specified Lambda function",
    ),
    (
        Class::NotYetConsistent,
        "s3:PutBucketNotification",
        "InvalidArgument",
        "Unable to validate the following destination",
    ),
    (
        Class::NotYetConsistent,
        "elasticloadbalancing:RegisterTargets",
        "AccessDenied",
        "principal does not have permission",
    ),
    (Class::NotYetConsistent, "events:", "ValidationException", "is not able to assume"),
    (Class::NotYetConsistent, "events:", "ValidationException", "to assume the role"),
    (
        Class::NotYetConsistent,
        "cloudfront:",
        "InvalidLambdaFunctionAssociation",
        "must be assumable with edgelambda",
    ),
    // EKS has one code for names that are taken, for updates under way, and for what others hold.
    (Class::NotFound, "eks:Describe", "ClientException", "No cluster found"),
    (Class::Busy, "eks:", "ResourceInUseException", "in progress"),
    (Class::AlreadyExists, "eks:Create", "ResourceInUseException", "already"),
    (Class::Protected, "eks:DeleteCluster", "InvalidRequestException", "eletion protection"),
    (Class::Busy, "eks:", "InvalidRequestException", "not in ACTIVE"),
    (Class::Busy, "eks:CreateFargateProfile", "InvalidRequestException", "deleting"),
    (Class::Busy, "eks:DeleteFargateProfile", "InvalidRequestException", ""),
    (Class::AlreadyExists, "iam:CreateServiceLinkedRole", "InvalidInput", "has been taken"),
    // The issuer of a new cluster is not reachable at once.
    (Class::NotYetConsistent, "iam:CreateOpenIDConnectProvider", "OpenIdIdpCommunicationError", ""),
    (Class::NotFound, "ec2:", "InvalidLaunchTemplateName.NotFoundException", ""),
    (Class::NotFound, "ec2:", "InvalidLaunchTemplateId.VersionNotFound", ""),
    (Class::AlreadyExists, "ec2:", "InvalidLaunchTemplateName.AlreadyExistsException", ""),
    // The key's policy may not have reached CloudWatch Logs yet.
    (Class::NotYetConsistent, "logs:", "InvalidParameterException", "KMS"),
    // WAF's own things take minutes to reach its other servers; so does a new load balancer.
    (Class::NotYetConsistent, "wafv2:", "WAFUnavailableEntityException", ""),
    // A certificate is not ready to be named until it is issued, and for a moment longer.
    (Class::NotYetConsistent, "elasticloadbalancing:", "UnsupportedCertificate", ""),
    (Class::Busy, "acm:", "InvalidStateException", ""),
    // An address that a gateway still holds on to looks like somebody else's.
    (Class::InUse, "ec2:ReleaseAddress", "AuthFailure", ""),
    (Class::Busy, "kms:", "KMSInvalidStateException", "is pending import"),
    // A new certificate, web ACL or VPC takes a while to be known there.
    (Class::NotYetConsistent, "cloudfront:CreateDistribution", "InvalidViewerCertificate", ""),
    (Class::NotYetConsistent, "cloudfront:CreateDistribution", "InvalidWebACLId", ""),
    (Class::NotYetConsistent, "route53:CreateHostedZone", "InvalidVPCId", ""),
    (Class::NotYetConsistent, "route53:AssociateVPCWithHostedZone", "InvalidVPCId", ""),
    // Somebody changed it in between: the next try reads the version again.
    (Class::Busy, "cloudfront:", "PreconditionFailed", ""),
    (Class::Busy, "cloudfront:DeleteVpcOrigin", "IllegalDelete", ""),
    (Class::Busy, "cloudfront:UpdateVpcOrigin", "IllegalUpdate", ""),
    // An alias of another distribution; this one is not there.
    (Class::Invalid, "cloudfront:", "CNAMEAlreadyExists", ""),
    // One code for everything that can be wrong with a change of records.
    (Class::AlreadyExists, "route53:ChangeResourceRecordSets", "InvalidChangeBatch", "but it already exists"),
    (Class::NotFound, "route53:ChangeResourceRecordSets", "InvalidChangeBatch", "but it was not found"),
    (
        Class::Busy,
        "route53:ChangeResourceRecordSets",
        "InvalidChangeBatch",
        "do not match the current values",
    ),
];

/// Operations that make something out of things which may have been made a moment ago: that such a thing
/// is not found means that it is not visible yet.
const CREATIONS: &[&str] =
    &["Create", "Associate", "Attach", "Allocate", "Authorize", "Put", "Modify", "Replace", "Enable"];

/// The id of what a creation made. An answer without one is as good as lost.
pub(crate) fn made(operation: &str, id: Option<impl Into<Id>>) -> CloudResult<Id> {
    id.map(Into::into).ok_or_else(|| CloudError::new(Class::Interrupted, operation, "no id in the answer"))
}

/// A request that the SDK itself would not build.
pub(crate) fn invalid(operation: &str, error: &impl ToString) -> CloudError {
    CloudError::new(Class::Invalid, operation, error.to_string())
}

/// What an SDK call ended with, in the engine's terms.
pub fn cloud_error<E: ProvideErrorMetadata + std::error::Error + 'static>(
    operation: &'static str,
    error: SdkError<E, HttpResponse>,
) -> CloudError {
    match &error {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let header = |name: &str| context.raw().headers().get(name).map(ToOwned::to_owned);
            let metadata = context.err().meta();
            let extra = metadata.extra("aws_request_id").map(ToOwned::to_owned);
            let request_id =
                extra.or_else(|| header("x-amzn-requestid")).or_else(|| header("x-amz-request-id"));
            let (code, message) = (metadata.code(), metadata.message().unwrap_or_default());
            if status < 300 {
                // The call had its effect; only its answer is none that this version understands.
                let message = format!("the answer could not be understood: {}", chain(&error));
                return CloudError { request_id, ..CloudError::new(Class::Interrupted, operation, message) };
            }
            CloudError {
                class: classify(operation, code, message, status),
                operation: operation.to_owned(),
                code: code.map(ToOwned::to_owned),
                message: if message.is_empty() {
                    format!("HTTP status {status}")
                } else {
                    message.to_owned()
                },
                request_id,
            }
        }
        SdkError::ResponseError(context) => {
            let status = context.raw().status().as_u16();
            let message = format!("the answer could not be read (HTTP status {status}): {}", chain(&error));
            CloudError::new(Class::Interrupted, operation, message)
        }
        SdkError::DispatchFailure(failure) => {
            if let Some(class) = without_identity(&error) {
                return CloudError::new(class, operation, chain(&error));
            }
            let text = chain(&error);
            let connecting = text.contains("connect error")
                || text.contains("onnection refused")
                || text.contains("dns error");
            let class = match failure.as_connector_error() {
                Some(_) if connecting => Class::Unreachable,
                Some(_) => Class::Interrupted,
                None => Class::Unreachable,
            };
            CloudError::new(class, operation, text)
        }
        SdkError::TimeoutError(_) => CloudError::new(Class::Interrupted, operation, "no answer in time"),
        _ => {
            let class = without_identity(&error).unwrap_or(Class::Invalid);
            CloudError::new(class, operation, chain(&error))
        }
    }
}

/// How the SDK says that a provider of credentials did not answer in time; the type of that error is its own.
const IDENTITY_TOO_SLOW: &str = "identity resolver timed out";

/// What it means that there was nobody to sign the request as, if that is what happened. The SDK looks for an identity
/// after the request is made and before it is sent, and calls the failure one of sending.
fn without_identity(error: &(dyn std::error::Error + 'static)) -> Option<Class> {
    let causes: Vec<_> = std::iter::successors(Some(error), |error| error.source()).collect();
    let at = causes.iter().position(|cause| {
        cause.is::<CredentialsError>()
            || cause.is::<TokenError>()
            || cause.to_string().starts_with(IDENTITY_TOO_SLOW)
            || cause.to_string().starts_with("failed to select an auth scheme")
    })?;
    // There are credentials, but where they come from cannot be reached at the moment.
    let lost = causes[at..].iter().filter_map(|cause| cause.downcast_ref::<ConnectorError>());
    let passes = lost.into_iter().any(|lost| lost.is_io() || lost.is_timeout());
    let loads = causes[at..].iter().all(|cause| {
        let none = |error: &CredentialsError| matches!(error, CredentialsError::CredentialsNotLoaded(_));
        !cause.downcast_ref::<CredentialsError>().is_some_and(none)
    });
    Some(if passes && loads { Class::Unreachable } else { Class::Unauthenticated })
}

/// The whole chain of causes.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}

/// What a code means.
#[must_use]
pub fn classify(operation: &str, code: Option<&str>, message: &str, status: u16) -> Class {
    let Some(code) = code else { return by_status(status) };
    let special = SPECIAL.iter().find(|(_, prefix, its_code, part)| {
        operation.starts_with(prefix) && *its_code == code && message.contains(part)
    });
    if let Some((class, ..)) = special {
        return *class;
    }
    let known = CODES.iter().find(|(_, codes)| codes.contains(&code)).map(|(class, _)| *class);
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
    let verb = operation.split_once(':').map_or(operation, |(_, verb)| verb);
    CREATIONS.iter().any(|prefix| verb.starts_with(prefix))
}

/// Codes that no table lists follow patterns.
fn by_shape(code: &str, status: u16) -> Class {
    if code.ends_with(".NotFound") {
        Class::NotFound
    } else if code.contains("Throttl") {
        Class::Throttled
    } else if code.starts_with("TooMany")
        || ["LimitExceeded", "QuotaExceeded"]
            .iter()
            .any(|what| ["", "Fault", "Exception"].iter().any(|end| code.ends_with(&format!("{what}{end}"))))
    {
        Class::Limit
    } else if code.starts_with("Insufficient") && code.contains("Capacity") {
        Class::Capacity
    } else if code.ends_with(".Duplicate") || code.ends_with("AlreadyExists") {
        Class::AlreadyExists
    } else if code.starts_with("Invalid") || code.starts_with("Malformed") || code.starts_with("Validation") {
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
            (Class::Throttled, "ec2:DescribeVpcs", "RequestLimitExceeded", ""),
            (Class::Limit, "ec2:CreateVpc", "VpcLimitExceeded", ""),
            (Class::NotFound, "ec2:DeleteVpc", "InvalidVpcID.NotFound", ""),
            (Class::NotYetConsistent, "ec2:CreateRoute", "InvalidNatGatewayID.NotFound", ""),
            (
                Class::NotYetConsistent,
                "ec2:CreateFlowLogs",
                "InvalidParameter",
                "Unable to assume given IAM role",
            ),
            (Class::Invalid, "ec2:CreateFlowLogs", "InvalidParameter", "no such traffic type"),
            (Class::InUse, "ec2:ReleaseAddress", "AuthFailure", "You do not have permission"),
            (Class::InUse, "iam:DeleteRole", "DeleteConflict", ""),
            (Class::AlreadyExists, "iam:CreateRole", "EntityAlreadyExists", ""),
            (Class::Unauthenticated, "sts:GetCallerIdentity", "ExpiredToken", ""),
            (Class::Unauthenticated, "kms:CreateKey", "InvalidSignatureException", "Signature expired"),
            (Class::Unauthenticated, "s3:GetObject", "RequestTimeTooSkewed", ""),
            (Class::Unauthenticated, "ec2:DescribeVpcs", "RequestExpired", ""),
            (Class::Unauthenticated, "s3:GetObject", "InvalidToken", ""),
            (Class::Unauthenticated, "iam:GetRole", "InvalidClientTokenId", ""),
            (Class::Unauthenticated, "eks:DescribeCluster", "UnrecognizedClientException", ""),
            (Class::Unauthenticated, "ec2:DescribeVpcs", "AuthFailure", ""),
            (Class::Throttled, "logs:CreateLogGroup", "TransactionInProgressException", ""),
            (Class::Throttled, "s3:PutObject", "TooManyRequests", ""),
            (Class::Throttled, "eks:CreateCluster", "SomeThrottlingNobodyListed", ""),
            (Class::Limit, "eks:CreateCluster", "ResourceLimitExceededException", ""),
            (Class::Limit, "rds:CreateDBSubnetGroup", "DBSubnetQuotaExceededFault", ""),
            (Class::Limit, "rds:CreateGlobalCluster", "GlobalClusterQuotaExceededFault", ""),
            (Class::Limit, "rds:CreateDBInstance", "StorageQuotaExceeded", ""),
            (Class::Limit, "codepipeline:CreatePipeline", "ConcurrentSomethingLimitExceededException", ""),
            (Class::Capacity, "rds:CreateDBInstance", "InsufficientDBInstanceCapacity", ""),
            (Class::Capacity, "eks:CreateCluster", "InsufficientFreeAddresses", ""),
            (Class::Capacity, "eks:CreateCluster", "UnsupportedAvailabilityZoneException", ""),
            (Class::Capacity, "ec2:RunInstances", "InsufficientReservedInstanceCapacity", ""),
            (
                Class::NotYetConsistent,
                "sns:SetTopicAttributes",
                "InvalidParameter",
                "Invalid parameter: Policy Error: PrincipalNotFound",
            ),
            (Class::Invalid, "sns:SetTopicAttributes", "InvalidParameter", "Invalid parameter: DisplayName"),
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
            (Class::Invalid, "s3:PutBucketNotificationConfiguration", "InvalidArgument", "no such event"),
            (
                Class::NotYetConsistent,
                "codebuild:CreateProject",
                "InvalidInputException",
                "Not authorized to perform DescribeSecurityGroups",
            ),
        ];
        for (expected, operation, code, message) in table {
            assert_eq!(class(operation, code, message), expected, "{operation} {code}");
        }
    }

    #[test]
    fn no_code_is_in_two_classes() {
        let mut all: Vec<&str> = CODES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
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
            assert_eq!(classify("kms:CreateKey", Some(code), "", status), Class::Interrupted, "{code}");
        }
        for code in ["RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException"] {
            assert_eq!(classify("kms:CreateKey", Some(code), "", 503), Class::Throttled, "{code}");
        }
    }
}
