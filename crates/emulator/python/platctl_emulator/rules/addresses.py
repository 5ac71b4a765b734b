"""Elastic IP addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..answers import Refused
from ..backends import backend
from .network import live_nats
from .registry import before

if TYPE_CHECKING:
    from ..calls import Call


@before("ec2:ReleaseAddress")
def address_is_free(call: Call) -> None:
    """An address is free when its NAT gateway is deleted, not when it is being deleted."""
    name = call.params.get("AllocationId")
    for nat in live_nats(backend(call)):
        if any(address.get("allocationId") == name for address in nat.address_set):
            raise Refused("InvalidIPAddress.InUse", f"Address {name} is in use by {nat.id}.")


@before("ec2:CreateNatGateway")
def address_is_not_taken(call: Call) -> None:
    """One address serves one gateway."""
    name = call.params.get("AllocationId")
    for nat in live_nats(backend(call)):
        if name and any(address.get("allocationId") == name for address in nat.address_set):
            raise Refused("Resource.AlreadyAssociated", f"Elastic IP address [{name}] is already associated")
