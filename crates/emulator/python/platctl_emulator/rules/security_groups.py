"""Security groups."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

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


# What names and descriptions are made of.
CHARACTERS = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
SOUND = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]*")


def _invalid(what: str, plural: str) -> Refused:
    text = f"Invalid {what}. Valid {plural} are strings less than 256 characters from the following set:  {CHARACTERS}"
    return Refused("InvalidParameterValue", text)


def _text(value: str, parameter: str, what: str) -> None:
    if not value.isascii():
        text = f"Value ({value}) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
        raise Refused("InvalidParameterValue", text)
    if len(value) > 255 or not SOUND.fullmatch(value):
        raise _invalid(what, f"{what}s")


@before("ec2:CreateSecurityGroup")
def group_has_few_characters(call: Call) -> None:
    """moto takes any."""
    _text(call.params.get("GroupName") or "", "GroupName", "security group name")
    _text(call.params.get("Description") or "", "GroupDescription", "security group description")


def _descriptions(value: Any) -> list[str]:
    """All descriptions within a request."""
    if isinstance(value, dict):
        own = [value["Description"]] if isinstance(value.get("Description"), str) else []
        return own + [found for inner in value.values() for found in _descriptions(inner)]
    return [found for inner in value for found in _descriptions(inner)] if isinstance(value, list) else []


@before(
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:ModifySecurityGroupRules",
    "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
)
def rule_has_few_characters(call: Call) -> None:
    """moto takes any."""
    for text in _descriptions(dict(call.params)):
        if len(text) > 255 or not SOUND.fullmatch(text):
            raise _invalid("rule description", "descriptions")


def _in_use(name: str) -> Refused:
    return Refused("DependencyViolation", f"resource {name} has a dependent object")
