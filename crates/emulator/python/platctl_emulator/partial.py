"""Calls that succeed, with HTTP status 200, and whose items failed: AWS says so within the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .answers import result

if TYPE_CHECKING:
    from .answers import Answer
    from .calls import Call


WORDS = "An internal error has occurred"


def _items(ids: list[str]) -> dict[str, Any]:
    """EC2's way: which ones were not done, and why."""
    items = [{"ResourceId": name, "Error": {"Code": "InternalError", "Message": WORDS}} for name in ids]
    return {"Unsuccessful": items}


def _entries(ids: list[str]) -> dict[str, Any]:
    """EventBridge's."""
    message = "Rule is being modified by another request."
    entries = [
        {"TargetId": name, "ErrorCode": "ConcurrentModificationException", "ErrorMessage": message} for name in ids
    ]
    return {"FailedEntryCount": len(entries), "FailedEntries": entries}


def _objects(params: dict[str, Any]) -> dict[str, Any]:
    """S3's."""
    objects = (params.get("Delete") or {}).get("Objects") or []
    return {"Errors": [{"Key": one["Key"], "Code": "InternalError", "Message": WORDS} for one in objects]}


# What each answers when nothing of it was done.
FAILED = {
    "ec2:CreateFlowLogs": lambda params: {"FlowLogIds": [], **_items(params.get("ResourceIds") or [])},
    "ec2:DeleteFlowLogs": lambda params: _items(params.get("FlowLogIds") or []),
    "ec2:DeleteVpcEndpoints": lambda params: _items(params.get("VpcEndpointIds") or []),
    "events:PutTargets": lambda params: _entries([target["Id"] for target in params.get("Targets") or []]),
    "events:RemoveTargets": lambda params: _entries(params.get("Ids") or []),
    "s3:DeleteObjects": _objects,
}


def answer(call: Call) -> Answer | None:
    """The answer of a call of which nothing was done; nothing for a call without items."""
    failed = FAILED.get(call.name)
    return result(call, failed(call.params)) if failed else None
