"""What was made a moment ago and cannot be seen everywhere yet: EC2's ids, IAM's names (contract, 1.4)."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from .answers import Refused

if TYPE_CHECKING:
    from .answers import Answer
    from .calls import Call


NEW = re.compile(rb">((?:vpc|subnet|igw|eipalloc|nat|rtb|sg|sgr|vpce|fl|lt)-[0-9a-f]{17})<")
MAKES = ("Create", "Allocate", "Authorize")

# Of an id's beginning: the set of an answer that lists such things, the member that is their own id, and what AWS
# says of one that it does not know.
SHOWN = {
    "vpc": ("vpcSet", "vpcId", "InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
    "subnet": ("subnetSet", "subnetId", "InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"),
    "igw": ("internetGatewaySet", "internetGatewayId", "InvalidInternetGatewayID.NotFound", "The internetGateway ID '{}' does not exist"),
    "eipalloc": ("addressesSet", "allocationId", "InvalidAllocationID.NotFound", "The allocation ID '{}' does not exist"),
    "nat": ("natGatewaySet", "natGatewayId", "NatGatewayNotFound", "The Nat Gateway {} was not found"),
    "rtb": ("routeTableSet", "routeTableId", "InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist"),
    "sg": ("securityGroupInfo", "groupId", "InvalidGroup.NotFound", "The security group '{}' does not exist"),
    "sgr": ("securityGroupRuleSet", "securityGroupRuleId", "InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '{}' does not exist"),
    "vpce": ("vpcEndpointSet", "vpcEndpointId", "InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{}' does not exist"),
    "fl": ("flowLogSet", "flowLogId", "InvalidFlowLogId.NotFound", "The flow log ID '{}' does not exist"),
    "lt": ("launchTemplates", "launchTemplateId", "InvalidLaunchTemplateId.NotFound", "The specified launch template, with template ID {}, does not exist."),
}  # fmt: skip


class Unseen:
    """What some reads do not see yet."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Everything can be seen."""
        self._until = {}

    def note(self, call: Call, answer: Answer, seconds: float) -> None:
        """Hides what a call has made, for some seconds."""
        for name in made(call, answer):
            self._until[name] = time.monotonic() + seconds

    def hidden(self) -> Any:
        """The ids and names that cannot be seen at this moment."""
        now = time.monotonic()
        self._until = {name: until for name, until in self._until.items() if until > now}
        return self._until

    def refuse(self, call: Call) -> bool:
        """Whether a read asks for something that it does not see, by its name."""
        if call.mutating or not (hidden := self.hidden()):
            return False
        if call.service == "iam":
            name = call.params.get("RoleName")
            if name in hidden:
                raise Refused("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
        if call.service == "ec2":
            for key, value in call.params.items():
                for name in value if key.endswith("Ids") and isinstance(value, list) else ():
                    if name in hidden:
                        _, _, code, message = SHOWN[name.partition("-")[0]]
                        raise Refused(code, message.format(name))
        return False

    def without(self, call: Call, answer: Answer) -> Any:
        """An answer without what cannot be seen yet; the same one when nothing is hidden."""
        if call.service != "ec2" or call.mutating or answer[0] != 200 or not (hidden := self.hidden()):
            return answer
        if not any(name.encode() in answer[2] for name in hidden):
            return answer
        root = ElementTree.fromstring(answer[2])
        space = root.tag.partition("}")[0] + "}" if "}" in root.tag else ""
        found = False
        for kind, own, *_ in SHOWN.values():
            for group in root.findall(space + kind):
                for item in list(group):
                    if item.findtext(space + own) in hidden:
                        group.remove(item)
                        found = True
        if not found:
            return answer
        ElementTree.register_namespace("", space[1:-1])
        return answer[0], answer[1], ElementTree.tostring(root, xml_declaration=True, encoding="utf-8")


def made(call: Call, answer: Answer) -> list[Any]:
    """The ids and names of what a call has made."""
    if not call.mutating or answer[0] >= 300 or not call.operation.startswith(MAKES):
        return []
    if call.service == "ec2":
        told = str(call.params)
        ids = {name.decode() for name in NEW.findall(answer[2])}
        return sorted(name for name in ids if name not in told)
    names = {"iam:CreateRole": "RoleName", "s3:CreateBucket": "Bucket"}
    return [call.params[names[call.name]]] if call.name in names else []


UNSEEN = Unseen()
