"""The quotas that a new account begins with (contract, 1.13): by AWS's code where it has one, so that they can be
raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..answers import Refused
from ..backends import backend
from ..store import STORE
from .network import live_endpoints, live_nats
from .registry import QUOTAS

if TYPE_CHECKING:
    from ..calls import Call


VCPUS = "L-1216C47A"
MULTIPLES = {"medium": 1, "large": 2, "xlarge": 4}


def of(service: str, attribute: str) -> Callable[..., Any]:
    """How many things of a kind moto keeps."""
    return lambda call: len(getattr(backend(call, service), attribute))


def kept(kind: str, region: str | None = None) -> Callable[..., Any]:
    """How many the layer keeps, in the region of the call or another one."""
    return lambda call: len(STORE.of(call, kind, region))


def named(attribute: str, parameter: Any) -> Callable[..., Any]:
    """How many things of EC2 belong to what a parameter names."""
    return lambda call: sum(
        1 for thing in getattr(backend(call), attribute).values() if thing.vpc_id == call.params.get(parameter)
    )


def subnets(call: Call) -> int:
    """Of one VPC."""
    return sum(1 for subnet in backend(call).subnets_by_id().values() if subnet.vpc_id == call.params.get("VpcId"))


def gateways_of_zone(call: Call) -> Any:
    """NAT gateways of one zone."""
    ec2 = backend(call)
    by_id = ec2.subnets_by_id()
    zone = getattr(by_id.get(call.params.get("SubnetId")), "availability_zone", None)
    zones = [by_id[nat.subnet_id].availability_zone for nat in live_nats(ec2) if nat.subnet_id in by_id]
    return zones.count(zone)


def endpoints(kind: str) -> Any:
    """Interface endpoints of one VPC, or gateway endpoints of the region; of other calls none."""

    def count(call: Call) -> Any:
        wanted = call.params.get("VpcEndpointType") or "Gateway"
        if (wanted == "Gateway") != (kind == "Gateway"):
            return -1
        here = [one for one in live_endpoints(backend(call)) if one.vpc_endpoint_type == wanted]
        return len([one for one in here if kind == "Gateway" or one.vpc_id == call.params.get("VpcId")])

    return count


def groups(call: Call) -> int:
    """Security groups of the region."""
    return sum(len(of_vpc) for of_vpc in backend(call).groups.values())


def rules(direction: str) -> Any:
    """Rules of one group and direction, with those that the call adds."""

    def count(call: Call) -> Any:
        group = backend(call).get_security_group_from_id(call.params.get("GroupId"))
        new = sum(
            len(one.get(key) or [])
            for one in call.params.get("IpPermissions") or []
            for key in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
        )
        return len(getattr(group, direction, ())) + max(new, 1) - 1

    return count


def routes(call: Call) -> int:
    """Of one table."""
    table = backend(call).route_tables.get(call.params.get("RouteTableId"))
    return len(table._routes) if table else 0


def of_cluster(kind: str) -> Callable[..., Any]:
    """How many things of a kind a cluster of EKS has."""
    return lambda call: sum(1 for cluster, _ in STORE.of(call, f"eks.{kind}") if cluster == call.params["clusterName"])


def listeners(call: Call) -> int:
    """Of one load balancer."""
    balancer = backend(call, "elbv2").load_balancers.get(call.params.get("LoadBalancerArn"))
    return len(balancer.listeners) if balancer else 0


def attached(call: Call) -> int:
    """Managed policies of one role."""
    role = next((role for role in backend(call).roles.values() if role.name == call.params.get("RoleName")), None)
    return len(role.managed_policies) if role and call.params.get("PolicyArn") not in role.managed_policies else 0


def own_policies(call: Call) -> Any:
    """Managed policies that are not AWS's."""
    iam = backend(call)
    return len(iam.managed_policies) - len(iam.aws_managed_policies)


def trust(call: Call) -> Any:
    """The length of a role's trust policy, without the character that makes it too long."""
    text = call.params.get("AssumeRolePolicyDocument") or call.params.get("PolicyDocument") or "{}"
    try:
        text = json.dumps(json.loads(text), separators=(",", ":"))
    except ValueError:
        pass
    return len(text) - 1


