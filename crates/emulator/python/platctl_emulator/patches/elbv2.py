"""Load balancers: states, settings that make the same thing, and what moto keeps or checks wrongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.elbv2 import exceptions
from moto.elbv2.models import ELBv2Backend, FakeListener, FakeLoadBalancer

from ..answers import Refused
from ..hostile import fails
from ..timeline import TIMELINE
from .wrap import around

# AWS seconds, as usually seen.
PROVISIONED = 150
APPLICATION = {
    "idle_timeout.timeout_seconds": "60",
    "client_keep_alive.seconds": "3600",
    "routing.http2.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "waf.fail_open.enabled": "false",
    "access_logs.s3.enabled": "false",
    "connection_logs.s3.enabled": "false",
    "zonal_shift.config.enabled": "false",
    "load_balancing.cross_zone.enabled": "true",
}


def apply(profile: Any) -> None:
    """Changes the backend."""
    # moto makes a balancer active as soon as somebody looks at it.
    FakeLoadBalancer.activate = lambda self: None
    ELBv2Backend.describe_tags = describe_tags
    ELBv2Backend.add_tags = add_tags
    ELBv2Backend.set_rule_priorities = set_rule_priorities
    balancers(profile)
    target_groups()
    listeners()


def balancers(profile: Any) -> None:
    """Equal settings make the same balancer, others of its name are refused."""

    @around(ELBv2Backend, "create_load_balancer")
    def create(
        old: Callable[..., Any], self: Any, name: str, security_groups: Any, subnet_ids: Any, **rest: Any
    ) -> Any:
        kind, scheme = rest.get("loadbalancer_type") or "application", rest.get("scheme") or "internet-facing"
        rest.update(loadbalancer_type=kind, scheme=scheme)
        mapped = [mapping["SubnetId"] for mapping in rest.get("subnet_mappings") or []]
        asked = (kind, scheme, rest.get("ip_address_type"), set(subnet_ids) | set(mapped), set(security_groups))
        for balancer in self.load_balancers.values():
            if balancer.name == name:
                if balancer.asked == asked:
                    return balancer
                message = f"A load balancer with the same name '{name}' exists, but with different settings"
                raise Refused("DuplicateLoadBalancerName", message)
        check_subnets(self, kind, scheme, subnet_ids + mapped)
        for group in security_groups:
            if self.ec2_backend.get_security_group_from_id(group) is None:
                raise Refused("InvalidSecurityGroup", f"One or more security groups are invalid: {group}")
        balancer = old(self, name, security_groups, subnet_ids, **rest)
        balancer.asked = asked
        if kind == "application":
            balancer.attrs.update(APPLICATION)
            if not security_groups:
                default = self.ec2_backend.get_default_security_group(balancer.vpc_id)
                balancer.security_groups = [default.id] if default else []
        else:
            rename(self, balancer)

        ends = "failed" if fails(profile["chaos"], "elbv2:CreateLoadBalancer", name) else "active"

        def provisioned() -> None:
            balancer.state = ends

        TIMELINE.after(PROVISIONED, provisioned)
        return balancer

    @around(ELBv2Backend, "describe_load_balancers")
    def describe(old: Callable[..., Any], self: Any, arns: Any, names: Any) -> Any:
        known = {balancer.name for balancer in self.load_balancers.values()}
        if any(arn not in self.load_balancers for arn in arns or []) or set(names or []) - known:
            raise exceptions.LoadBalancerNotFoundError()
        return old(self, arns, names)

    @around(ELBv2Backend, "set_subnets")
    def set_subnets(old: Callable[..., Any], self: Any, arn: str, subnets: Any, subnet_mappings: Any) -> Any:
        if arn in self.load_balancers:
            balancer = self.load_balancers[arn]
            check_subnets(self, balancer.type, balancer.scheme, subnets)
        return old(self, arn, subnets, subnet_mappings)


def check_subnets(self: Any, kind: str, scheme: Any, names: Any) -> None:
    """One subnet for each zone; two zones for an application load balancer."""
    known = self.ec2_backend.subnets_by_id()
    for name in names:
        if name not in known:
            raise Refused("SubnetNotFound", f"The subnet ID '{name}' does not exist")
    zones = [known[name].availability_zone for name in names]
    if len(zones) != len(set(zones)):
        message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
        raise Refused("InvalidConfigurationRequest", message)
    if kind == "application" and len(zones) < 2:
        message = "At least two subnets in two different Availability Zones must be specified"
        raise Refused("ValidationError", message)
    vpcs = {known[name].vpc_id for name in names}
    gateways = self.ec2_backend.internet_gateways.values()
    if scheme == "internet-facing" and not any(igw.vpc and igw.vpc.id in vpcs for igw in gateways):
        raise Refused("InvalidSubnet", f"VPC {min(vpcs)} has no internet gateway")


def rename(self: Any, balancer: Any) -> None:
    """A network load balancer has another ARN."""
    tags = self.tagging_service.list_tags_for_resource(balancer.arn)["Tags"]
    del self.load_balancers[balancer.arn]
    self.tagging_service.delete_all_tags_for_resource(balancer.arn)
    balancer.arn = balancer.arn.replace(":loadbalancer/app/", ":loadbalancer/net/")
    self.load_balancers[balancer.arn] = balancer
    self.tagging_service.tag_resource(balancer.arn, tags)


def target_groups() -> None:
    """Equal settings make the same target group."""

    @around(ELBv2Backend, "create_target_group")
    def create(old: Callable[..., Any], self: Any, name: str, **settings: Any) -> Any:
        asked = {key: value for key, value in settings.items() if key != "tags"}
        for group in self.target_groups.values():
            if group.name == name and getattr(group, "asked", None) == asked:
                return group
        group = old(self, name, **settings)
        group.asked = asked
        if group.protocol == "HTTP" or group.protocol == "HTTPS":
            group.attributes["stickiness.lb_cookie.duration_seconds"] = "86400"
        return group


def listeners() -> None:
    """A port has one listener; what is gone is an error for the whole call."""

    @around(ELBv2Backend, "create_listener")
    def create(
        old: Callable[..., Any],
        self: Any,
        load_balancer_arn: Any,
        protocol: Any,
        port: Any,
        ssl_policy: Any,
        certificate: Any,
        actions: Any,
        *rest: Any,
        **more: Any,
    ) -> Any:
        balancer = self.load_balancers.get(load_balancer_arn)
        asked = (protocol, ssl_policy, certificate, repr(actions))
        for listener in balancer.listeners.values() if balancer else ():
            if str(listener.port) == str(port):
                if listener.asked == asked:
                    return listener
                raise exceptions.DuplicateListenerError()
        listener = old(self, load_balancer_arn, protocol, port, ssl_policy, certificate, actions, *rest, **more)
        listener.asked = asked
        if balancer.type == "application":
            listener.attributes = {"routing.http.response.server.enabled": "true"}
        return listener

    @around(ELBv2Backend, "describe_listeners")
    def describe(old: Callable[..., Any], self: Any, load_balancer_arn: Any, listener_arns: Any) -> Any:
        found = old(self, load_balancer_arn, listener_arns)
        if listener_arns and len(found) != len(set(listener_arns)):
            raise exceptions.ListenerNotFoundError()
        return found

    @around(FakeListener, "__init__")
    def init(old: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> None:
        self.asked = None
        old(self, *args, **kwargs)


def describe_tags(self: Any, resource_arns: Any) -> dict[str, Any]:
    """moto knows no tags of what is not there, AWS refuses."""
    for arn in resource_arns:
        self._get_resource_by_arn(arn)
    return {arn: self.tagging_service.get_tag_dict_for_resource(arn) for arn in resource_arns}


def add_tags(self: Any, resource_arns: Any, tags: dict[str, Any]) -> None:
    """moto takes ten tags, AWS fifty."""
    for arn in resource_arns:
        self._get_resource_by_arn(arn)
        self.tagging_service.tag_resource(arn, tags)
        if len(self.tagging_service.get_tag_dict_for_resource(arn)) > 50:
            raise exceptions.TooManyTagsError()


def set_rule_priorities(self: Any, rule_priorities: Any) -> Any:
    """Rules of one call may change places."""
    wanted = {pair["RuleArn"]: pair["Priority"] for pair in rule_priorities}
    rules = [self.describe_rules(listener_arn=None, rule_arns=[arn])[0] for arn in wanted]
    if len(set(wanted.values())) != len(wanted):
        raise Refused("InvalidConfigurationRequest", "A priority is given twice")
    for rule in rules:
        for other in self.describe_listeners(None, [rule.listener_arn])[0].rules.values():
            if other.arn not in wanted and str(other.priority) == str(wanted[rule.arn]):
                raise exceptions.PriorityInUseError()
    for rule in rules:
        rule.priority = wanted[rule.arn]
    return rules
