"""ElastiCache: subnet groups, parameter groups and user groups. moto knows the first, and only how to make them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..answers import Answer, Refused, result
from ..backends import backend
from ..store import STORE
from ..things import arn, found, mapped, pairs, tags_of
from .registry import before

if TYPE_CHECKING:
    from ..calls import Call


SUBNETS, PARAMETERS, USERS, GROUPS = "cache_subnets", "cache_parameters", "cache_users", "replication_groups"
NAME = re.compile(r"[a-z](-?[a-z0-9]+)*")
FAMILIES = ("redis6.x", "redis7", "valkey7", "valkey8")
# Parameters of all families: default, allowed values, whether they wait for a reboot.
KNOWN: dict[str, tuple[str, str, bool]] = {
    "activedefrag": ("no", "yes,no", False),
    "cluster-enabled": ("no", "yes,no", True),
    "maxmemory-policy": (
        "volatile-lru",
        "volatile-lru,allkeys-lru,volatile-lfu,allkeys-lfu,volatile-random,allkeys-random,volatile-ttl,noeviction",
        False,
    ),
    "notify-keyspace-events": ("", "", False),
    "reserved-memory-percent": ("25", "0-100", False),
    "slowlog-log-slower-than": ("10000", "0-9223372036854775807", False),
    "timeout": ("0", "0,20-2147483647", False),
}


def invalid(text: str) -> Refused:
    """The refusal of a value."""
    return Refused("InvalidParameterValue", text)


def name_of(call: Call, key: str, most: int = 255) -> str:
    """A name as ElastiCache keeps it."""
    name = str(call.params[key]).lower()
    if len(name) > most or not NAME.fullmatch(name):
        raise invalid(
            f"The parameter {key} is not a valid identifier. Identifiers must begin with a letter; must contain only "
            "ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
        )
    return name


def in_use(call: Call, key: str, name: str) -> bool:
    """Whether a replication group has it."""
    return any(group[key] == name for group in STORE.of(call, GROUPS).values())


def tag(call: Call, resource: str, name: str) -> str:
    """Keeps the tags of a creation; answers the ARN."""
    full = arn(call, f"{resource}:{name}")
    tags_of(call, full).update(mapped(call.params.get("Tags")))
    return full


def subnets_of(call: Call) -> list[Any]:
    """The subnets of a request: they exist, and are of one VPC."""
    known = {subnet.id: subnet for zone in backend(call, "ec2").subnets.values() for subnet in zone.values()}
    names = call.params["SubnetIds"]
    missing = [name for name in names if name not in known]
    if missing:
        raise Refused("InvalidSubnet", f"The subnet ID '{missing[0]}' does not exist")
    if len({known[name].vpc_id for name in names}) > 1:
        raise Refused("InvalidSubnet", "The subnets are not all in the same VPC.")
    return [known[name] for name in names]


def shown_subnets(group: dict[str, Any]) -> dict[str, Any]:
    """A subnet group as it is answered."""
    listed = [
        {"SubnetIdentifier": subnet.id, "SubnetAvailabilityZone": {"Name": subnet.availability_zone}}
        for subnet in group["subnets"]
    ]
    return {**{key: value for key, value in group.items() if key != "subnets"}, "Subnets": listed}


def subnet_group(call: Call, name: str) -> Any:
    """The one of this name."""
    text = f"Cache Subnet Group {name} does not exist."
    return found(STORE.of(call, SUBNETS), name.lower(), "CacheSubnetGroupNotFoundFault", text)


@before("elasticache:CreateCacheSubnetGroup")
def create_subnet_group(call: Call) -> Answer:
    """With subnets that are there."""
    name, groups = name_of(call, "CacheSubnetGroupName"), STORE.of(call, SUBNETS)
    if name in groups:
        raise Refused("CacheSubnetGroupAlreadyExists", f"Cache subnet group {name} already exists.")
    subnets = subnets_of(call)
    groups[name] = {
        "CacheSubnetGroupName": name,
        "CacheSubnetGroupDescription": call.params["CacheSubnetGroupDescription"],
        "VpcId": subnets[0].vpc_id,
        "ARN": tag(call, "subnetgroup", name),
        "subnets": subnets,
    }
    return result(call, {"CacheSubnetGroup": shown_subnets(groups[name])})


@before("elasticache:ModifyCacheSubnetGroup")
def modify_subnet_group(call: Call) -> Answer:
    """A subnet with nodes stays."""
    params = call.params
    group = subnet_group(call, params["CacheSubnetGroupName"])
    if params.get("CacheSubnetGroupDescription") is not None:
        group["CacheSubnetGroupDescription"] = params["CacheSubnetGroupDescription"]
    if params.get("SubnetIds"):
        subnets = subnets_of(call)
        gone = {subnet.id for subnet in group["subnets"]} - set(params["SubnetIds"])
        if gone and in_use(call, "CacheSubnetGroupName", group["CacheSubnetGroupName"]):
            raise Refused("SubnetInUse", f"The subnet {sorted(gone)[0]} is currently in use by a cache cluster.")
        group["subnets"] = subnets
    return result(call, {"CacheSubnetGroup": shown_subnets(group)})


@before("elasticache:DescribeCacheSubnetGroups")
def describe_subnet_groups(call: Call) -> Answer:
    """One, or all."""
    name = call.params.get("CacheSubnetGroupName")
    groups = [subnet_group(call, name)] if name else list(STORE.of(call, SUBNETS).values())
    return result(call, {"CacheSubnetGroups": [shown_subnets(group) for group in groups]})


@before("elasticache:DeleteCacheSubnetGroup")
def delete_subnet_group(call: Call) -> Answer:
    """Not one that a replication group has."""
    name = subnet_group(call, call.params["CacheSubnetGroupName"])["CacheSubnetGroupName"]
    if in_use(call, "CacheSubnetGroupName", name):
        raise Refused("CacheSubnetGroupInUse", f"Cache subnet group {name} is currently in use by a cache cluster.")
    del STORE.of(call, SUBNETS)[name]
    return result(call, {})


def defaults(family: str) -> dict[str, str]:
    """The values of a family."""
    return {name: value for name, (value, _, _) in KNOWN.items()}


def parameter_group(call: Call, name: str) -> dict[str, Any]:
    """The one of this name; those of AWS are always there."""
    family, _, mode = name.removeprefix("default.").partition(".cluster.")
    if name.startswith("default.") and family in FAMILIES and mode in ("", "on"):
        values = {"cluster-enabled": "yes"} if mode else {}
        return {"CacheParameterGroupName": name, "CacheParameterGroupFamily": family, "values": values}
    text = f"CacheParameterGroup {name} not found."
    group: dict[str, Any] = found(STORE.of(call, PARAMETERS), name.lower(), "CacheParameterGroupNotFound", text, 404)
    return group


def own_group(call: Call) -> dict[str, Any]:
    """Not one of AWS's."""
    name = call.params["CacheParameterGroupName"]
    if name.startswith("default."):
        raise invalid(f"Cannot modify or delete the default parameter group {name}")
    return parameter_group(call, name)