def targets(call: Call) -> Any:
    """Targets that a rule would have, without the last one."""
    rule = backend(call).describe_rule(call.params["Rule"], None) if call.params.get("Rule") else None
    known = {target["Id"] for target in getattr(rule, "targets", ())}
    return len(known | {target["Id"] for target in call.params.get("Targets") or []}) - 1


def parameter_groups(attribute: str) -> Callable[..., Any]:
    """Those of one's own."""
    return lambda call: len([name for name in getattr(backend(call), attribute) if not name.startswith("default.")])


# Operation: code of the quota, what it is by default, how much of it is taken, AWS's error and its words.
TABLE = (
    ("ec2:CreateVpc", "L-F678F1CE", 5, of("ec2", "vpcs"), "VpcLimitExceeded", "The maximum number of VPCs has been reached."),
    ("ec2:CreateSubnet", "L-407747CB", 200, subnets, "SubnetLimitExceeded", "The maximum number of subnets has been reached."),
    ("ec2:CreateInternetGateway", "L-A4707A72", 5, of("ec2", "internet_gateways"), "InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached."),
    ("ec2:AllocateAddress", "L-0263D0A3", 5, of("ec2", "addresses"), "AddressLimitExceeded", "The maximum number of addresses has been reached."),
    ("ec2:CreateNatGateway", "L-FE5A380F", 5, gateways_of_zone, "NatGatewayLimitExceeded", "The maximum number of NAT gateways has been reached."),
    ("ec2:CreateRouteTable", "L-589F43AA", 200, named("route_tables", "VpcId"), "RouteTableLimitExceeded", "The maximum number of route tables has been reached."),
    ("ec2:CreateRoute", "L-93826ACB", 500, routes, "RouteLimitExceeded", "The maximum number of routes has been reached."),
    ("ec2:CreateSecurityGroup", "L-E79EC296", 2500, groups, "SecurityGroupLimitExceeded", "The maximum number of security groups has been reached."),
    ("ec2:AuthorizeSecurityGroupIngress", "L-0EA8095F", 60, rules("ingress_rules"), "RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached."),
    ("ec2:AuthorizeSecurityGroupEgress", "L-0EA8095F", 60, rules("egress_rules"), "RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached."),
    ("ec2:CreateVpcEndpoint", "L-29B6F2EB", 50, endpoints("Interface"), "VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached."),
    ("ec2:CreateVpcEndpoint", "L-1B52E74A", 20, endpoints("Gateway"), "VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached."),
    ("eks:CreateCluster", "L-1194D53C", 100, kept("eks.clusters"), "ResourceLimitExceededException", "Cluster limit exceeded"),
    ("eks:CreateNodegroup", "L-6D54EA21", 30, of_cluster("nodegroups"), "ResourceLimitExceededException", "Nodegroup limit exceeded for cluster"),
    ("eks:CreateFargateProfile", "L-33415657", 10, of_cluster("fargate"), "ResourceLimitExceededException", "Fargate profile limit exceeded"),
    ("rds:CreateDBInstance", "L-7B6409FD", 40, of("rds", "databases"), "InstanceQuotaExceeded", "Instance quota exceeded"),
    ("rds:CreateDBCluster", "L-952B80B8", 40, of("rds", "clusters"), "DBClusterQuotaExceededFault", "DB cluster quota exceeded"),
    ("rds:CreateDBSubnetGroup", "L-48C6BF61", 50, of("rds", "subnet_groups"), "DBSubnetGroupQuotaExceeded", "DB subnet group quota exceeded"),
    ("rds:CreateDBParameterGroup", "L-DE55804A", 50, parameter_groups("db_parameter_groups"), "DBParameterGroupQuotaExceeded", "DB parameter group quota exceeded"),
    ("rds:CreateDBClusterParameterGroup", "L-E4C808A8", 50, parameter_groups("db_cluster_parameter_groups"), "DBParameterGroupQuotaExceeded", "DB cluster parameter group quota exceeded"),
    ("iam:CreateRole", "L-FE177D64", 1000, of("iam", "roles"), "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000"),
    ("iam:CreateRole", "L-C07B4B0D", 2048, trust, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"),
    ("iam:UpdateAssumeRolePolicy", "L-C07B4B0D", 2048, trust, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"),
    ("iam:CreatePolicy", "L-E95E4862", 1500, own_policies, "LimitExceeded", "Cannot exceed quota for PoliciesPerAccount: 1500"),
    ("iam:AttachRolePolicy", "L-0DA4ABF3", 20, attached, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 20"),
    ("iam:CreateOpenIDConnectProvider", "L-858F3967", 100, of("iam", "open_id_providers"), "LimitExceeded", "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100"),
    ("s3:CreateBucket", "L-DC2B2D3D", 10_000, of("s3", "buckets"), "TooManyBuckets", "You have attempted to create more buckets than allowed"),
    ("elasticloadbalancing:CreateLoadBalancer", "L-53DA6B97", 50, of("elbv2", "load_balancers"), "TooManyLoadBalancers", "The maximum number of load balancers has been reached"),
    ("elasticloadbalancing:CreateListener", "L-B6DF7632", 50, listeners, "TooManyListeners", "The maximum number of listeners has been reached on the load balancer"),
    ("elasticloadbalancing:CreateTargetGroup", "L-B22855CB", 3000, of("elbv2", "target_groups"), "TooManyTargetGroups", "The maximum number of target groups has been reached"),
    ("route53:CreateHostedZone", "L-4EA4796A", 500, of("route53", "zones"), "TooManyHostedZones", "Limits Exceeded: MAX_HOSTED_ZONES_BY_OWNER"),
    ("cloudfront:CreateDistributionWithTags", "L-24B04930", 500, kept("cloudfront.Distribution", "global"), "TooManyDistributions", "Your request contains more distributions than are allowed per account."),
    ("events:PutTargets", "targets", 5, targets, "LimitExceededException", "The requested resource exceeds the maximum number allowed."),
    ("wafv2:CreateWebACL", "webacls", 100, of("wafv2", "wacls"), "WAFLimitsExceededException", "AWS WAF couldn\u2019t perform the operation because you exceeded your resource limit."),
    ("backup:CreateBackupVault", "vaults", 100, kept("vaults"), "LimitExceededException", "The maximum number of backup vaults has been reached."),
)  # fmt: skip


def limit(call: Call, code: str, usual: Any) -> Any:
    """A quota as it is: the profile may have raised it."""
    raised = call.profile["quotas"]
    return raised.get(code, usual) if isinstance(raised, dict) else usual


def holds(code: str, usual: Any, taken: Any, error: Any, words: str) -> Any:
    """A rule that keeps to a quota."""

    def rule(call: Call) -> None:
        if taken(call) >= limit(call, code, usual):
            raise Refused(error, words)

    return rule


for operation, *about in TABLE:
    QUOTAS[operation].append(holds(*about))


def vcpus(group: Any) -> Any:
    """How many processors a node group's on-demand instances have, of the standard families."""
    kind, _, size = group["instanceTypes"][0].partition(".")
    if group["capacityType"] != "ON_DEMAND" or kind[0] not in "acdhimrtz":
        return 0
    each = 2 if kind[0] == "t" and size in ("nano", "micro", "small", "medium", "large") else MULTIPLES.get(size)
    each = each or (int(size.removesuffix("xlarge")) * 4 if size.removesuffix("xlarge").isdigit() else 2)
    return each * group["scalingConfig"]["desiredSize"]


def too_many_vcpus(call: Call, group: Any) -> str | None:
    """The words in which a node group says that the account may not have so many processors; nothing if it may."""
    if not call.profile["quotas"]:
        return None
    most = limit(call, VCPUS, 5)
    if sum(vcpus(other) for other in STORE.of(call, "eks.nodegroups").values()) <= most:
        return None
    return (
        "Could not launch On-Demand Instances. VcpuLimitExceeded - You have requested more vCPU capacity than your "
        f"current vCPU limit of {most} allows for the instance bucket that the specified instance type belongs to. "
        "Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit. "
        f"Launching EC2 instance failed for {group['nodegroupName']}."
    )
