"""AWS's default quotas."""

from ..answers import Refused
from ..backends import backend
from .network import live_nats
from .registry import quota


@quota("ec2:CreateVpc")
def five_vpcs(call):
    """The default VPC is one of them."""
    if len(backend(call).vpcs) >= 5:
        raise Refused("VpcLimitExceeded", "The maximum number of VPCs has been reached.")


@quota("ec2:AllocateAddress")
def five_addresses(call):
    """The quota that a NAT gateway for each zone meets first."""
    if len(backend(call).addresses) >= 5:
        raise Refused("AddressLimitExceeded", "The maximum number of addresses has been reached.")


@quota("ec2:CreateNatGateway")
def five_gateways_a_zone(call):
    """Counted by zone."""
    ec2 = backend(call)
    subnets = ec2.subnets_by_id()
    zone = getattr(subnets.get(call.params.get("SubnetId")), "availability_zone", None)
    zones = [subnets[nat.subnet_id].availability_zone for nat in live_nats(ec2) if nat.subnet_id in subnets]
    if zones.count(zone) >= 5:
        raise Refused("NatGatewayLimitExceeded", f"The maximum number of NAT gateways in {zone} has been reached.")
