"""WAF: scopes, associations, and updates that replace everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from ..answers import Refused, result
from ..backends import backend
from ..store import STORE
from .registry import after, before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


MISSING = "AWS WAF couldn’t perform the operation because your resource doesn’t exist."


def acls(call: Call) -> Any:
    """The web ACLs of a call's scope."""
    backends = get_backend("wafv2")[call.account]
    return backends["global" if call.params.get("Scope") == "CLOUDFRONT" else call.region].wacls


@before("wafv2:CreateWebACL", "wafv2:ListWebACLs", "wafv2:GetWebACL", "wafv2:UpdateWebACL", "wafv2:DeleteWebACL")
def global_things_are_in_one_region(call: Call) -> None:
    """What is for CloudFront is spoken to in us-east-1."""
    if call.params.get("Scope") == "CLOUDFRONT" and call.region != "us-east-1":
        message = "Error reason: The scope is not valid., field: SCOPE_VALUE, parameter: CLOUDFRONT"
        raise Refused("WAFInvalidParameterException", message)


@before("wafv2:CreateWebACL")
def name_is_free(call: Call) -> None:
    """moto has another code for it."""
    name = call.params.get("Name")
    if any(acl.name == name for acl in acls(call).values()):
        message = (
            "AWS WAF could not perform the operation because some resource in your request is a duplicate of an "
            "existing one."
        )
        raise Refused("WAFDuplicateItemException", message)


@before("wafv2:GetWebACL")
def found_by_arn(call: Call) -> Answer | None:
    """An ARN may be of the global scope, which moto does not look at."""
    arn = call.params.get("ARN") or ""
    if ":global/" not in arn:
        return None
    acl = get_backend("wafv2")[call.account]["global"].wacls.get(arn)
    if acl is None:
        raise Refused("WAFNonexistentItemException", MISSING)
    shown = {key: value for key, value in acl.to_dict().items() if value is not None and key != "LockToken"}
    return result(call, {"WebACL": shown, "LockToken": acl.lock_token})


@after("wafv2:UpdateWebACL")
def everything_is_replaced(call: Call) -> None:
    """moto keeps rules and descriptions that the update leaves out."""
    params = call.params
    for acl in acls(call).values():
        if acl.id == params.get("Id"):
            acl.description = params.get("Description") or ""
            if not params.get("Rules"):
                acl.rules = []


@before("wafv2:DeleteWebACL")
def acl_is_free(call: Call) -> None:
    """An ACL stays for as long as something has it."""
    for acl in acls(call).values():
        if acl.id == call.params.get("Id") and (acl.associated_resources or distributions(call, acl.arn)):
            message = (
                "AWS WAF couldn’t perform the operation because your resource is being used by another resource or "
                "it’s associated with another resource."
            )
            raise Refused("WAFAssociatedItemException", message)


def distributions(call: Call, arn: str) -> bool:
    """Whether a distribution has this ACL."""
    known = STORE.of(call, "cloudfront.Distribution", "global").values()
    configs = [config for one in known for config in (one["Config"], *one["Before"])]
    return any(config.get("WebACLId") == arn for config in configs)


def balancer(call: Call) -> Any:
    """The load balancer that a call is about."""
    arn = call.params.get("ResourceArn") or ""
    found = backend(call, "elbv2").load_balancers.get(arn)
    if ":loadbalancer/" in arn and (found is None or found.type != "application"):
        raise Refused("WAFNonexistentItemException", MISSING)
    return found


@before("wafv2:AssociateWebACL")
def resource_is_there(call: Call) -> None:
    """A load balancer has one ACL, and can have it when it is active."""
    arn = call.params.get("WebACLArn") or ""
    if ":global/" in arn or ":distribution/" in (call.params.get("ResourceArn") or ""):
        message = "Error reason: The ARN isn't valid., field: RESOURCE_ARN"
        raise Refused("WAFInvalidParameterException", message)
    if arn not in backend(call).wacls:
        raise Refused("WAFNonexistentItemException", MISSING)
    found = balancer(call)
    if found is not None and found.state != "active":
        message = "AWS WAF couldn’t retrieve the resource that you requested. Retry your request."
        raise Refused("WAFUnavailableEntityException", message)
    for acl in backend(call).wacls.values():
        while call.params["ResourceArn"] in acl.associated_resources:
            acl.associated_resources.remove(call.params["ResourceArn"])


@before("wafv2:GetWebACLForResource", "wafv2:DisassociateWebACL")
def resource_exists(call: Call) -> None:
    """moto knows nothing of other services' resources."""
    balancer(call)
