"""What a call is about, as policies see it: ARNs, tags, and roles that are handed over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .backends import backend
from .policies import listed

if TYPE_CHECKING:
    from .calls import Call


class Subject(NamedTuple):
    """A resource. Without an ARN where the layer does not know it, without tags where it does not know those."""

    arn: str | None = None
    tags: Mapping[str, str] | None = None
    new: bool = False


# How IDs of EC2 begin, and their types in ARNs.
EC2 = {
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "fl": "vpc-flow-log",
    "igw": "internet-gateway",
    "lt": "launch-template",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
EC2_ID = re.compile(r"(?P<of>[a-z]+)-[0-9a-f]{8,17}")
# What operations of EC2 create.
CREATED = {
    "AllocateAddress": "elastic-ip",
    "AuthorizeSecurityGroupEgress": "security-group-rule",
    "AuthorizeSecurityGroupIngress": "security-group-rule",
    "CreateFlowLogs": "vpc-flow-log",
    "CreateInternetGateway": "internet-gateway",
    "CreateLaunchTemplate": "launch-template",
    "CreateNatGateway": "natgateway",
    "CreateRouteTable": "route-table",
    "CreateSecurityGroup": "security-group",
    "CreateSubnet": "subnet",
    "CreateVpc": "vpc",
    "CreateVpcEndpoint": "vpc-endpoint",
}
# Operations of EC2 on a table, whatever their routes lead to.
ON_TABLES = ("CreateRoute", "DeleteRoute", "ReplaceRoute")

# Of services whose objects are named by who creates them: the parameter with the name, and the end of the ARN.
NAMED = {
    "codebuild": {"name": "project/{}", "projectName": "project/{}"},
    "codecommit": {"repositoryName": "{}"},
    "codepipeline": {"name": "{}"},
    "ecr": {"repositoryName": "repository/{}"},
    "events": {"Rule": "rule/{}"},
    "iam": {
        "InstanceProfileName": "instance-profile/{}",
        "RoleName": "role/{}",
        "UserName": "user/{}",
    },
    "logs": {"logGroupName": "log-group:{}"},
    "rds": {
        "DBClusterIdentifier": "cluster:{}",
        "DBInstanceIdentifier": "db:{}",
        "DBSubnetGroupName": "subgrp:{}",
        "SubscriptionName": "es:{}",
    },
    "sns": {"Name": "{}"},
    "ssm": {"Name": "parameter/{}"},
}
# Services whose objects belong to no region.
GLOBAL = ("iam",)
# Operations that ask for no resource although they have such a parameter.
WITHOUT = ("DescribeLogGroups", "DescribeParameters", "DescribeDBEngineVersions")
# Parameters with the ARN of what a call is about.
ARNS = (
    "CertificateArn",
    "ListenerArn",
    "LoadBalancerArn",
    "RuleArn",
    "TargetGroupArn",
    "TopicArn",
)
# Of services whose objects are known by their IDs: the parameter, and the end of the ARN.
BY_ID = {
    "backup": {"BackupPlanId": "backup-plan:{}", "BackupVaultName": "backup-vault:{}"},
    "kms": {"KeyId": "key/{}", "TargetKeyId": "key/{}", "AliasName": "{}"},
}


def of(call: Call) -> list[Subject]:
    """What AWS asks about for each action of a call. One without an ARN where it is not known, or nothing is asked."""
    if call.service == "ec2":
        found = list(in_ec2(call))
    elif call.service == "s3":
        found = [Subject(in_s3(call.params))] if call.params.get("Bucket") else []
    elif call.operation in WITHOUT:
        found = []
    else:
        found = [Subject(arn) for arn in named(call)]
    return found or [Subject()]


def in_s3(params: Mapping[str, Any]) -> str:
    """The object or, without a key, the bucket."""
    key = f"/{params['Key']}" if params.get("Key") else ""
    # Which objects a deletion of many is about is in its body.
    return f"arn:aws:s3:::{params['Bucket']}" + (key or ("/*" if "Delete" in params else ""))


def in_ec2(call: Call) -> Iterator[Subject]:
    """What has an ID in the parameters, and what is created. Descriptions are about nothing in particular."""
    if call.operation.startswith("Describe"):
        return
    params = {key: value for key, value in call.params.items() if key != "IpPermissions"}
    if call.operation in ON_TABLES:
        params = {"RouteTableId": params.get("RouteTableId")}
    known = backend(call).tags
    for text in sorted(texts(params)):
        match = EC2_ID.fullmatch(text)
        if match and match["of"] in EC2:
            arn = f"arn:aws:ec2:{call.region}:{call.account}:{EC2[match['of']]}/{text}"
            yield Subject(arn, dict(known.get(text) or {}))
    if of_new := CREATED.get(call.operation):
        yield Subject(f"arn:aws:ec2:{call.region}:{call.account}:{of_new}/*", {}, new=True)


def texts(value: Any) -> set[str]:
    """All texts in a value and in lists in it."""
    if isinstance(value, Mapping):
        return {text for inner in value.values() for text in texts(inner)}
    if isinstance(value, list):
        return {text for inner in value for text in texts(inner)}
    return {value} if isinstance(value, str) else set()


def named(call: Call) -> Iterator[str]:
    """The ARNs that names, IDs and ARNs in the parameters stand for."""
    region = "" if call.service in GLOBAL else call.region
    for table in (NAMED, BY_ID):
        for parameter, end in table.get(call.service, {}).items():
            text = call.params.get(parameter)
            if isinstance(text, str) and text:
                name = text.lstrip("/") if call.service == "ssm" else text
                whole = text.startswith("arn:")
                # Parameters of AWS belong to no account.
                account = "" if name.startswith("aws/service/") else call.account
                yield text if whole else f"arn:aws:{call.service}:{region}:{account}:{end.format(name)}"
    for parameter in ARNS:
        if isinstance(text := call.params.get(parameter), str):
            yield text


def request_tags(params: Any) -> dict[str, str]:
    """The tags that a call sets, in whatever form its service takes them."""
    found: dict[str, str] = {}
    if not isinstance(params, Mapping):
        return found
    for name, value in params.items():
        if name.lower().endswith(("tags", "taglist")):
            found |= tags_in(value)
        else:
            for inner in listed(value):
                found |= request_tags(inner)
    return found


def tags_in(value: Any) -> dict[str, str]:
    """Tags as a map or as a list."""
    if isinstance(value, Mapping):
        if "Items" in value:
            return tags_in(value["Items"])
        return {str(key): str(text) for key, text in value.items()}
    pairs = [one for one in value or [] if isinstance(one, Mapping)]
    return {
        str(one.get("Key") or one.get("TagKey") or one.get("key")): str(
            one.get("Value") or one.get("TagValue") or one.get("value") or ""
        )
        for one in pairs
    }


ROLE = re.compile(r"arn:[^:]+:iam::\d+:role/.+")


def passed_roles(params: Any, name: str = "") -> set[str]:
    """The roles that a call hands to a service: under a name that says so."""
    if isinstance(params, Mapping):
        return {role for key, inner in params.items() for role in passed_roles(inner, key)}
    if isinstance(params, list):
        return {role for inner in params for role in passed_roles(inner, name)}
    fits = isinstance(params, str) and "role" in name.lower() and ROLE.fullmatch(params)
    return {params} if fits else set()
