"""Refusals that AWS is known for and that pass: by operation, in its own words.

Each is a code, a message, a status and, where it is not about every call of the operation, a condition. Names in
braces are parameters of the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calls import Call


GONE, CONFLICT = 404, 409


def has(name: str) -> Callable[..., Any]:
    """Calls that have this parameter."""
    return lambda call, made: bool(call.params.get(name))


def of_new(name: str) -> Callable[..., Any]:
    """Calls about a thing that was made a moment ago."""
    return lambda call, made: call.params.get(name) in made


def always(call: Call, made: Any) -> bool:
    """All calls."""
    return True


VPC = ("InvalidVpcID.NotFound", "The vpc ID '{VpcId}' does not exist", 400, has("VpcId"))
SUBNET = ("InvalidSubnetID.NotFound", "The subnet ID '{SubnetId}' does not exist", 400, has("SubnetId"))
TABLE = ("InvalidRouteTableID.NotFound", "The routeTable ID '{RouteTableId}' does not exist", 400, has("RouteTableId"))
GROUP = ("InvalidGroup.NotFound", "The security group '{GroupId}' does not exist", 400, has("GroupId"))
ROLE = ("NoSuchEntity", "The role with name {RoleName} cannot be found.", GONE)
BUCKET = ("NoSuchBucket", "The specified bucket does not exist", GONE, of_new("Bucket"))
ABORTED = (
    "OperationAborted",
    "A conflicting conditional operation is currently in progress against this resource. Please try again.",
    CONFLICT,
)
PRINCIPAL = ("MalformedPolicyDocument", "Invalid principal in policy", 400)
CERTIFICATE = (
    "InvalidViewerCertificate",
    "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a valid certificate chain.",
    400,
)
CODEBUILD = (
    "InvalidInputException",
    "CodeBuild is not authorized to perform: sts:AssumeRole on service role. Please verify that: 1) The provided service role exists, 2) The role name is case-sensitive and matches exactly, and 3) The role has the necessary trust policy configured.",
    400,
)
CODEPIPELINE = (
    "InvalidStructureException",
    "CodePipeline is not authorized to perform AssumeRole on role {roleArn}",
    400,
)
MONITORING = (
    "InvalidParameterValue",
    "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING",
    400,
    has("MonitoringRoleArn"),
)
QUEUE_POLICY = (
    "InvalidAttributeValue",
    "Invalid value for the parameter Policy.",
    400,
    lambda call, made: bool((call.params.get("Attributes") or {}).get("Policy")),
)
KEY_POLICY = (
    "MalformedPolicyDocumentException",
    "Policy contains a statement with one or more invalid principals.",
    400,
)

# Operation: what it may be refused with. Each call is refused so at most once for the same parameters.
PASSING: dict[str, list[Any]] = {
    # Ids that other calls do not see yet.
    "ec2:CreateSubnet": [VPC],
    "ec2:CreateRouteTable": [VPC],
    "ec2:CreateSecurityGroup": [VPC],
    "ec2:ModifyVpcAttribute": [VPC],
    "ec2:CreateVpcEndpoint": [("InvalidVpcId.NotFound", "The Vpc Id {VpcId} does not exist", 400)],
    "ec2:ModifySubnetAttribute": [SUBNET],
    "ec2:AttachInternetGateway": [
        VPC,
        ("InvalidInternetGatewayID.NotFound", "The internetGateway ID '{InternetGatewayId}' does not exist", 400),
    ],
    "ec2:CreateNatGateway": [
        SUBNET,
        ("InvalidAllocationID.NotFound", "The allocation ID '{AllocationId}' does not exist", 400, has("AllocationId")),
    ],
    "ec2:CreateRoute": [
        TABLE,
        ("InvalidNatGatewayID.NotFound", "The natGateway ID '{NatGatewayId}' does not exist", 400, has("NatGatewayId")),
        ("InvalidGatewayID.NotFound", "The gateway ID '{GatewayId}' does not exist", 400, has("GatewayId")),
    ],
    "ec2:AssociateRouteTable": [TABLE, SUBNET],
    "ec2:AuthorizeSecurityGroupIngress": [GROUP],
    "ec2:AuthorizeSecurityGroupEgress": [GROUP],
    "iam:PutRolePolicy": [ROLE],
    "iam:AttachRolePolicy": [ROLE],
    "wafv2:AssociateWebACL": [
        (
            "WAFUnavailableEntityException",
            "AWS WAF couldn\u2019t retrieve the resource that you requested. Retry your request.",
            400,
        )
    ],
    "elasticloadbalancing:CreateListener": [
        ("UnsupportedCertificate", "The certificate must have a fully-qualified domain name, a supported signature, and a supported key size.", 400, has("Certificates")),
        ("CertificateNotFound", "Certificate not found", 400, has("Certificates")),
    ],
    "cloudfront:CreateDistribution": [CERTIFICATE],
    "cloudfront:CreateDistributionWithTags": [CERTIFICATE],
    "s3:PutBucketVersioning": [BUCKET, ABORTED],
    "s3:PutBucketEncryption": [BUCKET],
    "s3:PutBucketLifecycleConfiguration": [BUCKET],
    "s3:PutBucketOwnershipControls": [BUCKET],
    "s3:PutPublicAccessBlock": [BUCKET, ABORTED],
    "s3:PutBucketPolicy": [BUCKET, ("MalformedPolicy", "Invalid principal in policy", 400)],
    "s3:PutBucketNotificationConfiguration": [
        BUCKET,
        ("InvalidArgument", "Unable to validate the following destination configurations", 400),
    ],
    # Roles, principals and policies that other services do not see yet.
    "eks:CreateCluster": [
        (
            "InvalidParameterException",
            "Role with arn: {roleArn}, could not be assumed because it does not exist or the trusted entity is not correct",
            400,
        ),
        (
            "InvalidParameterException",
            "The provided role doesn't have the Amazon EKS Managed Policies associated with it. Please ensure the following policies [arn:aws:iam::aws:policy/AmazonEKSClusterPolicy] are attached",
            400,
        ),
        ("InvalidParameterException", "Error in role params", 400),
        ("InvalidParameterException", "The KeyArn in encryptionConfig provider is invalid", 400, has("encryptionConfig")),
    ],
    "eks:CreateNodegroup": [
        (
            "InvalidParameterException",
            "Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole {nodeRole}",
            400,
        )
    ],
    "eks:CreateFargateProfile": [
        (
            "InvalidParameterException",
            "Misconfigured PodExecutionRole Trust Policy; Please add the eks-fargate-pods.amazonaws.com Service Principal",
            400,
        )
    ],
    "ec2:CreateFlowLogs": [
        ("InvalidParameter", "Unable to assume given IAM role {DeliverLogsPermissionArn}", 400, has("DeliverLogsPermissionArn"))
    ],
    "codebuild:CreateProject": [CODEBUILD],
    "codebuild:UpdateProject": [CODEBUILD],
    "codepipeline:CreatePipeline": [CODEPIPELINE],
    "codepipeline:UpdatePipeline": [CODEPIPELINE],
    "backup:CreateBackupSelection": [
        ("InvalidParameterValueException", "IAM Role {role} cannot be assumed by AWS Backup", 400),
        ("InvalidParameterValueException", "IAM Role {role} is not authorized to call tag:GetResources", 400),
    ],
    "sqs:CreateQueue": [
        (
            "AWS.SimpleQueueService.QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            400,
        ),
        QUEUE_POLICY,
    ],
    "sqs:SetQueueAttributes": [QUEUE_POLICY],
    "application-autoscaling:RegisterScalableTarget": [
        ("ValidationException", "Unable to assume IAM role: {RoleARN}", 400),
        ("ConcurrentUpdateException", "Concurrent updates caused an exception, for example, if you request an update to an Application Auto Scaling resource that already has a pending update.", 400),
    ],
    "rds:CreateDBInstance": [MONITORING],
    "kms:CreateKey": [KEY_POLICY],
    "kms:PutKeyPolicy": [KEY_POLICY],
    "iam:CreateRole": [PRINCIPAL],
    "iam:UpdateAssumeRolePolicy": [
        PRINCIPAL,
        ("ConcurrentModification", "The request was rejected because multiple requests to change this object were submitted simultaneously. Wait a few minutes and submit your request again.", CONFLICT),
    ],
    "ecr:SetRepositoryPolicy": [
        ("InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Principal not found'", 400)
    ],
    "sns:SetTopicAttributes": [
        ("InvalidParameter", "Invalid parameter: Policy Error: PrincipalNotFound", 400, lambda call, made: call.params.get("AttributeName") == "Policy")
    ],
    "secretsmanager:PutResourcePolicy": [
        ("MalformedPolicyDocumentException", "This resource policy contains an unsupported principal.", 400)
    ],
    # Somebody is at it already.
    "route53:ChangeResourceRecordSets": [
        ("PriorRequestNotComplete", "The request was rejected because Route 53 was still processing a prior request.", 400)
    ],
    "logs:PutRetentionPolicy": [
        ("OperationAbortedException", "Multiple concurrent requests to update the same resource were in conflict.", 400)
    ],
    "rds:ModifyDBCluster": [("InvalidDBClusterStateFault", "DBCluster {DBClusterIdentifier} is not in available state", 400)],
    "rds:ModifyDBInstance": [("InvalidDBInstanceState", "Database instance is not in available state.", 400)],
    # Network interfaces and other holders linger.
    "ec2:DeleteSecurityGroup": [("DependencyViolation", "resource {GroupId} has a dependent object", 400)],
    "ec2:DeleteSubnet": [("DependencyViolation", "The subnet '{SubnetId}' has dependencies and cannot be deleted.", 400)],
    "ec2:DetachInternetGateway": [
        (
            "DependencyViolation",
            "Network {VpcId} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.",
            400,
        )
    ],
    "ec2:ReleaseAddress": [("InvalidIPAddress.InUse", "Address is in use.", 400)],
    "ec2:DeleteVpc": [("DependencyViolation", "The vpc '{VpcId}' has dependencies and cannot be deleted.", 400)],
    "elasticloadbalancing:DeleteTargetGroup": [
        ("ResourceInUse", "Target group '{TargetGroupArn}' is currently in use by a listener or a rule", 400)
    ],
    "rds:DeleteDBSubnetGroup": [
        (
            "InvalidDBSubnetGroupStateFault",
            "Cannot delete the subnet group '{DBSubnetGroupName}' because at least one database instance: is still using it.",
            400,
        )
    ],
    "iam:DeleteRole": [("DeleteConflict", "Cannot delete entity, must detach all policies first.", CONFLICT)],
    "acm:DeleteCertificate": [("ResourceInUseException", "Certificate {CertificateArn} is in use.", 400)],
}  # fmt: skip


class Said(dict):
    """Parameters for a message; what a call does not say is left out."""

    def __missing__(self, _: Any) -> str:
        return ""


def refusals(call: Call, made: Any) -> Any:
    """What a call may be refused with: code, message and status of each."""
    found = []
    for code, message, status, *when in PASSING.get(call.name, ()):
        if (when[0] if when else always)(call, made):
            found.append((code, message.format_map(Said(call.params)), status))
    return found
