"""RDS: a cluster whose key is out of reach, and one that is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused
from ..backends import backend
from ..patches.rds import stop_instances
from ..timeline import TIMELINE
from .registry import after, before

if TYPE_CHECKING:
    from ..calls import Call


# AWS seconds until RDS notices that it cannot use a key any more.
NOTICED = 1800
OUT_OF_REACH = "inaccessible-encryption-credentials-recoverable"


def key_of(call: Call, name: str | None) -> Any:
    """The key of an id, an alias or an ARN; none where it is AWS's own."""
    if not name:
        return None
    keys = backend(call, "kms").keys
    alias = name.rpartition(":")[2]
    if alias.startswith("alias/"):
        return next((key for key in keys.values() if alias in key.aliases), None)
    return keys.get(name.rpartition("/")[2])


@after("rds:CreateDBCluster", "rds:RestoreDBClusterFromSnapshot", "rds:RestoreDBClusterToPointInTime")
def key_is_answered_by_its_arn(call: Call) -> None:
    """However it was written in the request."""
    cluster = backend(call).clusters.get(call.params["DBClusterIdentifier"])
    key = key_of(call, cluster.kms_key_id) if cluster is not None else None
    if key is not None:
        cluster.kms_key_id = key.arn


def works(call: Call, cluster: Any) -> Any:
    """Whether RDS can use a cluster's key."""
    key = key_of(call, cluster.kms_key_id)
    return key is None or key.enabled


@after("kms:DisableKey", "kms:ScheduleKeyDeletion")
def key_is_out_of_reach(call: Call) -> None:
    """The clusters that are encrypted with it are shut after a while."""
    rds = backend(call, "rds")

    def notice() -> None:
        for cluster in rds.clusters.values():
            if cluster.status == "available" and not works(call, cluster):
                cluster.status = OUT_OF_REACH
                stop_instances(rds, cluster, OUT_OF_REACH)

    TIMELINE.after(NOTICED, notice)


@before("rds:StartDBCluster")
def key_works(call: Call) -> None:
    """It starts with its key alone."""
    cluster = backend(call).clusters.get(call.params["DBClusterIdentifier"])
    if cluster is not None and not works(call, cluster):
        text = (
            f"The specified KMS key [{cluster.kms_key_id}] does not exist, is not enabled or you do not have "
            "permissions to access it."
        )
        raise Refused("KMSKeyNotAccessibleFault", text)


@before("rds:CreateDBCluster")
def new_key_works(call: Call) -> None:
    """A cluster is not made with a key that does not work."""
    name = call.params.get("KmsKeyId")
    key = key_of(call, name)
    if key is not None and not key.enabled:
        text = (
            f"The specified KMS key [{name}] does not exist, is not enabled or you do not have permissions to "
            "access it."
        )
        raise Refused("KMSKeyNotAccessibleFault", text)


@before("rds:DeleteDBInstance", "rds:CreateDBInstance")
def cluster_is_not_stopped(call: Call) -> None:
    """Nothing of a stopped cluster comes or goes."""
    rds, params = backend(call), call.params
    known = rds.databases.get(params["DBInstanceIdentifier"])
    name = params.get("DBClusterIdentifier") or getattr(known, "db_cluster_identifier", None)
    cluster = rds.clusters.get(name)
    if cluster is not None and cluster.status in ("stopped", "stopping", "starting"):
        raise Refused("InvalidDBClusterStateFault", f"Db cluster {name} is in {cluster.status} state")
