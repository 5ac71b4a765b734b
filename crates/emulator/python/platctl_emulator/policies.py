"""What the policy of a bucket lets a service write, however the policy is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _writable(policy: dict[str, Any], service: str) -> Iterator[str]:
    for statement in listed(policy.get("Statement", [])):
        principal = statement.get("Principal")
        services = listed(principal.get("Service", [])) if isinstance(principal, dict) else []
        actions = {action.lower() for action in listed(statement.get("Action", []))}
        if statement.get("Effect") == "Allow" and service in services and {"s3:putobject", "s3:*"} & actions:
            yield from listed(statement.get("Resource", []))


def may_write(bucket: Any, service: str, key: str) -> bool:
    """Whether a service may write an object. Conditions are taken as met."""
    arn = f"arn:{bucket.partition}:s3:::{bucket.name}/{key}"
    return any(fnmatchcase(arn, resource) for resource in _writable(json.loads(bucket.policy or b"{}"), service))
