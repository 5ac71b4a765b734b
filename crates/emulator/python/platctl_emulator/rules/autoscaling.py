"""Application Auto Scaling: tags, which moto does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..answers import Refused, result
from ..backends import backend
from ..things import tags_of
from .registry import after, before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


@before("application-autoscaling:RegisterScalableTarget")
def cluster_is_there(call: Call) -> None:
    """A cluster of this name."""
    kind, _, name = call.params["ResourceId"].partition(":")
    if call.params["ServiceNamespace"] == "rds" and name not in backend(call, "rds").clusters:
        raise Refused("ValidationException", f"DB {kind} {name} does not exist")


@after("application-autoscaling:RegisterScalableTarget")
def tagged(call: Call) -> None:
    """moto drops the tags."""
    params = call.params
    target = backend(call).targets[params["ScalableDimension"]][params["ResourceId"]]
    tags_of(call, target.arn).update(params.get("Tags") or {})


@before("application-autoscaling:ListTagsForResource")
def list_tags(call: Call) -> Answer:
    """Tags."""
    return result(call, {"Tags": tags_of(call, call.params["ResourceARN"])})


@before("application-autoscaling:TagResource")
def tag(call: Call) -> Answer:
    """More tags."""
    tags_of(call, call.params["ResourceARN"]).update(call.params["Tags"])
    return result(call, {})


@before("application-autoscaling:UntagResource")
def untag(call: Call) -> Answer:
    """Fewer tags."""
    for key in call.params["TagKeys"]:
        tags_of(call, call.params["ResourceARN"]).pop(key, None)
    return result(call, {})
