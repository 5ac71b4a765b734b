"""CodeConnections: pending until a person comes, and nobody comes here."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from ..answers import result
from ..store import STORE
from ..things import arn, found, mapped, pairs, tags_of
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


@before("codeconnections:CreateConnection")
def create(call: Call) -> Answer:
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


def connection_of(call: Call) -> Any:
    """The connection that a call names."""
    name = call.params["ConnectionArn"]
    return found(STORE.of(call, "connections"), name, "ResourceNotFoundException", f"Resource not found: {name}")


@before("codeconnections:GetConnection")
def get(call: Call) -> Answer:
    """As it is."""
    return result(call, {"Connection": connection_of(call)})


@before("codeconnections:ListConnections")
def listing(call: Call) -> Answer:
    """All of them."""
    return result(call, {"Connections": list(STORE.of(call, "connections").values())})


@before("codeconnections:DeleteConnection")
def delete(call: Call) -> Answer:
    """Whoever uses it."""
    name = connection_of(call)["ConnectionArn"]
    del STORE.of(call, "connections")[name]
    tags_of(call, name).clear()
    return result(call, {})


@before("codeconnections:ListTagsForResource")
def list_tags(call: Call) -> Answer:
    """Tags."""
    return result(call, {"Tags": pairs(tags_of(call, call.params["ResourceArn"]))})


@before("codeconnections:TagResource")
def tag(call: Call) -> Answer:
    """More tags."""
    tags_of(call, call.params["ResourceArn"]).update(mapped(call.params["Tags"]))
    return result(call, {})


@before("codeconnections:UntagResource")
def untag(call: Call) -> Answer:
    """Fewer tags."""
    for key in call.params["TagKeys"]:
        tags_of(call, call.params["ResourceArn"]).pop(key, None)
    return result(call, {})
