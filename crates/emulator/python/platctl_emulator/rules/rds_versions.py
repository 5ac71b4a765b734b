"""RDS: Aurora PostgreSQL's versions, what each can be upgraded to, and which parameters a version takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from ..patches.rds import members
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


ENGINE = "aurora-postgresql"

# Versions that came out together, oldest first. An upgrade goes to a later minor of the same major, or to a minor of
# a later major that is not older.
TOGETHER = (
    ("13.13", "14.10", "15.5", "16.1"),
    ("13.14", "14.11", "15.6", "16.2"),
    ("13.15", "14.12", "15.7", "16.3"),
    ("13.16", "14.13", "15.8", "16.4"),
    ("13.18", "14.15", "15.10", "16.6"),
    ("13.20", "14.17", "15.12", "16.8", "17.4"),
    ("13.21", "14.18", "15.13", "16.9", "17.5"),
    ("13.22", "14.19", "15.14", "16.10", "17.6"),
    ("13.23", "14.20", "15.15", "16.11", "17.7"),
)
WHEN = {version: when for when, versions in enumerate(TOGETHER) for version in versions}


# The last days of standard support and of extended support of each major version.
SUPPORT = {
    13: ("2026-02-28", "2029-02-28"),
    14: ("2027-02-28", "2030-02-28"),
    15: ("2028-02-29", "2031-02-28"),
    16: ("2029-02-28", "2032-02-29"),
    17: ("2030-02-28", "2033-02-28"),
}


def major(version: Any) -> int:
    """The first number."""
    return int(version.partition(".")[0])


def family(version: Any) -> str:
    """The family of the parameter groups of a version."""
    return f"{ENGINE}{major(version)}"


def targets(version: Any) -> list[Any]:
    """What a version can be upgraded to."""
    then = WHEN[version]
    later = [one for one in WHEN if WHEN[one] > then and major(one) == major(version)]
    higher = [one for one in WHEN if WHEN[one] >= then and major(one) > major(version)]
    return [*later, *sorted(higher, key=lambda one: (major(one), WHEN[one]))]


def shown(version: Any) -> dict[str, Any]:
    """As an answer shows it."""

    def target(one: Any) -> dict[str, Any]:
        return {
            "Engine": ENGINE,
            "EngineVersion": one,
            "Description": f"Aurora PostgreSQL {one}",
            "AutoUpgrade": False,
            "IsMajorVersionUpgrade": major(one) != major(version),
        }

    return {
        "Engine": ENGINE,
        "EngineVersion": version,
        "DBParameterGroupFamily": family(version),
        "Status": "available",
        "ValidUpgradeTarget": [target(one) for one in targets(version)],
    }


@before("rds:DescribeDBEngineVersions")
def describe(call: Call) -> Answer:
    """moto does not know the call."""
    params = call.params
    wanted = params.get("EngineVersion")
    found = [one for one in WHEN if wanted in (None, one, str(major(one)))]
    return result(call, {"DBEngineVersions": [shown(one) for one in found if params.get("Engine") in (None, ENGINE)]})


@before("rds:DescribeDBMajorEngineVersions")
def describe_major(call: Call) -> Answer:
    """Until when each major version is supported. moto does not know the call."""
    params = call.params

    def lifecycles(number: int) -> list[dict[str, Any]]:
        standard, extended = (f"{day}T23:59:59Z" for day in SUPPORT[number])
        spans = {
            "open-source-rds-standard-support": (f"{int(standard[:4]) - 5}-02-01T00:00:00Z", standard),
            "open-source-rds-extended-support": (standard, extended),
        }
        return [
            {"LifecycleSupportName": name, "LifecycleSupportStartDate": begin, "LifecycleSupportEndDate": end}
            for name, (begin, end) in spans.items()
        ]

    found = [
        {"Engine": ENGINE, "MajorEngineVersion": str(number), "SupportedEngineLifecycles": lifecycles(number)}
        for number in SUPPORT
        if params.get("MajorEngineVersion") in (None, str(number))
    ]
    return result(call, {"DBMajorEngineVersions": found if params.get("Engine") in (None, ENGINE) else []})


@before("rds:CreateDBCluster")
def version_is_offered(call: Call) -> None:
    """moto takes any."""
    version = call.params.get("EngineVersion")
    if call.params.get("Engine") == ENGINE and version and version not in WHEN:
        raise Refused("InvalidParameterCombination", f"Cannot find version {version} for {ENGINE}")


def combination(text: str) -> Refused:
    """What does not go together."""
    return Refused("InvalidParameterCombination", text)


def fits(groups: Any, name: str | None, version: Any) -> None:
    """A group of parameters belongs to one major version; AWS's own ones are named after it."""
    if name is None:
        return
    group = groups.get(name)
    own = (
        getattr(group, "db_parameter_group_family", None)
        or getattr(group, "family", None)
        or name.removeprefix("default.")
    )
    if own != family(version):
        raise combination(
            f"The parameter group {name} with DBParameterGroupFamily {own} can't be used for this instance. "
            f"Please use a parameter group with DBParameterGroupFamily {family(version)}"
        )


