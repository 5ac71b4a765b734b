"""EC2: gateways and endpoints that are pending and deleting for a while, and faster tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2 import utils
from moto.ec2.models import EC2Backend
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.models.route_tables import Route
from moto.ec2.models.vpcs import VPCEndPoint

from ..hostile import fails
from ..timeline import TIMELINE
from .wrap import around

# AWS seconds, as usually seen.
NAT_CREATE, NAT_DELETE, ENDPOINT_CREATE, ENDPOINT_DELETE = 105, 60, 60, 60


def apply(profile: Any) -> None:
    """Changes the EC2 backend."""
    EC2Backend.subnets_by_id = subnets_by_id
    TaggedEC2Resource.get_tags = get_tags
    NatGateway.failure_code = NatGateway.failure_message = None
    Route.state = property(route_state)
    # moto answers the tags that a template was made with.
    LaunchTemplate.tags = property(lambda self: self.get_tags(), lambda self, tags: None)
    filters()
    nat_gateways(profile)
    networks()
    endpoints()


def subnets_by_id(self: Any) -> dict[str, Any]:
    """moto keeps subnets by zone."""
    return {name: subnet for zone in self.subnets.values() for name, subnet in zone.items()}


def get_tags(self: Any) -> list[Any]:
    """moto looks through all tags of all resources for those of one."""
    tags = self.ec2_backend.tags.get(self.id) or {} if self.id else {}
    kind = self.id.rpartition("-")[0] if self.id else ""
    return [{"resource_id": self.id, "resource_type": kind, "key": key, "value": value} for key, value in tags.items()]


def route_state(self: Any) -> str:
    """A route to a gateway that is gone stays, and leads nowhere."""
    return "blackhole" if self.nat_gateway is not None and self.nat_gateway.state == "deleted" else "active"


def filters() -> None:
    """moto asks of a thing with several values that it has all that are asked for; AWS, that it has one."""

    @around(utils, "is_filter_matching")
    def matching(old: Callable[..., Any], thing: Any, name: str, wanted: Any) -> Any:
        values = thing.get_filter_value(name)
        if isinstance(values, str) or not hasattr(values, "__iter__"):
            return old(thing, name, wanted)
        return any(value in wanted for value in values)

    @around(VPCEndPoint, "get_filter_value")
    def value(old: Callable[..., Any], self: Any, name: str, method: Any = None) -> Any:
        return self.id if name == "vpc-endpoint-id" else old(self, name, method)

    @around(EC2Backend, "describe_nat_gateways")
    def described(old: Callable[..., Any], self: Any, filters: Any, nat_gateway_ids: Any) -> list[Any]:
        # moto looks at four filters and passes over all others, tags among them.
        tags = {name: wanted for name, wanted in (filters or {}).items() if name.startswith("tag")}
        found = old(self, filters, nat_gateway_ids)
        return [nat for nat in found if all(utils.is_filter_matching(nat, *tag) for tag in tags.items())]


def later(seconds: float, thing: Any, state: str) -> None:
    """Gives a thing a state when its time has come, unless it has left the present one until then."""
    now = thing.state

    def change() -> None:
        if thing.state == now:
            thing.state = state

    TIMELINE.after(seconds, change)


def nat_gateways(profile: Any) -> None:
    """A gateway without an internet gateway fails, as all of its failures do, after it was accepted."""

    @around(EC2Backend, "create_nat_gateway")
    def create(old: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
        nat = old(self, *args, **kwargs)
        nat.state = "pending"
        attached = any(igw.vpc and igw.vpc.id == nat.vpc_id for igw in self.internet_gateways.values())
        if profile["strict"] and nat.connectivity_type != "private" and not attached:
            nat.failure_code = "Gateway.NotAttached"
            nat.failure_message = f"Network {nat.vpc_id} has no Internet gateway attached"
            later(10, nat, "failed")
        elif fails(profile["chaos"], "ec2:CreateNatGateway", len(self.nat_gateways)):
            nat.failure_code, nat.failure_message = "InternalError", "The gateway could not be created."
            later(10, nat, "failed")
        else:
            later(NAT_CREATE, nat, "available")
        return nat

    @around(EC2Backend, "delete_nat_gateway")
    def delete(old: Callable[..., Any], self: Any, name: str) -> Any:
        nat = self.nat_gateways[name]
        nat.state = "deleting"

        def gone() -> None:
            old(self, name)
            for address in nat.address_set:
                address = self.address_by_allocation([address["allocationId"]]) if "allocationId" in address else []
                for elastic in address:
                    elastic.eni = elastic.association_id = None
            self.enis.pop(nat._eni.id, None)

        TIMELINE.after(NAT_DELETE, gone)
        return nat


def networks() -> None:
    """A VPC goes with what came with it."""

    @around(EC2Backend, "delete_vpc")
    def delete_vpc(old: Callable[..., Any], self: Any, vpc_id: Any) -> Any:
        vpc = old(self, vpc_id)
        for name in [name for name, acl in self.network_acls.items() if acl.vpc_id == vpc_id]:
            del self.network_acls[name]
        return vpc


def endpoints() -> None:
    """Interface endpoints take a minute either way; deleted ones are not to be seen any more."""

    @around(EC2Backend, "create_vpc_endpoint")
    def create(old: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
        endpoint = old(self, *args, **kwargs)
        endpoint.vpc_endpoint_type = endpoint.vpc_endpoint_type or "Gateway"
        if endpoint.vpc_endpoint_type == "Interface":
            if not endpoint.security_group_ids:
                group = self.get_default_security_group(endpoint.vpc_id)
                endpoint.security_group_ids = [group.id] if group else []
            endpoint.state = "pending"
            later(ENDPOINT_CREATE, endpoint, "available")
        return endpoint

    @around(EC2Backend, "delete_vpc_endpoints")
    def delete(old: Callable[..., Any], self: Any, vpce_ids: Any = None) -> None:
        for name in vpce_ids or []:
            endpoint = self.vpc_end_points[name]
            if endpoint.vpc_endpoint_type == "Interface":
                endpoint.state = "deleting"
                TIMELINE.after(ENDPOINT_DELETE, lambda gone=name: remove(self, gone))
            else:
                remove(self, name)

    @around(EC2Backend, "modify_vpc_endpoint")
    def modify(old: Callable[..., Any], self: Any, vpc_id: Any, **changes: Any) -> None:
        old(self, vpc_id=vpc_id, **changes)
        endpoint = self.vpc_end_points[vpc_id]
        if endpoint.vpc_endpoint_type == "Gateway" and endpoint.destination_prefix_list_id:
            unroute(self, endpoint)
            for table in endpoint.route_table_ids:
                self.create_route(
                    table,
                    None,
                    gateway_id=endpoint.id,
                    destination_prefix_list_id=endpoint.destination_prefix_list_id,
                )


def remove(self: Any, name: str) -> None:
    """An endpoint is gone, with its routes and network interfaces."""
    endpoint = self.vpc_end_points.pop(name, None)
    if endpoint:
        unroute(self, endpoint)
        for interface in endpoint.network_interface_ids:
            self.enis.pop(interface, None)


def unroute(self: Any, endpoint: Any) -> None:
    """Takes the routes of a gateway endpoint out of all tables."""
    for table in self.route_tables.values():
        for key, route in list(table._routes.items()):
            if endpoint.destination_prefix_list_id and route.gateway_id == endpoint.id:
                del table._routes[key]
