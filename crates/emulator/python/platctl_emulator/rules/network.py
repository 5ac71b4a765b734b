"""VPCs, subnets, gateways and routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from ..answers import Refused
from ..backends import backend
from .registry import after, before

if TYPE_CHECKING:
    from ..calls import Call


def live_nats(ec2: Any) -> list[Any]:
    """The NAT gateways that still exist."""
    return [nat for nat in ec2.nat_gateways.values() if nat.state != "deleted"]


def live_endpoints(ec2: Any) -> list[Any]:
    """The endpoints that still exist."""
    return [endpoint for endpoint in ec2.vpc_end_points.values() if endpoint.state != "deleted"]


def in_use(what: str, name: str) -> Refused:
    """AWS's refusal of a deletion that something else stands in the way of."""
    return Refused("DependencyViolation", f"The {what} '{name}' has dependencies and cannot be deleted.")


@before("ec2:DescribeAvailabilityZones")
def zones_are_impaired(call: Call) -> None:
    """Some zones are not in order today."""
    for zone in backend(call).zones.get(call.region, []):
        zone.state = call.profile["zones"].get(zone.name, "available")


@before("ec2:DescribeFlowLogs")
def flow_logs_are_delivered(call: Call) -> None:
    """As long as their log group is there. moto knows a group by its name alone, not by its ARN."""
    groups = get_backend("logs")[call.account][call.region].groups
    for log in backend(call).flow_logs.values():
        if log.log_destination_type != "cloud-watch-logs":
            continue
        name = log.log_group_name or (log.log_destination or "").split(":log-group:")[-1].removesuffix(":*")
        there = name in groups
        log.deliver_logs_status = "SUCCESS" if there else "FAILED"
        log.deliver_logs_error_message = None if there else "Access error"


@before("ec2:DeleteSubnet")
def subnet_is_empty(call: Call) -> None:
    """Network interfaces of NAT gateways and endpoints live in a subnet until those are gone."""
    ec2, subnet = backend(call), call.params.get("SubnetId")
    nats = any(nat.subnet_id == subnet for nat in live_nats(ec2))
    endpoints = any(subnet in (endpoint.subnet_ids or []) for endpoint in live_endpoints(ec2))
    if nats or endpoints:
        raise in_use("subnet", subnet)


@after("ec2:DeleteSubnet")
def associations_go_with_their_subnet(call: Call) -> None:
    """AWS removes them by itself; moto leaves them, and the route table cannot be deleted any more."""
    for table in backend(call).route_tables.values():
        gone = [key for key, subnet in table._associations.items() if subnet == call.params["SubnetId"]]
        for key in gone:
            del table._associations[key]


@before("ec2:DetachInternetGateway")
def no_public_address_is_left(call: Call) -> None:
    """NAT gateways keep public addresses mapped through the internet gateway."""
    vpc = call.params.get("VpcId")
    if any(nat.vpc_id == vpc and nat.connectivity_type != "private" for nat in live_nats(backend(call))):
        message = (
            f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before "
            "detaching the gateway."
        )
        raise Refused("DependencyViolation", message)


@before("ec2:DeleteVpc")
def vpc_is_empty(call: Call) -> None:
    """Everything but the VPC's default children has to go first."""
    ec2, vpc = backend(call), call.params.get("VpcId")
    groups = any(group.name != "default" for group in ec2.groups.get(vpc, {}).values())
    gateways = any(igw.vpc and igw.vpc.id == vpc for igw in ec2.internet_gateways.values())
    endpoints = any(endpoint.vpc_id == vpc for endpoint in live_endpoints(ec2))
    if groups or gateways or endpoints:
        raise in_use("vpc", vpc)


@before("ec2:CreateNatGateway")
def nat_subnet_exists(call: Call) -> None:
    """moto fails with an error of its own."""
    subnet = call.params.get("SubnetId")
    if subnet not in backend(call).subnets_by_id():
        raise Refused("InvalidSubnetID.NotFound", f"The subnet ID '{subnet}' does not exist")


@before("ec2:DeleteNatGateway")
def nat_exists(call: Call) -> None:
    """moto fails with an error of its own."""
    name = call.params.get("NatGatewayId")
    nat = backend(call).nat_gateways.get(name)
    if nat is None or nat.state == "deleted":
        raise Refused("NatGatewayNotFound", f"The Nat Gateway {name} was not found")


@before("ec2:CreateRoute", "ec2:ReplaceRoute")
def route_target_exists(call: Call) -> None:
    """A route cannot lead to a NAT gateway that is not there."""
    name = call.params.get("NatGatewayId")
    if name and name not in {nat.id for nat in live_nats(backend(call))}:
        raise Refused("InvalidNatGatewayID.NotFound", f"The natGateway ID '{name}' does not exist")


@before("ec2:AssociateRouteTable")
def subnet_has_one_table(call: Call) -> None:
    """moto answers an association with another table with the old one."""
    subnet, table = call.params.get("SubnetId"), call.params.get("RouteTableId")
    for other in backend(call).route_tables.values():
        if subnet and other.id != table and subnet in other._associations.values():
            message = f"the specified association for route table {table} conflicts with an existing association"
            raise Refused("Resource.AlreadyAssociated", message)


@before("ec2:ModifyVpcAttribute")
def hostnames_need_support(call: Call) -> None:
    """DNS hostnames are only given out where DNS is."""
    params, vpc = call.params, backend(call).vpcs.get(call.params.get("VpcId"))
    if vpc is None:
        return
    hostnames = (params.get("EnableDnsHostnames") or {}).get("Value")
    support = (params.get("EnableDnsSupport") or {}).get("Value")
    if hostnames is True and not vpc.enable_dns_support:
        raise Refused("InvalidParameterValue", "DNS hostnames can be enabled only if DNS support is enabled.")
    if support is False and vpc.enable_dns_hostnames:
        raise Refused("InvalidParameterValue", "DNS support cannot be disabled while DNS hostnames are enabled.")