def shown_parameters(group: dict[str, Any]) -> dict[str, Any]:
    """A parameter group as it is answered."""
    return {key: value for key, value in group.items() if key != "values"}


def check_value(name: str, value: str) -> None:
    """A value that the parameter takes."""
    if name not in KNOWN:
        raise invalid(f"Could not find parameter with name: {name}")
    parts = KNOWN[name][1].split(",") if KNOWN[name][1] else []
    spans = [part.split("-") for part in parts if re.fullmatch(r"\d+-\d+", part)]
    within = any(value.isdigit() and int(low) <= int(value) <= int(high) for low, high in spans)
    if parts and value not in parts and not within:
        raise invalid(f"Invalid parameter value: {value} for: {name} allowed values are: {KNOWN[name][1]}")


@before("elasticache:CreateCacheParameterGroup")
def create_parameter_group(call: Call) -> Answer:
    """Of a family that there is."""
    name, groups = name_of(call, "CacheParameterGroupName"), STORE.of(call, PARAMETERS)
    if name in groups:
        raise Refused("CacheParameterGroupAlreadyExists", f"Cache parameter group {name} already exists")
    family = call.params["CacheParameterGroupFamily"]
    if family not in FAMILIES:
        raise invalid(f"CacheParameterGroupFamily {family} is not a valid parameter group family.")
    groups[name] = {
        "CacheParameterGroupName": name,
        "CacheParameterGroupFamily": family,
        "Description": call.params["Description"],
        "IsGlobal": False,
        "ARN": tag(call, "parametergroup", name),
        "values": {},
    }
    return result(call, {"CacheParameterGroup": shown_parameters(groups[name])})