@before("rds:CreateDBCluster", "rds:RestoreDBClusterFromSnapshot")
def new_cluster_fits(call: Call) -> None:
    """moto takes parameters of any family."""
    version = call.params.get("EngineVersion")
    if version:
        fits(backend(call).db_cluster_parameter_groups, call.params.get("DBClusterParameterGroupName"), version)


@before("rds:CreateDBInstance", "rds:ModifyDBInstance")
def instance_fits(call: Call) -> None:
    """Its cluster's version decides."""
    rds, params = backend(call), call.params
    known = rds.databases.get(params["DBInstanceIdentifier"])
    name = params.get("DBClusterIdentifier") or getattr(known, "db_cluster_identifier", None)
    cluster = rds.clusters.get(name)
    if cluster is not None:
        fits(rds.db_parameter_groups, params.get("DBParameterGroupName"), cluster.engine_version)


def is_custom(name: str | None) -> bool:
    """Whether somebody made it."""
    return name is not None and not name.startswith("default.")


@before("rds:ModifyDBCluster")
def upgrade_is_possible(call: Call) -> None:
    """To a version that is a valid target, with the groups of parameters that fit it."""
    rds, params = backend(call), call.params
    cluster = rds.clusters.get(params["DBClusterIdentifier"])
    if cluster is None or cluster.engine != ENGINE:
        return
    now, version = cluster.engine_version, params.get("EngineVersion") or cluster.engine_version
    group, instances = params.get("DBClusterParameterGroupName"), params.get("DBInstanceParameterGroupName")
    if major(now) == major(version) and instances:
        raise combination("DBInstanceParameterGroupName can only be used with a major version upgrade.")
    fits(rds.db_cluster_parameter_groups, group, version)
    fits(rds.db_parameter_groups, instances, version)
    if version == now:
        return
    if now not in WHEN or version not in targets(now):
        raise combination(f"Cannot upgrade {ENGINE} from {now} to {version}")
    if major(version) == major(now):
        return
    if not params.get("AllowMajorVersionUpgrade"):
        raise combination("The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.")
    if cluster.global_cluster_identifier:
        raise Refused("InvalidDBClusterStateFault", "A member of a global cluster cannot be upgraded on its own.")
    custom = (
        "is custom. You must explicitly specify a new {}, either default or custom, for the engine version upgrade."
    )
    if is_custom(cluster.parameter_group) and not group:
        text = custom.format("DB cluster parameter group")
        raise combination(f"The current DB cluster parameter group {cluster.parameter_group} {text}")
    used = next(filter(is_custom, (one.db_parameter_group_name for one in members(rds, cluster))), None)
    if used and not instances:
        raise combination(
            f"The current DB instance parameter group {used} {custom.format('DB instance parameter group')}"
        )
