"""VPC endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..answers import Refused, result
from ..backends import backend
from .network import live_endpoints
from .registry import after, before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


@before("ec2:CreateVpcEndpoint", "ec2:ModifyVpcEndpoint")
def one_subnet_a_zone(call: Call) -> None:
    """An endpoint has one network interface in a zone."""
    ec2, params = backend(call), call.params
    subnets = set(params.get("SubnetIds") or params.get("AddSubnetIds") or [])
    known = ec2.vpc_end_points.get(params.get("VpcEndpointId"))
    if known:
        subnets |= set(known.subnet_ids or []) - set(params.get("RemoveSubnetIds") or [])
    by_id = ec2.subnets_by_id()
    zones = [by_id[subnet].availability_zone for subnet in subnets if subnet in by_id]
    if len(zones) != len(set(zones)):
        raise Refused("DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone")


@before("ec2:ModifyVpcEndpoint")
def endpoint_is_settled(call: Call) -> None:
    """One modification at a time, and none before the endpoint is available."""
    name = call.params.get("VpcEndpointId")
    endpoint = backend(call).vpc_end_points.get(name)
    if endpoint is None or endpoint.state == "deleted":
        raise Refused("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{name}' does not exist")
    if endpoint.state != "available":
        raise Refused("IncorrectState", f"The state of the vpc endpoint '{name}' is {endpoint.state}")


@before("ec2:CreateVpcEndpoint")
def private_dns_is_possible(call: Call) -> None:
    """Private names need both DNS attributes of the VPC, and can be taken once."""
    params, ec2 = call.params, backend(call)
    if (params.get("VpcEndpointType") or "Gateway") != "Interface" or params.get("PrivateDnsEnabled") is False:
        return
    vpc = ec2.vpcs.get(params.get("VpcId"))
    if vpc and not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
        message = (
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true"
        )
        raise Refused("InvalidParameter", message)
    for other in live_endpoints(ec2):
        same = (other.vpc_id, other.service_name) == (params.get("VpcId"), params.get("ServiceName"))
        if same and other.private_dns_enabled and other.vpc_endpoint_type == "Interface":
            message = "private-dns-enabled cannot be set because there is already a conflicting DNS domain"
            raise Refused("InvalidParameter", message)


@before("ec2:CreateVpcEndpoint")
def prefix_list_is_routed_once(call: Call) -> None:
    """A gateway endpoint adds a route to each of its tables; there can be one for a service."""
    params = call.params
    if (params.get("VpcEndpointType") or "Gateway") != "Gateway":
        return
    for other in live_endpoints(backend(call)):
        taken = set(other.route_table_ids) & set(params.get("RouteTableIds") or [])
        if other.service_name == params.get("ServiceName") and taken:
            message = f"route table {min(taken)} already has a route with destination-prefix-list-id"
            raise Refused("RouteAlreadyExists", message)


@before("ec2:DeleteVpcEndpoints")
def every_item_has_its_own_answer(call: Call) -> Answer:
    """The call succeeds; what it could not delete stands in its answer."""
    ec2 = backend(call)
    live = {endpoint.id for endpoint in live_endpoints(ec2)}
    wanted = call.params.get("VpcEndpointIds") or []
    ec2.delete_vpc_endpoints([name for name in wanted if name in live])
    failed = [
        {
            "ResourceId": name,
            "Error": {
                "Code": "InvalidVpcEndpoint.NotFound",
                "Message": f"The Vpc Endpoint Id '{name}' does not exist",
            },
        }
        for name in wanted
        if name not in live
    ]
    return result(call, {"Unsuccessful": failed})


@after("ec2:ModifyVpcEndpoint")
def private_dns_changes(call: Call) -> None:
    """moto drops it."""
    wanted = call.params.get("PrivateDnsEnabled")
    if wanted is not None:
        backend(call).vpc_end_points[call.params["VpcEndpointId"]].private_dns_enabled = wanted
