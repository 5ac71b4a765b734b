"""ElastiCache: replication groups with their nodes, states and last snapshots. moto knows how to make one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..answers import Answer, Refused, result
from ..backends import backend
from ..store import STORE
from ..things import arn, found, mapped, now, tags_of
from ..timeline import TIMELINE
from .elasticache_groups import (
    GROUPS,
    PARAMETERS,
    SUBNETS,
    USERS,
    invalid,
    listed_tags,
    name_of,
    parameter_group,
    subnet_group,
    tag,
)
from .registry import before

if TYPE_CHECKING:
    from ..calls import Call


# AWS seconds, as usually seen.
CREATE, MODIFY, SCALE, DELETE = 600, 180, 900, 300
SNAPSHOTS = "cache_snapshots"
VERSIONS = {"redis": ("6.2", "7.0", "7.1"), "valkey": ("7.2", "8.0", "8.1", "8.2")}
WEEK, DAY = r"(mon|tue|wed|thu|fri|sat|sun):\d\d:\d\d", r"\d\d:\d\d"
UNAVAILABLE = "Replication group must be in available state to modify."
UNTAGGABLE = "Cluster not in available state to perform tagging operations."


def combination(text: str) -> Refused:
    """The refusal of what does not go together."""
    return Refused("InvalidParameterCombination", text)


def group_of(call: Call, key: str = "ReplicationGroupId") -> dict[str, Any]:
    """The replication group of a request."""
    name = call.params[key].lower()
    text = f"ReplicationGroup {name} not found."
    group: dict[str, Any] = found(STORE.of(call, GROUPS), name, "ReplicationGroupNotFoundFault", text, 404)
    return group


def available(group: dict[str, Any]) -> dict[str, Any]:
    """One that takes changes."""
    if group["Status"] != "available":
        raise Refused("InvalidReplicationGroupState", UNAVAILABLE)
    return group


def later(group: dict[str, Any], status: str, seconds: float, **changes: Any) -> None:
    """Changes take their time."""
    group["Status"] = status

    def over() -> None:
        if group["Status"] == status:
            group.update(changes, Status="available")

    TIMELINE.after(seconds, over)


def family(engine: str, version: str) -> str:
    """Of parameters."""
    major = version.partition(".")[0]
    return "redis6.x" if (engine, major) == ("redis", "6") else f"{engine}{major}"


def check(call: Call, group: dict[str, Any]) -> None:
    """What goes together in a replication group, new or changed."""
    engine, version = group["Engine"], group["EngineVersion"]
    if engine not in VERSIONS or version not in VERSIONS[engine]:
        raise combination(f"Cannot find version {version} for {engine}")
    if not re.fullmatch(r"cache\.[a-z0-9]+\.[a-z0-9]+", group["CacheNodeType"] or ""):
        raise invalid(f"Invalid cache node type: {group['CacheNodeType']}")
    parameters = parameter_group(call, group["CacheParameterGroupName"])
    if parameters["CacheParameterGroupFamily"] != family(engine, version):
        raise combination(
            f"Expected a parameter group of family {family(engine, version)} but found one of family "
            f"{parameters['CacheParameterGroupFamily']}"
        )
    clustered = parameters["values"].get("cluster-enabled") == "yes"
    if clustered != (group["ClusterMode"] == "enabled"):
        raise combination("Use a parameter group whose cluster-enabled parameter fits the cluster mode.")
    if clustered and not group["failover"]:
        raise combination("Cluster mode enabled cannot be used with auto failover turned off.")
    if group["shards"] > 1 and not clustered:
        raise combination("More than one node group requires cluster mode enabled.")
    if not 0 <= group["replicas"] <= 5 or not 1 <= group["shards"] <= 90:
        raise invalid("The number of replicas must be between 0 and 5.")
    if group["failover"] and not clustered and group["replicas"] < 1:
        raise combination("When using automatic failover, there must be at least 2 cache clusters.")
    if group["MultiAZ"] == "enabled" and not (group["failover"] and group["replicas"]):
        raise combination("Must have automatic failover and replicas enabled for Multi-AZ")
    if not 0 <= group["SnapshotRetentionLimit"] <= 35:
        raise invalid("The snapshot retention limit must be between 0 and 35.")
    if not re.fullmatch(f"{DAY}-{DAY}", group["SnapshotWindow"]):
        raise invalid(f"Invalid snapshot window: {group['SnapshotWindow']}")
    if not re.fullmatch(f"{WEEK}-{WEEK}", group["PreferredMaintenanceWindow"]):
        raise invalid(f"Invalid maintenance window: {group['PreferredMaintenanceWindow']}")
    check_access(call, group)


def check_access(call: Call, group: dict[str, Any]) -> None:
    """Security groups of the VPC, and users over encrypted connections."""
    vpc = subnet_group(call, group["CacheSubnetGroupName"])["VpcId"]
    known = backend(call, "ec2").groups.get(vpc, {})
    for name in group["SecurityGroupIds"]:
        if name not in known:
            raise invalid(f"Some security group IDs are invalid: {name}")
    users = STORE.of(call, USERS)
    for name in group["UserGroupIds"]:
        if name not in users:
            raise Refused("UserGroupNotFound", f"User Group {name} not found.", 404)
    if len(group["UserGroupIds"]) > 1:
        raise invalid("Only one user group can be associated with a replication group.")
    if group["UserGroupIds"] and not group["TransitEncryptionEnabled"]:
        raise combination("User group based access control requires encryption-in-transit to be enabled.")


@before("elasticache:CreateReplicationGroup")
def create(call: Call) -> Answer:
    """With all that it needs."""
    params, groups = call.params, STORE.of(call, GROUPS)
    name = name_of(call, "ReplicationGroupId", 40)
    if name in groups:
        raise Refused("ReplicationGroupAlreadyExists", f"Replication group {name} already exists.")
    snapshot = params.get("SnapshotName")
    if snapshot and snapshot not in STORE.of(call, SNAPSHOTS):
        raise Refused("SnapshotNotFoundFault", f"{snapshot} is not a valid snapshot.", 404)
    if params.get("KmsKeyId") and not params.get("AtRestEncryptionEnabled"):
        raise combination("A KMS key can be used only with encryption at rest.")
    group = new(call, name)
    check(call, group)
    group["ARN"] = tag(call, "replicationgroup", name)
    groups[name] = group
    later(group, "creating", CREATE)
    return result(call, {"ReplicationGroup": shown(call, group)})


def new(call: Call, name: str) -> dict[str, Any]:
    """With the defaults of AWS."""
    params = call.params
    engine = params.get("Engine") or "redis"
    version = params.get("EngineVersion") or VERSIONS.get(engine, ("",))[-1]
    mode = params.get("ClusterMode") or ("enabled" if (params.get("NumNodeGroups") or 1) > 1 else "disabled")
    parameters = f"default.{family(engine, version)}" + (".cluster.on" if mode == "enabled" else "")
    encrypted = params.get("TransitEncryptionEnabled") or False
    replicas = params.get("ReplicasPerNodeGroup")
    return {
        "ReplicationGroupId": name,
        "Description": params["ReplicationGroupDescription"],
        "Engine": engine,
        "EngineVersion": version,
        "CacheNodeType": params.get("CacheNodeType"),
        "CacheParameterGroupName": (params.get("CacheParameterGroupName") or parameters).lower(),
        "CacheSubnetGroupName": (params.get("CacheSubnetGroupName") or "default").lower(),
        "SecurityGroupIds": params.get("SecurityGroupIds") or [],
        "ClusterMode": mode,
        "shards": params.get("NumNodeGroups") or 1,
        "replicas": (params.get("NumCacheClusters") or 1) - 1 if replicas is None else replicas,
        "failover": params.get("AutomaticFailoverEnabled") or False,
        "MultiAZ": "enabled" if params.get("MultiAZEnabled") else "disabled",
        "Port": params.get("Port") or 6379,
        "AtRestEncryptionEnabled": params.get("AtRestEncryptionEnabled") or False,
        "KmsKeyId": params.get("KmsKeyId"),
        "TransitEncryptionEnabled": encrypted,
        "TransitEncryptionMode": params.get("TransitEncryptionMode") or ("required" if encrypted else None),
        "UserGroupIds": params.get("UserGroupIds") or [],
        "SnapshotRetentionLimit": params.get("SnapshotRetentionLimit") or 0,
        "SnapshotWindow": params.get("SnapshotWindow") or "05:00-06:00",
        "PreferredMaintenanceWindow": params.get("PreferredMaintenanceWindow") or "sun:23:00-mon:00:30",
        "AutoMinorVersionUpgrade": params.get("AutoMinorVersionUpgrade", True) is not False,
        "AuthTokenEnabled": bool(params.get("AuthToken")),
        "ReplicationGroupCreateTime": now(),
    }


HIDDEN = ("shards", "replicas", "failover", "EngineVersion", "CacheParameterGroupName", "CacheSubnetGroupName")
OF_NODES = ("SecurityGroupIds", "Port", "PreferredMaintenanceWindow")


def shown(call: Call, group: dict[str, Any]) -> dict[str, Any]:
    """A replication group as it is answered: what its nodes have is theirs to answer."""
    answer = {key: value for key, value in group.items() if key not in (*HIDDEN, *OF_NODES) and value is not None}
    clustered, name = group["ClusterMode"] == "enabled", group["ReplicationGroupId"]
    domain, made = f"{name}.abc123.euw1.cache.amazonaws.com", group["Status"] != "creating"
    answer["AutomaticFailover"] = "enabled" if group["failover"] else "disabled"
    answer["ClusterEnabled"] = clustered
    answer["MemberClusters"] = members(group)
    answer["NodeGroups"] = []
    for shard in range(1, group["shards"] + 1):
        nodes = [
            {"CacheClusterId": one, "CacheNodeId": "0001"} for one in members(group) if of_shard(group, one, shard)
        ]
        row: dict[str, Any] = {"NodeGroupId": f"{shard:04}", "Status": group["Status"], "NodeGroupMembers": nodes}
        if made and not clustered:
            row["PrimaryEndpoint"] = {"Address": f"master.{domain}", "Port": group["Port"]}
            row["ReaderEndpoint"] = {"Address": f"replica.{domain}", "Port": group["Port"]}
        answer["NodeGroups"].append(row)
    if made and clustered:
        answer["ConfigurationEndpoint"] = {"Address": f"clustercfg.{domain}", "Port": group["Port"]}
    return answer


def members(group: dict[str, Any]) -> list[str]:
    """The names of all nodes."""
    name, nodes = group["ReplicationGroupId"], range(1, group["replicas"] + 2)
    if group["ClusterMode"] != "enabled":
        return [f"{name}-{node:03}" for node in nodes]
    return [f"{name}-{shard:04}-{node:03}" for shard in range(1, group["shards"] + 1) for node in nodes]


def of_shard(group: dict[str, Any], node: str, shard: int) -> bool:
    """Whether a node is in a shard."""
    return group["ClusterMode"] != "enabled" or node.startswith(f"{group['ReplicationGroupId']}-{shard:04}-")


@before("elasticache:DescribeReplicationGroups")
def describe(call: Call) -> Answer:
    """One, or all."""
    one = call.params.get("ReplicationGroupId")
    groups = [group_of(call)] if one else list(STORE.of(call, GROUPS).values())
    return result(call, {"ReplicationGroups": [shown(call, group) for group in groups]})


@before("elasticache:DescribeCacheClusters")
def describe_nodes(call: Call) -> Answer:
    """What a replication group does not answer of itself."""
    wanted, nodes = call.params.get("CacheClusterId"), []
    for group in STORE.of(call, GROUPS).values():
        for node in members(group):
            if wanted in (None, node):
                nodes.append(shown_node(group, node))
    if wanted and not nodes:
        raise Refused("CacheClusterNotFound", f"CacheCluster not found: {wanted}", 404)
    return result(call, {"CacheClusters": nodes})


def shown_node(group: dict[str, Any], name: str) -> dict[str, Any]:
    """A node as it is answered. Its version has three parts."""
    same = (
        "ReplicationGroupId",
        "Engine",
        "CacheNodeType",
        "CacheSubnetGroupName",
        "PreferredMaintenanceWindow",
        "SnapshotWindow",
        "AtRestEncryptionEnabled",
        "TransitEncryptionEnabled",
        "AutoMinorVersionUpgrade",
    )
    return {
        **{key: group[key] for key in same},
        "CacheClusterId": name,
        "CacheClusterStatus": group["Status"],
        "EngineVersion": f"{group['EngineVersion']}.{1 if group['Engine'] == 'valkey' else 0}",
        "NumCacheNodes": 1,
        "CacheParameterGroup": {
            "CacheParameterGroupName": group["CacheParameterGroupName"],
            "ParameterApplyStatus": "in-sync",
        },
        "SecurityGroups": [{"SecurityGroupId": one, "Status": "active"} for one in group["SecurityGroupIds"]],
    }


# What a change sets, by the name of its parameter.
CHANGED = {
    "ReplicationGroupDescription": "Description",
    "Engine": "Engine",
    "EngineVersion": "EngineVersion",
    "CacheNodeType": "CacheNodeType",
    "SecurityGroupIds": "SecurityGroupIds",
    "CacheParameterGroupName": "CacheParameterGroupName",
    "AutomaticFailoverEnabled": "failover",
    "SnapshotRetentionLimit": "SnapshotRetentionLimit",
    "SnapshotWindow": "SnapshotWindow",
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "TransitEncryptionEnabled": "TransitEncryptionEnabled",
    "TransitEncryptionMode": "TransitEncryptionMode",
}


@before("elasticache:ModifyReplicationGroup")
def modify(call: Call) -> Answer:
    """At once: what waits for the maintenance window is not simulated."""
    params, group = call.params, available(group_of(call))
    changes = {own: params[name] for name, own in CHANGED.items() if params.get(name) is not None}
    if "MultiAZEnabled" in params:
        changes["MultiAZ"] = "enabled" if params["MultiAZEnabled"] else "disabled"
    added, removed = params.get("UserGroupIdsToAdd") or [], params.get("UserGroupIdsToRemove") or []
    if added or removed:
        changes["UserGroupIds"] = [one for one in group["UserGroupIds"] if one not in removed] + added
    if not changes:
        raise combination("No modifications were requested")
    if not params.get("ApplyImmediately"):
        raise combination("The emulator does not simulate maintenance windows.")
    check_version(group, changes)
    turned_on = changes.get("TransitEncryptionEnabled") and not group["TransitEncryptionEnabled"]
    if turned_on and changes.get("TransitEncryptionMode") != "preferred":
        raise combination("To enable in-transit encryption, set TransitEncryptionMode to preferred.")
    check(call, {**group, **changes})
    later(group, "modifying", SCALE if {"EngineVersion", "CacheNodeType"} & set(changes) else MODIFY, **changes)
    return result(call, {"ReplicationGroup": shown(call, group)})


def check_version(group: dict[str, Any], changes: dict[str, Any]) -> None:
    """Never back, and to valkey only."""
    engine = changes.get("Engine", group["Engine"])
    if engine != group["Engine"] and engine != "valkey":
        raise combination(f"Cannot modify the engine from {group['Engine']} to {engine}.")
    if engine != group["Engine"] and "EngineVersion" not in changes:
        raise combination("An engine version is required to modify the engine.")
    new_version = changes.get("EngineVersion", group["EngineVersion"])
    if engine == group["Engine"] and number(new_version) < number(group["EngineVersion"]):
        raise invalid(f"Engine version downgrade is not supported: {group['EngineVersion']} to {new_version}")


def number(version: str) -> tuple[int, ...]:
    """A version that can be compared."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


