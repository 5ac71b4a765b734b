"""What needs a way to the internet, and what is refused or fails without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused
from ..backends import backend
from .elbv2 import holders
from .registry import before

if TYPE_CHECKING:
    from ..calls import Call


def attached(ec2: Any, vpc: Any) -> bool:
    """Whether a VPC has an internet gateway."""
    return any(igw.vpc and igw.vpc.id == vpc for igw in ec2.internet_gateways.values())


@before("ec2:DetachInternetGateway")
def no_public_balancer_is_left(call: Call) -> None:
    """A public load balancer keeps public addresses mapped, for as long as its interfaces are there."""
    vpc = call.params.get("VpcId")
    if any(balancer.scheme == "internet-facing" and balancer.vpc_id == vpc for balancer in holders(call)):
        message = (
            f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before "
            "detaching the gateway."
        )
        raise Refused("DependencyViolation", message)


@before("ec2:CreateRoute", "ec2:ReplaceRoute")
def gateway_is_attached(call: Call) -> None:
    """A route leads to the internet gateway of its own VPC."""
    ec2, name = backend(call), call.params.get("GatewayId") or ""
    table, gateway = ec2.route_tables.get(call.params.get("RouteTableId")), ec2.internet_gateways.get(name)
    if table is None or gateway is None:
        return
    if gateway.vpc is None or gateway.vpc.id != table.vpc_id:
        message = f"route table {table.id} and network gateway {name} belong to different networks"
        raise Refused("InvalidParameterValue", message)


@before("cloudfront:CreateVpcOrigin")
def origin_has_a_gateway(call: Call) -> None:
    """CloudFront reaches a VPC only where that has an internet gateway, though nothing passes through it."""
    arn = call.params["VpcOriginEndpointConfig"]["Arn"]
    region = arn.split(":")[3]
    balancer = backend(call, "elbv2", region).load_balancers.get(arn)
    if balancer is not None and not attached(backend(call, "ec2", region), balancer.vpc_id):
        raise Refused("InvalidArgument", f"The VPC {balancer.vpc_id} has no internet gateway.")
