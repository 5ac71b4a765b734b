"""What AWS does on its worse days: refusals that pass, reads that lag behind, and things that end failed.

Everything is drawn from a seed and from the call itself, so that the order of calls that are made side by side
does not matter."""

import hashlib
import json
import random
import time

from .answers import Refused

EC2_GONE = "does not exist"
# Operation: code, message, status. Each is refused so once for the same parameters, and passes when tried again.
PASSING = {
    # Ids that other calls do not see yet.
    "ec2:CreateSubnet": ("InvalidVpcID.NotFound", f"The vpc ID {EC2_GONE}", 400),
    "ec2:AttachInternetGateway": ("InvalidInternetGatewayID.NotFound", f"The internetGateway ID {EC2_GONE}", 400),
    "ec2:CreateNatGateway": ("InvalidSubnetID.NotFound", f"The subnet ID {EC2_GONE}", 400),
    "ec2:CreateRoute": ("InvalidRouteTableID.NotFound", f"The routeTable ID {EC2_GONE}", 400),
    "ec2:AssociateRouteTable": ("InvalidRouteTableID.NotFound", f"The routeTable ID {EC2_GONE}", 400),
    "ec2:AuthorizeSecurityGroupIngress": ("InvalidGroup.NotFound", f"The security group {EC2_GONE}", 400),
    "ec2:AuthorizeSecurityGroupEgress": ("InvalidGroup.NotFound", f"The security group {EC2_GONE}", 400),
    "ec2:ModifyVpcAttribute": ("InvalidVpcID.NotFound", f"The vpc ID {EC2_GONE}", 400),
    "iam:PutRolePolicy": ("NoSuchEntity", "The role with name cannot be found.", 404),
    "iam:AttachRolePolicy": ("NoSuchEntity", "The role with name cannot be found.", 404),
    "wafv2:AssociateWebACL": ("WAFUnavailableEntityException", "AWS WAF couldn't retrieve the resource.", 400),
    # Roles that other services do not see yet.
    "eks:CreateCluster": (
        "InvalidParameterException",
        "Role could not be assumed because it does not exist or the trusted entity is not correct",
        400,
    ),
    "eks:CreateNodegroup": (
        "InvalidParameterException",
        "Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole",
        400,
    ),
    "codebuild:CreateProject": (
        "InvalidInputException",
        "CodeBuild is not authorized to perform: sts:AssumeRole on service role. Please verify that the service role exists",
        400,
    ),
    "codepipeline:CreatePipeline": (
        "InvalidStructureException",
        "CodePipeline is not authorized to perform AssumeRole on role",
        400,
    ),
    "backup:CreateBackupSelection": (
        "InvalidParameterValueException",
        "IAM Role cannot be assumed by AWS Backup",
        400,
    ),
    "rds:CreateDBInstance": (
        "InvalidParameterValue",
        "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING",
        400,
    ),
    "kms:CreateKey": (
        "MalformedPolicyDocumentException",
        "Policy contains a statement with one or more invalid principals",
        400,
    ),
    "s3:PutBucketPolicy": ("MalformedPolicy", "Invalid principal in policy", 400),
    # Somebody is at it already.
    "route53:ChangeResourceRecordSets": ("PriorRequestNotComplete", "The request was rejected because Route 53 was still processing a prior request.", 400),
    "s3:PutBucketVersioning": ("OperationAborted", "A conflicting conditional operation is currently in progress against this resource.", 409),
    "logs:PutRetentionPolicy": ("OperationAbortedException", "Multiple concurrent requests to update the same resource were in conflict.", 400),
    "iam:UpdateAssumeRolePolicy": ("ConcurrentModification", "The request was rejected because multiple requests to change this object were submitted simultaneously.", 409),
    "rds:ModifyDBCluster": ("InvalidDBClusterStateFault", "DBCluster is not in available state", 400),
    "rds:ModifyDBInstance": ("InvalidDBInstanceState", "Database instance is not in available state.", 400),
    # Network interfaces linger.
    "ec2:DeleteSecurityGroup": ("DependencyViolation", "resource has a dependent object", 400),
    "ec2:DeleteSubnet": ("DependencyViolation", "The subnet has dependencies and cannot be deleted.", 400),
    "ec2:DetachInternetGateway": ("DependencyViolation", "Network has some mapped public address(es).", 400),
    "ec2:ReleaseAddress": ("InvalidIPAddress.InUse", "Address is in use.", 400),
    "ec2:DeleteVpc": ("DependencyViolation", "The vpc has dependencies and cannot be deleted.", 400),
    "elasticloadbalancing:DeleteTargetGroup": ("ResourceInUse", "Target group is currently in use by a listener or a rule", 400),
    "rds:DeleteDBSubnetGroup": ("InvalidDBSubnetGroupStateFault", "Cannot delete the subnet group because at least one database instance is still using it.", 400),
    "iam:DeleteRole": ("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409),
    "acm:DeleteCertificate": ("ResourceInUseException", "Certificate is in use.", 400),
}  # fmt: skip
# Services whose reads are of what was written.
STRONG = ("s3", "sts", "codecommit", "logs", "kms", "codebuild", "acm", "route53")


class Hostile:
    """What a seed has in store."""

    def __init__(self):
        self.clear()

    def clear(self):
        """A new day."""
        self._met, self._seen, self.counts = set(), {}, {}

    def note(self, what):
        """Counts what was done to the caller."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def refuse(self, call, setting):
        """Refuses a call once, by chance, in a way that passes."""
        refusal = PASSING.get(call.name)
        if refusal is None or not setting.get("passing"):
            return
        key = (call.name, digest(call))
        if key in self._met:
            return
        self._met.add(key)
        if chance(setting, *key) < setting["passing"]:
            self.note("passing")
            code, message, status = refusal
            raise Refused(code, message, status)

    def stale(self, call, setting):
        """What the same read was answered a moment ago, by chance."""
        if call.mutating or call.service in STRONG or not setting.get("stale"):
            return None
        key = (call.name, call.region, digest(call))
        answer, at, times = self._seen.get(key, (None, 0.0, 0))
        fresh = answer is not None and time.monotonic() - at < setting.get("lag", 0.5)
        if fresh and chance(setting, *key, times) < setting["stale"]:
            self._seen[key] = (answer, at, times + 1)
            self.note("stale")
            return answer
        return None

    def remember(self, call, setting, answer):
        """Keeps what a read was answered, for as long as it may be told again."""
        if call.mutating or call.service in STRONG or not setting.get("stale"):
            return
        key = (call.name, call.region, digest(call))
        _, _, times = self._seen.get(key, (None, 0.0, 0))
        self._seen[key] = (answer, time.monotonic(), times + 1)


HOSTILE = Hostile()


def fails(setting, *about):
    """Whether a thing that is being made ends failed: by chance, and never twice."""
    setting, key = setting or {}, ("fails", *about)
    if not setting.get("failed") or key in HOSTILE._met:
        return False
    HOSTILE._met.add(key)
    if chance(setting, *key) >= setting["failed"]:
        return False
    HOSTILE.note("failed")
    return True


def chance(setting, *about):
    """A number from 0 to 1, always the same for the same seed and matter."""
    return random.Random(f"{setting.get('seed', 0)}:{about}").random()


def digest(call):
    """What a call asks for, without what differs from try to try."""
    params = {key: value for key, value in call.params.items() if "token" not in key.lower()}
    return hashlib.sha256(json.dumps(params, sort_keys=True, default=str).encode()).hexdigest()[:16]