@before("elasticache:IncreaseReplicaCount", "elasticache:DecreaseReplicaCount")
def scale_replicas(call: Call) -> Answer:
    """Each in its direction."""
    group, wanted = available(group_of(call)), call.params["NewReplicaCount"]
    more = call.operation == "IncreaseReplicaCount"
    if wanted == group["replicas"] or (wanted > group["replicas"]) != more:
        raise invalid(f"The new replica count {wanted} does not {'increase' if more else 'decrease'} it.")
    check(call, {**group, "replicas": wanted})
    later(group, "modifying", SCALE, replicas=wanted)
    return result(call, {"ReplicationGroup": shown(call, group)})


@before("elasticache:ModifyReplicationGroupShardConfiguration")
def scale_shards(call: Call) -> Answer:
    """Whoever takes shards away says which."""
    params, group = call.params, available(group_of(call))
    wanted = params["NodeGroupCount"]
    if group["ClusterMode"] != "enabled":
        raise combination("Shard configuration can be modified only with cluster mode enabled.")
    named = params.get("NodeGroupsToRemove") or params.get("NodeGroupsToRetain")
    if wanted < group["shards"] and not named:
        raise combination("NodeGroupsToRemove or NodeGroupsToRetain is required to decrease the number of node groups.")
    check(call, {**group, "shards": wanted})
    later(group, "modifying", SCALE, shards=wanted)
    return result(call, {"ReplicationGroup": shown(call, group)})