@before("elasticache:DescribeCacheParameterGroups")
def describe_parameter_groups(call: Call) -> Answer:
    """One, or all."""
    name = call.params.get("CacheParameterGroupName")
    groups = [parameter_group(call, name)] if name else list(STORE.of(call, PARAMETERS).values())
    return result(call, {"CacheParameterGroups": [shown_parameters(group) for group in groups]})


@before("elasticache:DescribeCacheParameters")
def describe_parameters(call: Call) -> Answer:
    """Those that somebody set, or all."""
    group = parameter_group(call, call.params["CacheParameterGroupName"])
    source = call.params.get("Source")
    rows = []
    for name, value in {**defaults(group["CacheParameterGroupFamily"]), **group["values"]}.items():
        its = "user" if name in group["values"] else "system"
        if source in (None, its):
            change = "requires-reboot" if KNOWN[name][2] else "immediate"
            rows.append({"ParameterName": name, "ParameterValue": value, "Source": its, "ChangeType": change})
    return result(call, {"Parameters": rows})


def few(call: Call, most: int = 20) -> list[dict[str, str]]:
    """The parameters of a request."""
    rows: list[dict[str, str]] = call.params.get("ParameterNameValues") or []
    if not 1 <= len(rows) <= most:
        raise invalid(f"The number of parameters must be between 1 and {most}.")
    return rows


@before("elasticache:ModifyCacheParameterGroup")
def modify_parameters(call: Call) -> Answer:
    """Up to 20 at once."""
    group, rows = own_group(call), few(call)
    for row in rows:
        check_value(row["ParameterName"], row.get("ParameterValue", ""))
        group["values"][row["ParameterName"]] = row.get("ParameterValue", "")
    return result(call, {"CacheParameterGroupName": group["CacheParameterGroupName"]})


@before("elasticache:ResetCacheParameterGroup")
def reset_parameters(call: Call) -> Answer:
    """All, or those that are named."""
    group = own_group(call)
    if call.params.get("ResetAllParameters"):
        group["values"].clear()
    else:
        for row in few(call):
            group["values"].pop(row["ParameterName"], None)
    return result(call, {"CacheParameterGroupName": group["CacheParameterGroupName"]})


@before("elasticache:DeleteCacheParameterGroup")
def delete_parameter_group(call: Call) -> Answer:
    """Not one that a replication group has."""
    name = own_group(call)["CacheParameterGroupName"]
    if in_use(call, "CacheParameterGroupName", name):
        text = f"Some clusters are using parameter group {name}"
        raise Refused("InvalidCacheParameterGroupState", text)
    del STORE.of(call, PARAMETERS)[name]
    return result(call, {})


@before("elasticache:CreateUserGroup")
def create_user_group(call: Call) -> Answer:
    """Only so far that it can be named."""
    name, groups = name_of(call, "UserGroupId", 40), STORE.of(call, USERS)
    if name in groups:
        raise Refused("UserGroupAlreadyExists", f"User Group {name} already exists.")
    groups[name] = {
        "UserGroupId": name,
        "Engine": call.params["Engine"].lower(),
        "Status": "active",
        "UserIds": call.params.get("UserIds") or [],
        "ARN": tag(call, "usergroup", name),
    }
    return result(call, groups[name])


@before("elasticache:DeleteUserGroup")
def delete_user_group(call: Call) -> Answer:
    """Not one that a replication group has."""
    name, groups = call.params["UserGroupId"], STORE.of(call, USERS)
    group = found(groups, name, "UserGroupNotFound", f"User Group {name} not found.", 404)
    if any(name in one["UserGroupIds"] for one in STORE.of(call, GROUPS).values()):
        raise Refused("InvalidUserGroupState", f"User Group {name} is in use.")
    del groups[name]
    return result(call, {**group, "Status": "deleting"})


def listed_tags(call: Call, name: str) -> Answer:
    """As every operation on tags answers."""
    return result(call, {"TagList": pairs(tags_of(call, name))})
