"""Whether the policies of who calls allow a call, as far as IAM's own rules are known here.

Every action has to be allowed, and none denied. A resource is compared where the layer knows which one a call is about,
and tags where that resource is an object of EC2 or is in the index of tags. What it does not know counts as fitting, so
that a refusal is always one of AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from moto.iam.access_control import create_access_key

from . import subjects
from .answers import Refused
from .guard import GUARD
from .policies import listed

if TYPE_CHECKING:
    from .calls import Call
    from .subjects import Subject

# Signing names that are not the prefix of the service's actions.
PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
# Permissions that have another name than the operation that needs them.
ACTIONS = {
    "cloudfront:CreateDistributionWithTags": ["cloudfront:CreateDistribution", "cloudfront:TagResource"],
    "s3:DeleteBucketCors": ["s3:PutBucketCORS"],
    "s3:DeleteBucketLifecycle": ["s3:PutLifecycleConfiguration"],
    "s3:DeleteBucketTagging": ["s3:PutBucketTagging"],
    "s3:DeleteObjects": ["s3:DeleteObject"],
    "s3:GetBucketCors": ["s3:GetBucketCORS"],
    "s3:GetBucketEncryption": ["s3:GetEncryptionConfiguration"],
    "s3:GetBucketLifecycleConfiguration": ["s3:GetLifecycleConfiguration"],
    "s3:GetBucketNotificationConfiguration": ["s3:GetBucketNotification"],
    "s3:GetObjectLockConfiguration": ["s3:GetBucketObjectLockConfiguration"],
    "s3:GetPublicAccessBlock": ["s3:GetBucketPublicAccessBlock"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:HeadObject": ["s3:GetObject"],
    "s3:ListObjectVersions": ["s3:ListBucketVersions"],
    "s3:ListObjects": ["s3:ListBucket"],
    "s3:ListObjectsV2": ["s3:ListBucket"],
    "s3:PutBucketCors": ["s3:PutBucketCORS"],
    "s3:PutBucketEncryption": ["s3:PutEncryptionConfiguration"],
    "s3:PutBucketLifecycleConfiguration": ["s3:PutLifecycleConfiguration"],
    "s3:PutBucketNotificationConfiguration": ["s3:PutBucketNotification"],
    "s3:PutObjectLockConfiguration": ["s3:PutBucketObjectLockConfiguration"],
    "s3:PutPublicAccessBlock": ["s3:PutBucketPublicAccessBlock"],
    # Parts of an upload are written with the permission for the object.
    "s3:CompleteMultipartUpload": ["s3:PutObject"],
    "s3:CreateMultipartUpload": ["s3:PutObject"],
    "s3:UploadPart": ["s3:PutObject"],
}
# What nobody has to be allowed.
FREE = {"sts:GetCallerIdentity"}
# The error of services that do not answer AccessDenied; those that speak JSON have a third one.
CODES = {"ec2": "UnauthorizedOperation"}
JSON = "AccessDeniedException"


class Question(NamedTuple):
    """One action on one resource, with what conditions can ask for."""

    action: str
    subject: Subject
    context: dict[str, Any]


def refuse(call: Call) -> None:
    """Refuses what the policies of the user or of the role do not allow. The owner of this AWS may do everything, and
    so may builds, whose roles belong to the stack."""
    if call.key == GUARD.key or GUARD.lent(call.key):
        return
    documents = list(documents_of(call))
    for question in questions(call):
        if not allows(documents, question):
            raise refusal(call, question)


def refusal(call: Call, question: Question) -> Refused:
    """The error of AWS."""
    code = CODES.get(call.service) or ("AccessDenied" if call.protocol in ("query", "rest-xml") else JSON)
    resource = question.subject.arn or "*"
    message = (
        f"User: {call.key} is not authorized to perform: {question.action} on resource: {resource} because no "
        f"identity-based policy allows the {question.action} action"
    )
    return Refused(code, message, 403 if code != JSON else 400)


def documents_of(call: Call) -> Iterator[dict[str, Any]]:
    """The policies of who signed: those within the user or role, and those attached to it."""
    owner = create_access_key(call.account, "aws", call.key, dict(call.request.headers))
    for policy in owner.collect_policies():
        if isinstance(policy, str):
            yield json.loads(policy)
        elif isinstance(policy, dict):
            yield json.loads(policy["policy_document"])
        else:
            yield from (json.loads(version.document) for version in policy.versions if version.is_default)


def actions(call: Call) -> list[str]:
    """The permissions that an operation needs."""
    name = f"{PREFIXES.get(call.service, call.service)}:{call.operation}"
    return ACTIONS.get(name, [name])


def questions(call: Call) -> Iterator[Question]:
    """Everything that AWS asks before it answers a call."""
    context = {"aws:RequestedRegion": call.region}
    context |= {f"aws:RequestTag/{key}": value for key, value in subjects.request_tags(call.params).items()}
    if boundary := call.params.get("PermissionsBoundary"):
        context["iam:PermissionsBoundary"] = boundary
    for action in actions(call):
        if action in FREE:
            continue
        for subject in subjects.of(call):
            yield Question(action, subject, context)
            # To create with tags takes the permission to tag what is created.
            if call.service == "ec2" and subject.new and call.params.get("TagSpecifications"):
                yield Question("ec2:CreateTags", subject, context | {"ec2:CreateAction": call.operation})
    if call.service != "iam":
        for role in subjects.passed_roles(call.params):
            yield Question("iam:PassRole", subjects.Subject(role), context)


def allows(documents: list[dict[str, Any]], question: Question) -> bool:
    """Whether some statement allows it, and none denies it."""
    statements = [one for document in documents for one in listed(document["Statement"])]
    fitting = {one["Effect"] for one in statements if fits(one, question)}
    return "Allow" in fitting and "Deny" not in fitting


def fits(statement: dict[str, Any], question: Question) -> bool:
    """Whether a statement is about this action, this resource and these conditions."""
    wanted = question.action.lower()
    if not any(fnmatchcase(wanted, action.lower()) for action in listed(statement.get("Action", []))):
        return False
    arn = question.subject.arn
    if arn and not any(like(arn, pattern) for pattern in listed(statement.get("Resource", []))):
        return False
    context = dict(question.context)
    known = question.subject.tags is not None
    context |= {f"aws:ResourceTag/{key}": value for key, value in (question.subject.tags or {}).items()}
    return all(
        holds(operator, key, listed(values), context, known or not key.startswith("aws:ResourceTag/"))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def like(text: str, pattern: str) -> bool:
    """IAM's wildcards: brackets stand for themselves."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def holds(operator: str, key: str, values: list[Any], context: dict[str, Any], known: bool) -> bool:
    """Whether one condition holds. What is not known is taken as met."""
    if not known:
        return True
    name = operator.removesuffix("IfExists")
    if name == "Null":
        return (key not in context) == (str(values[0]).lower() == "true")
    if key not in context:
        return operator.endswith("IfExists") or "Not" in name
    value = str(context[key])
    exact = name in ("StringEquals", "StringNotEquals", "Bool")
    met = any(value == str(one) if exact else like(value, str(one)) for one in values)
    return met != ("Not" in name)