@before("elasticache:DeleteReplicationGroup")
def delete(call: Call) -> Answer:
    """With a last snapshot, where one is asked for."""
    group, snapshots = group_of(call), STORE.of(call, SNAPSHOTS)
    available(group)
    snapshot = call.params.get("FinalSnapshotIdentifier")
    if snapshot in snapshots:
        raise Refused("SnapshotAlreadyExistsFault", f"Snapshot with specified name {snapshot} already exists.")
    if snapshot:
        snapshots[snapshot] = {
            "SnapshotName": snapshot,
            "ReplicationGroupId": group["ReplicationGroupId"],
            "SnapshotStatus": "creating",
        }
    group["Status"] = "deleting"

    def deleted() -> None:
        if snapshot:
            snapshots[snapshot]["SnapshotStatus"] = "available"
        STORE.of(call, GROUPS).pop(group["ReplicationGroupId"], None)

    TIMELINE.after(DELETE, deleted)
    return result(call, {"ReplicationGroup": shown(call, group)})


@before("elasticache:DescribeSnapshots")
def describe_snapshots(call: Call) -> Answer:
    """Those of deleted replication groups."""
    name, snapshots = call.params.get("SnapshotName"), STORE.of(call, SNAPSHOTS)
    if name is not None and name not in snapshots:
        raise Refused("SnapshotNotFoundFault", f"Snapshot with specified name {name} not found.")
    return result(call, {"Snapshots": [one for key, one in snapshots.items() if name in (None, key)]})


