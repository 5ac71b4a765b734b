"""Security groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..answers import Refused
from ..backends import backend
from .network import live_endpoints
from .registry import before

if TYPE_CHECKING:
    from ..calls import Call


@before("ec2:DeleteSecurityGroup")
def group_is_unused(call: Call) -> None:
    """Rules of other groups and endpoints keep a group."""
    ec2, name = backend(call), call.params.get("GroupId")
    for groups in ec2.groups.values():
        for group in groups.values():
            rules = [*group.ingress_rules, *group.egress_rules]
            if group.id != name and any(rule.source_group.get("GroupId") == name for rule in rules):
                raise _in_use(name)
    if any(name in endpoint.security_group_ids for endpoint in live_endpoints(ec2)):
        raise _in_use(name)


def _in_use(name: str) -> Refused:
    return Refused("DependencyViolation", f"resource {name} has a dependent object")
