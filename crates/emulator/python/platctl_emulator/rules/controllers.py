"""What programs in clusters do about what others delete, and what their interfaces and volumes hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused
from ..backends import backend
from ..controllers import POOL, running
from ..kubernetes import KUBERNETES
from .network import in_use
from .registry import after, before

if TYPE_CHECKING:
    from ..calls import Call


@after("ec2:TerminateInstances")
def interfaces_go_with_their_instance(call: Call) -> None:
    """The first one of an instance is deleted with it; moto leaves it."""
    ec2 = backend(call)
    for instance in ec2.all_instances():
        if instance.id in (call.params.get("InstanceIds") or []):
            for interface in instance.nics.values():
                ec2.enis.pop(interface.id, None)


@after("ec2:TerminateInstances")
def instances_come_back(call: Call) -> None:
    """As long as its node pool is there, Karpenter launches another one."""
    for programs in list(running().values()):
        ended = call.params.get("InstanceIds") or []
        server = KUBERNETES.server(programs.cluster.get("endpoint"))
        if programs.made["instance"] in ended and programs.alive() and server and POOL in server.objects:
            programs.launch()


@after("logs:DeleteLogGroup")
def log_groups_come_back(call: Call) -> None:
    """Whoever still writes makes it again."""
    for programs in list(running().values()):
        if call.params.get("logGroupName") == f"/aws/eks/{programs.name}/cluster":
            programs.log_group_deleted()


def interfaces(ec2: Any) -> list[Any]:
    """All but those of NAT gateways and endpoints, which moto leaves behind, and for which other rules stand."""
    theirs = {nat._eni.id for nat in ec2.nat_gateways.values()}
    for endpoint in ec2.vpc_end_points.values():
        theirs.update(endpoint.network_interface_ids or [])
    return [interface for interface in ec2.enis.values() if interface.id not in theirs]


@before("ec2:DeleteSecurityGroup")
def group_has_no_interface(call: Call) -> None:
    """An interface keeps its groups, attached or not."""
    name = call.params.get("GroupId")
    for interface in interfaces(backend(call)):
        if any(group.id == name for group in interface.group_set):
            raise Refused("DependencyViolation", f"resource {name} has a dependent object")


@before("ec2:DeleteSubnet")
def subnet_has_no_interface(call: Call) -> None:
    """An interface lives in its subnet."""
    name = call.params.get("SubnetId")
    if any(interface.subnet.id == name for interface in interfaces(backend(call))):
        raise in_use("subnet", name)
