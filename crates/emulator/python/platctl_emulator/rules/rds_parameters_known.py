"""RDS: which parameters Aurora PostgreSQL has, and which values they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from .rds_versions import ENGINE
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


SWITCH, LARGEST = "0,1", 2**31 - 1

# Name, type, allowed values, and whether it can be changed.
CLUSTER: tuple[tuple[str, str, str | None, bool], ...] = (
    ("apg_critical_insights_mode", "string", None, False),
    ("archive_command", "string", None, False),
    ("autovacuum", "boolean", SWITCH, True),
    ("block_size", "integer", "8192", False),
    ("client_encoding", "string", None, True),
    ("deadlock_timeout", "integer", f"1-{LARGEST}", True),
    ("idle_in_transaction_session_timeout", "integer", f"0-{LARGEST}", True),
    ("log_autovacuum_min_duration", "integer", f"-1-{LARGEST}", True),
    ("log_connections", "boolean", SWITCH, True),
    ("log_disconnections", "boolean", SWITCH, True),
    ("log_lock_waits", "boolean", SWITCH, True),
    ("log_min_duration_statement", "integer", f"-1-{LARGEST}", True),
    ("log_statement", "string", "none,ddl,mod,all", True),
    ("log_temp_files", "integer", f"-1-{LARGEST}", True),
    ("max_connections", "integer", "6-262143", True),
    ("max_locks_per_transaction", "integer", f"10-{LARGEST}", True),
    ("max_replication_slots", "integer", "5-262143", True),
    ("max_wal_senders", "integer", "5-262143", True),
    ("pg_stat_statements.track", "string", "none,top,all", True),
    ("random_page_cost", "float", "0-1.79769e+308", True),
    ("rds.force_ssl", "boolean", SWITCH, True),
    ("rds.logical_replication", "boolean", SWITCH, True),
    ("rds.superuser_variables", "string", None, False),
    ("server_encoding", "string", None, False),
    ("shared_buffers", "integer", "16-1073741823", True),
    ("shared_preload_libraries", "list", "auto_explain,pg_cron,pg_hint_plan,pg_stat_statements,pgaudit", True),
    ("statement_timeout", "integer", f"0-{LARGEST}", True),
    ("timezone", "string", None, True),
    ("work_mem", "integer", f"64-{LARGEST}", True),
)
# What is the cluster's alone.
SHARED = {"rds.force_ssl", "rds.logical_replication", "archive_command", "server_encoding", "timezone"}
INSTANCE = tuple(one for one in CLUSTER if one[0] not in SHARED)


def shown(known: Any) -> list[dict[str, Any]]:
    """As an answer shows them."""
    return [
        {
            "ParameterName": name,
            "DataType": kind,
            "IsModifiable": modifiable,
            "Source": "engine-default",
            **({"AllowedValues": allowed} if allowed else {}),
        }
        for name, kind, allowed, modifiable in known
    ]


def defaults(call: Call, known: Any) -> Answer:
    """The parameters of a family."""
    family = call.params["DBParameterGroupFamily"]
    if not family.startswith(ENGINE):
        raise Refused("InvalidParameterValue", f"ParameterGroupFamily {family} is not a valid parameter group family")
    return result(call, {"EngineDefaults": {"DBParameterGroupFamily": family, "Parameters": shown(known)}})


@before("rds:DescribeEngineDefaultClusterParameters")
def cluster_defaults(call: Call) -> Answer:
    """moto does not know the call."""
    return defaults(call, CLUSTER)


@before("rds:DescribeEngineDefaultParameters")
def instance_defaults(call: Call) -> Answer:
    """moto does not know the call."""
    return defaults(call, INSTANCE)


def is_allowed(value: str, kind: str, allowed: str) -> bool:
    """Lists and formulas are not looked into."""
    if kind == "boolean":
        return value in allowed.split(",")
    if kind != "integer" or not value.lstrip("-").isdigit():
        return True
    low, _, high = allowed[1:].partition("-")
    return int(allowed[0] + low) <= int(value) <= int(high or allowed)


def check(call: Call, groups: Any, group: str, known: Any) -> None:
    """Only what the family has, within what it takes."""
    found = groups.get(group)
    family = getattr(found, "db_parameter_group_family", None) or getattr(found, "family", None) or ""
    if found is None or not family.startswith(ENGINE):
        return
    table = {one[0]: one for one in known}
    for parameter in call.params.get("Parameters") or []:
        name, value = parameter["ParameterName"], parameter.get("ParameterValue")
        if name not in table:
            raise Refused("InvalidParameterValue", f"Could not find parameter with name: {name}")
        _, kind, allowed, modifiable = table[name]
        if not modifiable:
            raise Refused("InvalidParameterValue", f"The parameter {name} cannot be modified.")
        if value is not None and allowed and not is_allowed(value, kind, allowed):
            text = f"Invalid parameter value: {value} for: {name} allowed values are: {allowed}"
            raise Refused("InvalidParameterValue", text)


@before("rds:ModifyDBClusterParameterGroup")
def cluster_parameters_are_known(call: Call) -> None:
    """moto takes any."""
    check(call, backend(call).db_cluster_parameter_groups, call.params["DBClusterParameterGroupName"], CLUSTER)


@before("rds:ModifyDBParameterGroup")
def instance_parameters_are_known(call: Call) -> None:
    """moto takes any."""
    check(call, backend(call).db_parameter_groups, call.params["DBParameterGroupName"], INSTANCE)
