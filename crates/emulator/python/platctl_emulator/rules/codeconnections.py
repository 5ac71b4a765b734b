"""CodeConnections: pending until a person comes, and nobody comes here."""

import uuid

from ..answers import result
from ..store import STORE
from ..things import arn, found, mapped, pairs, tags_of
from .registry import before


@before("codeconnections:CreateConnection")
def create(call):
    """Names are not unique."""
    params = call.params
    name = arn(call, f"connection/{uuid.uuid4()}")
    STORE.of(call, "connections")[name] = {
        "ConnectionName": params["ConnectionName"],
        "ConnectionArn": name,
        "ProviderType": params.get("ProviderType"),
        "OwnerAccountId": call.account,
        "ConnectionStatus": "PENDING",
    }
    tags_of(call, name).update(mapped(params.get("Tags")))
    return result(call, {"ConnectionArn": name, "Tags": params.get("Tags") or []})


def connection_of(call):
    """The connection that a call names."""
    name = call.params["ConnectionArn"]
    return found(STORE.of(call, "connections"), name, "ResourceNotFoundException", f"Resource not found: {name}")


@before("codeconnections:GetConnection")
def get(call):
    """As it is."""
    return result(call, {"Connection": connection_of(call)})


@before("codeconnections:ListConnections")
def listing(call):
    """All of them."""
    return result(call, {"Connections": list(STORE.of(call, "connections").values())})


@before("codeconnections:DeleteConnection")
def delete(call):
    """Whoever uses it."""
    name = connection_of(call)["ConnectionArn"]
    del STORE.of(call, "connections")[name]
    tags_of(call, name).clear()
    return result(call, {})


@before("codeconnections:ListTagsForResource")
def list_tags(call):
    """Tags."""
    return result(call, {"Tags": pairs(tags_of(call, call.params["ResourceArn"]))})


@before("codeconnections:TagResource")
def tag(call):
    """More tags."""
    tags_of(call, call.params["ResourceArn"]).update(mapped(call.params["Tags"]))
    return result(call, {})


@before("codeconnections:UntagResource")
def untag(call):
    """Fewer tags."""
    for key in call.params["TagKeys"]:
        tags_of(call, call.params["ResourceArn"]).pop(key, None)
    return result(call, {})
