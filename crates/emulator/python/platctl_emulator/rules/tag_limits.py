"""EC2 takes 50 tags on an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..answers import Refused
from .registry import before

if TYPE_CHECKING:
    from ..calls import Call


MOST = 50
CREATIONS = (
    "AllocateAddress",
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateFlowLogs",
    "CreateInternetGateway",
    "CreateLaunchTemplate",
    "CreateNatGateway",
    "CreateRouteTable",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateVpc",
    "CreateVpcEndpoint",
)


@before(*(f"ec2:{name}" for name in CREATIONS))
def few_tags(call: Call) -> None:
    """Those that begin with `aws:` do not count."""
    for specification in call.params.get("TagSpecifications") or []:
        tags = [tag for tag in specification.get("Tags") or [] if not tag["Key"].startswith("aws:")]
        if len(tags) > MOST:
            raise Refused("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
