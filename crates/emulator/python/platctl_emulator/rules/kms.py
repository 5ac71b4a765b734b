"""KMS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused
from ..backends import backend
from .registry import before

if TYPE_CHECKING:
    from ..calls import Call


@before("kms:ScheduleKeyDeletion")
def window_is_in_range(call: Call) -> None:
    """A key waits for 7 to 30 days."""
    days = call.params.get("PendingWindowInDays") or 30
    if not 7 <= days <= 30:
        message = f"PendingWindowInDays must be between 7 and 30, not {days}"
        raise Refused("ValidationException", message)


def key_of(call: Call) -> Any:
    """The key that a call names; none when there is none."""
    known = backend(call)
    return known.keys.get(known.get_key_id(call.params.get("KeyId") or call.params.get("TargetKeyId") or ""))


@before(
    "kms:CreateAlias",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateKeyDescription",
)
def key_stays(call: Call) -> None:
    """A key that waits for its deletion takes no change but the end of that."""
    key = key_of(call)
    if key is not None and key.key_state == "PendingDeletion":
        raise Refused("KMSInvalidStateException", f"{key.arn} is pending deletion.")


@before("kms:CancelKeyDeletion")
def key_waits(call: Call) -> None:
    """Only what waits for its deletion can be had back; it is disabled then."""
    key = key_of(call)
    if key is not None and key.key_state != "PendingDeletion":
        raise Refused("KMSInvalidStateException", f"{key.arn} is not pending deletion.")
