"""RDS: what of a request it refuses by its values alone: names, windows, ports and classes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from .rds_versions import ENGINE, WHEN
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
TIME = r"([01]\d|2[0-3]):([0-5]\d)"
DAILY = re.compile(f"{TIME}-{TIME}")
WEEKLY = re.compile(f"({'|'.join(DAYS)}):{TIME}-({'|'.join(DAYS)}):{TIME}", re.IGNORECASE)

# Words that RDS was seen to refuse.
USERS = {"admin", "all", "grant", "rdsadmin", "select", "table", "user"}
DATABASES = {"admin", "all", "catalog", "control", "dispatch", "flag", "grant", "select", "table", "user"}

SIZES = ("large", "xlarge", *(f"{number}xlarge" for number in (2, 4, 8, 12, 16)))
CLASSES = {
    "t3": ("medium", "large"),
    "t4g": ("medium", "large"),
    "r5": (*SIZES, "24xlarge"),
    "r6g": SIZES,
    "r6gd": SIZES[1:],
    "r6i": (*SIZES, "24xlarge", "32xlarge"),
    "r7g": SIZES,
    "r7i": (*SIZES, "24xlarge", "48xlarge"),
    "r8g": (*SIZES, "24xlarge", "48xlarge"),
    "x2g": SIZES,
}
OFFERED = ("db.serverless", *(f"db.{family}.{size}" for family, sizes in CLASSES.items() for size in sizes))


def wrong(message: str) -> Refused:
    """A value that RDS does not take."""
    return Refused("InvalidParameterValue", message)


def backup_window(text: str) -> tuple[int, int]:
    """Its first minute of the day, and its length."""
    found = DAILY.fullmatch(text)
    if not found:
        raise wrong(f"Invalid backup window format: {text}. Should be specified as a range hh24:mi-hh24:mi.")
    hour, minute, last_hour, last_minute = (int(one) for one in found.groups())
    start, length = hour * 60 + minute, (last_hour * 60 + last_minute - hour * 60 - minute) % DAY
    if length < 30:
        raise wrong("The backup window must be at least 30 minutes.")
    return start, length


def maintenance_window(text: str) -> tuple[int, int]:
    """Its first minute of the week, and its length."""
    found = WEEKLY.fullmatch(text)
    if not found:
        form = "ddd:hh24:mi-ddd:hh24:mi"
        raise wrong(f"Invalid maintenance window format: {text}. Should be specified as a range {form}.")
    first, hour, minute, last, last_hour, last_minute = found.groups()
    start = DAYS.index(first.lower()) * DAY + int(hour) * 60 + int(minute)
    end = DAYS.index(last.lower()) * DAY + int(last_hour) * 60 + int(last_minute)
    if (end - start) % (7 * DAY) < 30:
        raise wrong("The maintenance window must be at least 30 minutes.")
    return start, (end - start) % (7 * DAY)


def check_windows(backup: str | None, maintenance: str | None) -> None:
    """Each by itself, and both together."""
    daily = backup_window(backup) if backup else None
    weekly = maintenance_window(maintenance) if maintenance else None
    if daily is None or weekly is None:
        return
    if any((minute - daily[0]) % DAY < daily[1] for minute in range(weekly[0], sum(weekly))):
        raise wrong("The backup window and maintenance window must not overlap.")


@before("rds:CreateDBCluster", "rds:RestoreDBClusterFromSnapshot", "rds:RestoreDBClusterToPointInTime")
def values_of_a_new_cluster(call: Call) -> None:
    """moto takes any."""
    params = call.params
    check_windows(params.get("PreferredBackupWindow"), params.get("PreferredMaintenanceWindow"))
    port = params.get("Port")
    if port is not None and not 1150 <= port <= 65535:
        raise wrong(f"Invalid endpoint port {port}, valid range is from 1150 to 65535.")
    user, database = params.get("MasterUsername"), params.get("DatabaseName")
    if user is not None:
        if user.lower() in USERS:
            raise wrong(f"MasterUsername {user} cannot be used as it is a reserved word used by the engine")
        if user.lower().startswith("pg_"):
            text = 'because role names starting with "pg_" are reserved by the PostgreSQL engine'
            raise wrong(f"MasterUsername {user} cannot be used {text}")
        if not re.fullmatch(r"[A-Za-z]\w{0,15}", user, re.ASCII):
            raise wrong("The parameter MasterUsername is not a valid identifier.")
    if database is not None:
        if not re.fullmatch(r"[A-Za-z]\w{0,62}", database, re.ASCII):
            raise wrong("DatabaseName must begin with a letter and contain only alphanumeric characters.")
        if database.lower() in DATABASES:
            raise wrong(f"DatabaseName {database} cannot be used. It is a reserved word for this engine")


@before("rds:ModifyDBCluster")
def windows_of_a_cluster(call: Call) -> None:
    """What is not said stays as it is."""
    cluster = backend(call).clusters.get(call.params["DBClusterIdentifier"])
    backup, maintenance = call.params.get("PreferredBackupWindow"), call.params.get("PreferredMaintenanceWindow")
    if cluster is not None and (backup or maintenance):
        check_windows(
            backup or cluster.preferred_backup_window, maintenance or cluster.preferred_maintenance_window
        )


@before("rds:CreateDBInstance", "rds:ModifyDBInstance")
def class_is_offered(call: Call) -> None:
    """moto takes any."""
    rds, params = backend(call), call.params
    wanted, known = params.get("DBInstanceClass"), rds.databases.get(params["DBInstanceIdentifier"])
    cluster = rds.clusters.get(params.get("DBClusterIdentifier") or getattr(known, "db_cluster_identifier", None))
    if wanted is None or cluster is None or cluster.engine != ENGINE or wanted in OFFERED:
        return
    text = (
        f"RDS does not support creating a DB instance with the following combination: DBInstanceClass={wanted}, "
        f"Engine={ENGINE}, EngineVersion={cluster.engine_version}, LicenseModel=postgresql-license. For supported "
        "combinations of instance class and database engine version, see the documentation."
    )
    raise Refused("InvalidParameterCombination", text)


@before("rds:DescribeOrderableDBInstanceOptions")
def orderable(call: Call) -> Answer:
    """Every class for every version, in all zones. moto has those of years ago."""
    params = call.params
    version, wanted = params.get("EngineVersion"), params.get("DBInstanceClass")
    if version and version not in WHEN:
        raise Refused("InvalidParameterCombination", f"Cannot find version {version} for {params.get('Engine')}")
    zones = [{"Name": zone.name} for zone in backend(call, "ec2").zones.get(call.region, [])]

    def option(name: str) -> dict[str, Any]:
        return {
            "Engine": ENGINE,
            "EngineVersion": version or list(WHEN)[-1],
            "DBInstanceClass": name,
            "LicenseModel": "postgresql-license",
            "AvailabilityZones": zones,
            "Vpc": True,
        }

    offered = OFFERED if params.get("Engine") == ENGINE else ()
    found = [option(name) for name in offered if wanted in (None, name)]
    return result(call, {"OrderableDBInstanceOptions": found})