def tagged(call: Call) -> str:
    """The ARN of what a request is about. Replication groups are tagged while they are available only."""
    name = call.params["ResourceName"]
    kind, _, own = name.rpartition(":")[0].rpartition(":")[2], "", name.rpartition(":")[2]
    if kind == "replicationgroup":
        group = STORE.of(call, GROUPS).get(own)
        if group is None:
            raise Refused("ReplicationGroupNotFoundFault", f"ReplicationGroup {own} not found.", 404)
        if group["Status"] != "available":
            raise Refused("InvalidReplicationGroupState", UNTAGGABLE)
    elif kind == "subnetgroup" and own not in STORE.of(call, SUBNETS):
        raise Refused("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {own} does not exist.")
    elif kind == "parametergroup" and own not in STORE.of(call, PARAMETERS):
        raise Refused("CacheParameterGroupNotFound", f"CacheParameterGroup {own} not found.", 404)
    elif name != arn(call, f"{kind}:{own}"):
        raise Refused("InvalidARN", f"{name} is not a valid ARN.")
    return str(name)


@before("elasticache:ListTagsForResource")
def list_tags(call: Call) -> Answer:
    """All."""
    return listed_tags(call, tagged(call))


@before("elasticache:AddTagsToResource")
def add_tags(call: Call) -> Answer:
    """A replication group is busy with them for a moment."""
    name = tagged(call)
    tags_of(call, name).update(mapped(call.params["Tags"]))
    busy(call, name)
    return listed_tags(call, name)


