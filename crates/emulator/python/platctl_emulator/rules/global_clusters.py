"""RDS's global clusters: one for all regions of an account. moto looks for members in one region alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from ..answers import Refused, result
from ..store import STORE
from ..things import pairs
from .registry import after, before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


def globals_of(call: Call) -> Any:
    """All global clusters of the account."""
    return STORE.of(call, "rds.global", "global")


def cluster_at(call: Call, arn: str) -> Any:
    """The cluster of an ARN, whatever its region."""
    region, name = arn.split(":")[3], arn.rpartition(":")[2]
    cluster = get_backend("rds")[call.account][region].clusters.get(name)
    if cluster is None:
        raise Refused("DBClusterNotFoundFault", f"DBCluster {name} not found.", 404)
    return cluster


def found(call: Call) -> Any:
    """The global cluster that a call names."""
    name = call.params["GlobalClusterIdentifier"]
    if name not in globals_of(call):
        raise Refused("GlobalClusterNotFoundFault", f"Global cluster {name} not found", 404)
    return globals_of(call)[name]


def shown(one: Any) -> dict[str, Any]:
    """As an answer shows it."""
    members = [
        {"DBClusterArn": arn, "IsWriter": number == 0, "Readers": []} for number, arn in enumerate(one["members"])
    ]
    rest = {key: value for key, value in one.items() if key not in ("members", "tags")}
    return {**rest, "GlobalClusterMembers": members, "TagList": pairs(one["tags"])}


@before("rds:CreateGlobalCluster")
def create(call: Call) -> Answer:
    """Made of a cluster that is there and settled; that one writes."""
    params = call.params
    name, source = params["GlobalClusterIdentifier"], params["SourceDBClusterIdentifier"]
    if name in globals_of(call):
        raise Refused("GlobalClusterAlreadyExistsFault", f"Global cluster {name} already exists")
    cluster = cluster_at(call, source)
    if cluster.status != "available":
        text = f"Source cluster {source} is not in a state to be a member of a global cluster"
        raise Refused("InvalidDBClusterStateFault", text)
    cluster.global_cluster_identifier = name
    one = globals_of(call)[name] = {
        "GlobalClusterIdentifier": name,
        "GlobalClusterResourceId": f"cluster-{name}",
        "GlobalClusterArn": f"arn:aws:rds::{call.account}:global-cluster:{name}",
        "Status": "available",
        "Engine": cluster.engine,
        "EngineVersion": cluster.engine_version,
        "StorageEncrypted": cluster.storage_encrypted,
        "DeletionProtection": bool(params.get("DeletionProtection")),
        "members": [source],
        "tags": {tag["Key"]: tag["Value"] for tag in params.get("Tags") or []},
    }
    return result(call, {"GlobalCluster": shown(one)})


@before("rds:DescribeGlobalClusters")
def describe(call: Call) -> Answer:
    """The one that was asked for, or all."""
    named = call.params.get("GlobalClusterIdentifier")
    chosen = [found(call)] if named else globals_of(call).values()
    return result(call, {"GlobalClusters": [shown(one) for one in chosen]})


@before("rds:ModifyGlobalCluster")
def modify(call: Call) -> Answer:
    """Its protection."""
    one = found(call)
    if call.params.get("DeletionProtection") is not None:
        one["DeletionProtection"] = call.params["DeletionProtection"]
    return result(call, {"GlobalCluster": shown(one)})


@before("rds:DeleteGlobalCluster")
def delete(call: Call) -> Answer:
    """Once nobody is in it."""
    one = found(call)
    if one["DeletionProtection"]:
        raise Refused("InvalidParameterCombination", "Cannot delete protected Global Cluster")
    if one["members"]:
        raise Refused("InvalidGlobalClusterStateFault", f"Global Cluster {one['GlobalClusterArn']} is not empty")
    del globals_of(call)[one["GlobalClusterIdentifier"]]
    return result(call, {"GlobalCluster": shown(one)})


def promote(call: Call) -> Answer:
    """Another member writes from now on."""
    one, target = found(call), call.params["TargetDbClusterIdentifier"]
    if target not in one["members"][1:]:
        raise Refused("InvalidDBClusterStateFault", f"{target} is no secondary of the global cluster")
    one["members"].remove(target)
    one["members"].insert(0, target)
    return result(call, {"GlobalCluster": shown(one)})


@before("rds:SwitchoverGlobalCluster")
def switch_over(call: Call) -> Answer:
    """Asked of the region that writes."""
    if call.region != found(call)["members"][0].split(":")[3]:
        raise Refused("InvalidGlobalClusterStateFault", "Switchover has to be asked of the primary's region")
    return promote(call)


@before("rds:FailoverGlobalCluster")
def fail_over(call: Call) -> Answer:
    """Data may be lost, and that has to be said."""
    if not call.params.get("AllowDataLoss"):
        raise Refused("InvalidParameterCombination", "AllowDataLoss is required")
    return promote(call)


@before("rds:RemoveFromGlobalCluster")
def remove(call: Call) -> Answer:
    """The writer leaves last."""
    one, member = found(call), call.params["DbClusterIdentifier"]
    if member not in one["members"]:
        raise Refused("DBClusterNotFoundFault", f"{member} is no member of the global cluster", 404)
    if member == one["members"][0] and len(one["members"]) > 1:
        text = "This cluster is the writer of the global cluster: remove the other members first"
        raise Refused("InvalidGlobalClusterStateFault", text)
    one["members"].remove(member)
    cluster_at(call, member).global_cluster_identifier = None
    return result(call, {"GlobalCluster": shown(one)})


@before("rds:CreateDBCluster")
def can_join(call: Call) -> None:
    """One member for each region, and none that has a master user of its own."""
    if not call.params.get("GlobalClusterIdentifier"):
        return
    one = found(call)
    if any(arn.split(":")[3] == call.region for arn in one["members"]):
        text = f"The global cluster has a member in {call.region} already"
        raise Refused("InvalidParameterCombination", text)
    if call.params.get("MasterUsername") or call.params.get("ManageMasterUserPassword"):
        raise Refused("InvalidParameterCombination", "Cannot specify user name for cross region replication cluster")


@after("rds:CreateDBCluster")
def joins(call: Call) -> None:
    """A secondary."""
    if call.params.get("GlobalClusterIdentifier"):
        name = call.params["DBClusterIdentifier"]
        found(call)["members"].append(f"arn:aws:rds:{call.region}:{call.account}:cluster:{name}")


@before("rds:DeleteDBCluster")
def has_left(call: Call) -> None:
    """A member has to leave first."""
    arn = f"arn:aws:rds:{call.region}:{call.account}:cluster:{call.params['DBClusterIdentifier']}"
    if any(arn in one["members"] for one in globals_of(call).values()):
        text = "This cluster is a part of a global cluster, please remove it from globalcluster first"
        raise Refused("InvalidDBClusterStateFault", text)


def tagged(call: Call) -> Any:
    """The tags of the global cluster that a call names; none when it names something else."""
    name = call.params["ResourceName"].rpartition(":global-cluster:")[2]
    one = globals_of(call).get(name) if ":global-cluster:" in call.params["ResourceName"] else None
    return None if one is None else one["tags"]


@before("rds:AddTagsToResource")
def tag(call: Call) -> Answer | None:
    """moto looks in its own list."""
    tags = tagged(call)
    if tags is not None:
        tags.update({tag["Key"]: tag["Value"] for tag in call.params["Tags"]})
        return result(call, {})
    return None


@before("rds:RemoveTagsFromResource")
def untag(call: Call) -> Answer | None:
    """moto looks in its own list."""
    tags = tagged(call)
    if tags is not None:
        for key in call.params["TagKeys"]:
            tags.pop(key, None)
        return result(call, {})
    return None
