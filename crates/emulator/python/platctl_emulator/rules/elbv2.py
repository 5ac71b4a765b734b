"""Load balancers: protection, what they hold, and certificates of listeners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from ..store import STORE
from ..timeline import TIMELINE
from .network import in_use
from .registry import after, before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# AWS seconds for which the network interfaces of a deleted load balancer linger.
LINGER = 120


def holders(call: Call) -> list[Any]:
    """Subnets and security groups of the load balancers that are there, or whose interfaces still are."""
    return [*backend(call, "elbv2").load_balancers.values(), *STORE.of(call, "elbv2.gone").values()]


@before("elasticloadbalancing:DeleteLoadBalancer")
def balancer_is_free(call: Call) -> None:
    """A protected balancer stays. The interfaces of a deleted one linger, its web ACL lets go of it."""
    arn = call.params.get("LoadBalancerArn")
    balancer = backend(call, "elbv2").load_balancers.get(arn)
    if balancer is None:
        return
    if balancer.attrs.get("deletion_protection.enabled") == "true":
        message = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        raise Refused("OperationNotPermitted", message)
    gone = STORE.of(call, "elbv2.gone")
    gone[arn] = balancer
    TIMELINE.after(LINGER, lambda: gone.pop(arn, None))
    for acl in backend(call, "wafv2").wacls.values():
        if arn in acl.associated_resources:
            acl.associated_resources.remove(arn)


@before("ec2:DeleteSecurityGroup")
def group_has_no_balancer(call: Call) -> None:
    """Network interfaces of load balancers keep their groups."""
    name = call.params.get("GroupId")
    if any(name in (balancer.security_groups or []) for balancer in holders(call)):
        raise Refused("DependencyViolation", f"resource {name} has a dependent object")


@before("ec2:DeleteSubnet")
def subnet_has_no_balancer(call: Call) -> None:
    """Network interfaces of load balancers live in their subnets."""
    name = call.params.get("SubnetId")
    if any(subnet.id == name for balancer in holders(call) for subnet in balancer.subnets):
        raise in_use("subnet", name)


@before("elasticloadbalancing:CreateListener", "elasticloadbalancing:ModifyListener")
def certificate_is_issued(call: Call) -> None:
    """A listener takes a certificate that is issued."""
    params = call.params
    for one in params.get("Certificates") or []:
        arn = one.get("CertificateArn") or ""
        if ":acm:" not in arn:
            continue
        certificate = backend(call, "acm")._certificates.get(arn)
        if certificate is None:
            raise Refused("CertificateNotFound", f"Certificate '{arn}' not found")
        if certificate.status != "ISSUED":
            message = (
                f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a "
                "supported key size."
            )
            raise Refused("UnsupportedCertificate", message)
    if params.get("Protocol") in ("HTTPS", "TLS") and call.operation == "CreateListener":
        if not params.get("Certificates"):
            raise Refused("ValidationError", "A certificate must be specified for HTTPS listeners")


@before("elasticloadbalancing:DeleteRule")
def rule_exists(call: Call) -> None:
    """moto finds no fault with the deletion of what is not there."""
    arn = call.params.get("RuleArn")
    for balancer in backend(call, "elbv2").load_balancers.values():
        for listener in balancer.listeners.values():
            rule = listener.rules.get(arn)
            if rule is not None or arn in {rule.arn for rule in listener.rules.values()}:
                if rule is None or rule.is_default:
                    raise Refused("OperationNotPermitted", f"Default rule '{arn}' cannot be deleted")
                return
    raise Refused("RuleNotFound", "One or more rules not found")


@before("elasticloadbalancing:CreateRule")
def priority_is_in_range(call: Call) -> None:
    """moto takes any."""
    if not 1 <= int(call.params.get("Priority") or 0) <= 50000:
        raise Refused("ValidationError", "Rule priority must be between 1 and 50000")


@after("elasticloadbalancing:ModifyTargetGroup")
def matcher_is_kept(call: Call) -> None:
    """moto looks for it in the wrong place."""
    code = (call.params.get("Matcher") or {}).get("HttpCode")
    group = backend(call, "elbv2").target_groups.get(call.params.get("TargetGroupArn"))
    if code and group is not None:
        group.matcher = {"HttpCode": code}


@before("elasticloadbalancing:DeleteTargetGroup")
def target_group_may_be_gone(call: Call) -> Answer | None:
    """To delete what is not there is no fault; moto says it is one."""
    arn = call.params.get("TargetGroupArn")
    groups = backend(call, "elbv2").target_groups
    if arn not in groups:
        return result(call, {})
    return None


def forwarded(actions: Any) -> Iterator[Any]:
    """The target groups that actions lead to."""
    for action in actions or []:
        if action.get("TargetGroupArn"):
            yield action["TargetGroupArn"]
        for group in (action.get("ForwardConfig") or {}).get("TargetGroups") or []:
            yield group["TargetGroupArn"]


@before(
    "elasticloadbalancing:CreateListener",
    "elasticloadbalancing:ModifyListener",
    "elasticloadbalancing:CreateRule",
    "elasticloadbalancing:ModifyRule",
)
def groups_have_one_balancer(call: Call) -> None:
    """A target group takes requests from one load balancer."""
    elb, params = backend(call, "elbv2"), call.params
    wanted = set(forwarded(params.get("DefaultActions") or params.get("Actions")))
    place = params.get("LoadBalancerArn") or params.get("ListenerArn") or params.get("RuleArn") or ""
    own = place.replace(":listener-rule/", ":listener/").replace(":listener/", ":loadbalancer/").split("/")[1:4]
    for balancer in elb.load_balancers.values() if wanted else ():
        if balancer.arn.split("/")[1:4] == own:
            continue
        for listener in balancer.listeners.values():
            rules = listener.rules.values()
            actions = [listener.default_actions, *(rule.actions for rule in rules)]
            for group in {name for one in actions for name in forwarded(map(raw, one))} & wanted:
                raise Refused(
                    "TargetGroupAssociationLimit",
                    f"The following target groups cannot be associated with more than one load balancer: {group}",
                )


def raw(action: Any) -> dict[str, Any]:
    """An action as a call states it, whatever moto made of it."""
    return action if isinstance(action, dict) else action.data
