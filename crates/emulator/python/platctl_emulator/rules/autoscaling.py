"""Application Auto Scaling: tags, which moto does not know."""

from ..answers import Refused, result
from ..backends import backend
from ..things import tags_of
from .registry import after, before


@before("application-autoscaling:RegisterScalableTarget")
def cluster_is_there(call):
    """A cluster of this name."""
    kind, _, name = call.params["ResourceId"].partition(":")
    if call.params["ServiceNamespace"] == "rds" and name not in backend(call, "rds").clusters:
        raise Refused("ValidationException", f"DB {kind} {name} does not exist")


@after("application-autoscaling:RegisterScalableTarget")
def tagged(call):
    """moto drops the tags."""
    params = call.params
    target = backend(call).targets[params["ScalableDimension"]][params["ResourceId"]]
    tags_of(call, target.arn).update(params.get("Tags") or {})


@before("application-autoscaling:ListTagsForResource")
def list_tags(call):
    """Tags."""
    return result(call, {"Tags": tags_of(call, call.params["ResourceARN"])})


@before("application-autoscaling:TagResource")
def tag(call):
    """More tags."""
    tags_of(call, call.params["ResourceARN"]).update(call.params["Tags"])
    return result(call, {})


@before("application-autoscaling:UntagResource")
def untag(call):
    """Fewer tags."""
    for key in call.params["TagKeys"]:
        tags_of(call, call.params["ResourceARN"]).pop(key, None)
    return result(call, {})
