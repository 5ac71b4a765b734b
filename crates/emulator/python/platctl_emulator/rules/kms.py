"""KMS."""

from ..answers import Refused
from .registry import before


@before("kms:ScheduleKeyDeletion")
def window_is_in_range(call):
    """A key waits for 7 to 30 days."""
    days = call.params.get("PendingWindowInDays") or 30
    if not 7 <= days <= 30:
        message = f"PendingWindowInDays must be between 7 and 30, not {days}"
        raise Refused("ValidationException", message)