@before("elasticache:RemoveTagsFromResource")
def remove_tags(call: Call) -> Answer:
    """Those that are there."""
    name = tagged(call)
    tags = tags_of(call, name)
    missing = [key for key in call.params["TagKeys"] if key not in tags]
    if missing:
        raise Refused("TagNotFound", f"Tag {missing[0]} not found.", 404)
    for key in call.params["TagKeys"]:
        del tags[key]
    busy(call, name)
    return listed_tags(call, name)


def busy(call: Call, name: str) -> None:
    """The nodes get the tags, too."""
    group = STORE.of(call, GROUPS).get(name.rpartition(":")[2])
    if ":replicationgroup:" in name and group is not None:
        later(group, "modifying", 20)


@before("ec2:DeleteSecurityGroup")
def security_group_is_free(call: Call) -> None:
    """Nodes hold their groups."""
    name = call.params.get("GroupId")
    if any(name in group["SecurityGroupIds"] for group in STORE.of(call, GROUPS).values()):
        raise Refused("DependencyViolation", f"resource {name} has a dependent object")


@before("ec2:DeleteSubnet")
def subnet_is_free(call: Call) -> None:
    """Nodes hold their subnets."""
    name = call.params.get("SubnetId")
    used = {group["CacheSubnetGroupName"] for group in STORE.of(call, GROUPS).values()}
    for key, group in STORE.of(call, SUBNETS).items():
        if key in used and any(subnet.id == name for subnet in group["subnets"]):
            raise Refused("DependencyViolation", f"The subnet '{name}' has dependencies and cannot be deleted.")


