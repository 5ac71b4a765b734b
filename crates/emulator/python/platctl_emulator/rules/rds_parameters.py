"""RDS: which parameters there are, which take effect at once, and which wait for a reboot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from ..patches.rds import members
from .registry import after, before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# Of the parameters of Aurora PostgreSQL, those that people set.
STATIC = (
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "rds.logical_replication",
    "shared_buffers",
    "shared_preload_libraries",
    "track_activity_query_size",
)
DYNAMIC = (
    "autovacuum_max_workers",
    "idle_in_transaction_session_timeout",
    "log_connections",
    "log_disconnections",
    "log_lock_waits",
    "log_min_duration_statement",
    "log_statement",
    "log_temp_files",
    "maintenance_work_mem",
    "random_page_cost",
    "rds.force_ssl",
    "statement_timeout",
    "timezone",
    "work_mem",
)


def group_of(call: Call) -> Any:
    """The group that a call names, and whether it is one of a cluster."""
    rds, params = backend(call), call.params
    cluster = params.get("DBClusterParameterGroupName")
    name = cluster or params.get("DBParameterGroupName")
    groups = rds.db_cluster_parameter_groups if cluster else rds.db_parameter_groups
    if name not in groups:
        raise Refused("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)
    return groups[name]


def shown(name: str, stated: dict[str, Any] | None) -> dict[str, Any]:
    """A parameter as an answer shows it."""
    known = {
        "ParameterName": name,
        "ApplyType": "static" if name in STATIC else "dynamic",
        "IsModifiable": True,
        "Source": "user" if stated else "engine-default",
        "ApplyMethod": "pending-reboot",
    }
    return {**known, **(stated or {}), "Source": known["Source"]}


@before("rds:DescribeDBClusterParameters", "rds:DescribeDBParameters")
def describe(call: Call) -> Answer:
    """moto shows only what somebody set."""
    group, params = group_of(call), call.params
    wanted = [name for one in params.get("Filters") or [] for name in one["Values"]]
    names = sorted({*STATIC, *DYNAMIC, *group.parameters})
    answered = [shown(name, group.parameters.get(name)) for name in names if not wanted or name in wanted]
    source = params.get("Source")
    return result(call, {"Parameters": [one for one in answered if source in (None, one["Source"])]})


def stated(call: Call) -> list[Any]:
    """The parameters of a call."""
    return call.params.get("Parameters") or []


@before("rds:ModifyDBClusterParameterGroup", "rds:ModifyDBParameterGroup")
@before("rds:ResetDBClusterParameterGroup", "rds:ResetDBParameterGroup")
def static_ones_wait(call: Call) -> None:
    """A static parameter takes effect at a reboot, never at once."""
    group_of(call)
    for one in stated(call):
        if one["ParameterName"] in STATIC and one.get("ApplyMethod") == "immediate":
            raise Refused("InvalidParameterCombination", "cannot use immediate apply method for static parameter")


@after("rds:ModifyDBClusterParameterGroup", "rds:ModifyDBParameterGroup")
@after("rds:ResetDBClusterParameterGroup", "rds:ResetDBParameterGroup")
def wait_for_reboot(call: Call) -> None:
    """The instances that use the group say that they wait."""
    rds, params = backend(call), call.params
    if not any(one["ParameterName"] in STATIC for one in stated(call)):
        return
    if name := params.get("DBClusterParameterGroupName"):
        used = [cluster for cluster in rds.clusters.values() if cluster.parameter_group == name]
        for instance in (one for cluster in used for one in members(rds, cluster)):
            instance.waits_with_cluster = True
    for instance in rds.databases.values():
        if instance.db_parameter_group_name == params.get("DBParameterGroupName"):
            instance.waits = True
