"""Keys of log groups, which moto takes at the creation only, and their tags, which it keeps when a group is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


def group(call: Call) -> Any:
    """The log group of a call."""
    found = backend(call, "logs").groups.get(call.params.get("logGroupName"))
    if found is None:
        raise Refused("ResourceNotFoundException", "The specified log group does not exist.")
    return found


@before("logs:AssociateKmsKey")
def takes_a_key(call: Call) -> Answer:
    """New events are encrypted with it."""
    group(call).kms_key_id = call.params["kmsKeyId"]
    return result(call, {})


@before("logs:DisassociateKmsKey")
def loses_its_key(call: Call) -> Answer:
    """New events are encrypted with a key of CloudWatch Logs."""
    group(call).kms_key_id = None
    return result(call, {})


@before("logs:DeleteLogGroup")
def tags_go_with_it(call: Call) -> None:
    """A group of the same name that is made later has none of them."""
    logs = backend(call, "logs")
    found = logs.groups.get(call.params.get("logGroupName"))
    if found is not None:
        for arn in (found.arn, found.arn.removesuffix(":*")):
            logs.tagger.delete_all_tags_for_resource(arn)
