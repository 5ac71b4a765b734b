"""RDS: states that take their time, and what moto loses of clusters and instances."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from moto.rds.exceptions import DBClusterNotFoundError, InvalidDBClusterStateFault
from moto.rds.models import DBCluster, DBClusterSnapshot, DBInstance, DBInstanceClustered, RDSBackend

from ..timeline import TIMELINE
from .wrap import around

# AWS seconds, as usually seen.
CLUSTER, CLUSTER_DELETE, INSTANCE, INSTANCE_DELETE, MODIFY = 50, 90, 420, 400, 60
UPGRADE, SNAPSHOT, START, STOP, REBOOT = 1200, 150, 400, 300, 90

INSIGHTS = ("performance_insights_kms_key_id", "performance_insights_retention_period")


def apply(profile: Any) -> None:
    """Changes the RDS backend."""
    # moto names automated backups by the minute, and fails at the second one of a name.
    DBCluster.save_automated_backup = lambda self: None
    DBInstance.save_automated_backup = lambda self: None
    DBCluster.status = property(lambda self: self._status, lambda self, status: setattr(self, "_status", status))
    clusters()
    starts()
    snapshots()
    instances()
    reboots()
    subnet_groups()
    DBClusterSnapshot.db_cluster_snapshot_arn = property(lambda self: self.arn)


def later(seconds: float, thing: Any, state: str, status: str = "available") -> None:
    """A state that ends by itself."""
    thing.status = state

    def over() -> None:
        if thing.status == state:
            thing.status = status

    TIMELINE.after(seconds, over)


def key_of(cluster: Any) -> None:
    """AWS encrypts with its own key where none is said."""
    if cluster.kms_key_id == "default_kms_key_id":
        cluster.kms_key_id = None


def clusters() -> None:
    """Being created, modified and deleted."""

    @around(RDSBackend, "create_db_cluster")
    def create(old: Callable[..., Any], self: Any, kwargs: Any) -> Any:
        cluster = old(self, kwargs)
        key_of(cluster)
        cluster.iam_auth = kwargs.get("enable_iam_database_authentication") or False
        later(CLUSTER, cluster, "creating")
        return cluster

    @around(RDSBackend, "modify_db_cluster")
    def modify(old: Callable[..., Any], self: Any, kwargs: Any) -> Any:
        name = kwargs["db_cluster_identifier"]
        iam = kwargs.pop("enable_iam_database_authentication", None)
        exports = kwargs.pop("cloudwatch_logs_export_configuration", None) or {}
        if "deletion_protection" in kwargs:
            kwargs["deletion_protection"] = bool(kwargs["deletion_protection"])
        if name.startswith("arn:"):
            kwargs["db_cluster_identifier"] = name = name.rpartition(":")[2]
        version = kwargs.pop("engine_version", None)
        group = kwargs.pop("db_instance_parameter_group_name", None)
        old(self, kwargs)
        cluster = self.clusters[name]
        cluster.db_cluster_identifier = name
        if iam is not None:
            cluster.iam_auth = iam
        logs = [log for log in cluster.enabled_cloudwatch_logs_exports if log not in exports.get("DisableLogTypes", [])]
        cluster.enabled_cloudwatch_logs_exports = logs + [
            log for log in exports.get("EnableLogTypes", []) if log not in logs
        ]
        if version and version != cluster.engine_version:
            upgrade(self, cluster, version, group)
        else:
            later(MODIFY, cluster, "modifying")
        return cluster

    @around(RDSBackend, "delete_db_cluster")
    def delete(old: Callable[..., Any], self: Any, cluster_identifier: Any, snapshot_name: Any = None) -> Any:
        cluster = self.clusters.get(cluster_identifier)
        if cluster is None or cluster.deletion_protection or cluster.members:
            return old(self, cluster_identifier, snapshot_name)
        cluster.status = "deleting"

        def gone() -> None:
            if cluster_identifier in self.clusters:
                old(self, cluster_identifier, snapshot_name)

        TIMELINE.after(CLUSTER_DELETE, gone)
        return cluster

    @around(RDSBackend, "restore_db_cluster_from_snapshot")
    def restore(old: Callable[..., Any], self: Any, snapshot: Any, overrides: Any) -> Any:
        source = self.describe_db_cluster_snapshots(db_cluster_identifier=None, db_snapshot_identifier=snapshot)[
            0
        ].cluster
        return self.create_db_cluster({**copied(source), **{key: value for key, value in overrides.items() if value}})


def members(rds: Any, cluster: Any) -> list[Any]:
    """The instances of a cluster."""
    return [
        one
        for one in rds.databases.values()
        if getattr(one, "db_cluster_identifier", None) == cluster.db_cluster_identifier
    ]


def upgrade(rds: Any, cluster: Any, version: Any, group: Any) -> None:
    """A cluster and its instances become another version together, and have its groups of parameters then."""
    cluster.status = "upgrading"
    for instance in members(rds, cluster):
        instance.status = "upgrading"

    def over() -> None:
        cluster.engine_version = version
        cluster.status = "available"
        for instance in members(rds, cluster):
            if group:
                instance.db_parameter_group_name = group
            if instance.status == "upgrading":
                instance.status = "available"

    TIMELINE.after(UPGRADE, over)


def stop_instances(rds: Any, cluster: Any, status: str) -> None:
    """Instances follow their cluster."""
    for instance in members(rds, cluster):
        instance.status = status


def starts() -> None:
    """Clusters stop and start with their instances."""
    both = ("stopped", "inaccessible-encryption-credentials-recoverable")
    change(RDSBackend, "start_db_cluster", both, START, "starting", "available")
    change(RDSBackend, "stop_db_cluster", ("available",), STOP, "stopping", "stopped")


def change(owner: Any, name: str, expected: tuple[str, ...], seconds: float, state: str, end: Any) -> None:
    """From one state to another, by a third."""

    @around(owner, name)
    def changed(old: Callable[..., Any], self: Any, cluster_identifier: Any) -> Any:
        cluster = self.clusters.get(cluster_identifier)
        if cluster is None:
            raise DBClusterNotFoundError(cluster_identifier)
        if cluster.status not in expected:
            raise InvalidDBClusterStateFault(
                f"DbCluster {cluster_identifier} is in {cluster.status} state but expected it to be one of "
                f"{','.join(expected)}."
            )
        for thing in (cluster, *members(self, cluster)):
            later(seconds, thing, state, end)
        return copy.copy(cluster)


def snapshots() -> None:
    """They take their time; a cluster's last one is there once the cluster is gone."""

    @around(RDSBackend, "create_db_cluster_snapshot")
    def create(old: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
        snapshot = old(self, *args, **kwargs)
        if snapshot.snapshot_type == "manual" and snapshot.cluster.status != "deleting":
            later(SNAPSHOT, snapshot, "creating")
        return snapshot


def subnet_groups() -> None:
    """moto takes a changed group out of its list."""

    @around(RDSBackend, "modify_db_subnet_group")
    def modify(old: Callable[..., Any], self: Any, subnet_name: Any, *args: Any, **kwargs: Any) -> Any:
        group = old(self, subnet_name, *args, **kwargs)
        self.subnet_groups[subnet_name] = group
        return group


def copied(source: Any) -> dict[str, Any]:
    """What a restored cluster has of its origin."""
    return {
        "engine": source.engine,
        "engine_version": source.engine_version,
        "master_username": source.master_username,
        "master_user_password": "restored-from-somewhere",
        "database_name": source.database_name,
        "storage_encrypted": source.storage_encrypted,
        "kms_key_id": source.kms_key_id,
        "port": source.port,
        "backup_retention_period": source.backup_retention_period,
    }


def insights(instance: Any, kwargs: Any) -> None:
    """moto drops everything about Performance Insights."""
    if kwargs.get("enable_performance_insights") is not None:
        instance.performance_insights_enabled = kwargs["enable_performance_insights"]
    for name in INSIGHTS:
        if kwargs.get(name) is not None:
            setattr(instance, name, kwargs[name])
    if getattr(instance, "performance_insights_enabled", False):
        instance.performance_insights_retention_period = getattr(instance, INSIGHTS[1], 7)


def reboots() -> None:
    """What waits for a reboot says so until there is one."""

    def in_sync(waits: Any) -> str:
        return "pending-reboot" if waits else "in-sync"

    def of_cluster(self: Any) -> list[dict[str, Any]]:
        return [
            {
                "DBInstanceIdentifier": member.db_instance_identifier,
                "IsClusterWriter": member.is_cluster_writer,
                "DBClusterParameterGroupStatus": in_sync(getattr(member, "waits_with_cluster", False)),
                "PromotionTier": member.promotion_tier,
            }
            for member in self.members
        ]

    def of_instance(self: Any) -> list[Any]:
        groups = [copy.copy(group) for group in self.db_parameter_groups()]
        for group in groups:
            group.ParameterApplyStatus = in_sync(getattr(self, "waits", False))
        return groups

    DBCluster.db_cluster_members = property(of_cluster)
    DBInstance.db_parameter_group_status_list = property(of_instance)

    @around(RDSBackend, "reboot_db_instance")
    def reboot(old: Callable[..., Any], self: Any, db_instance_identifier: str) -> Any:
        instance = old(self, db_instance_identifier)
        instance.waits = instance.waits_with_cluster = False
        later(REBOOT, instance, "rebooting")
        return instance


def instances() -> None:
    """Being created, modified and deleted."""
    DBInstanceClustered.performance_insights_enabled = False

    @around(RDSBackend, "create_db_instance")
    def create(old: Callable[..., Any], self: Any, kwargs: Any) -> Any:
        instance = old(self, dict(kwargs))
        insights(instance, kwargs)
        instance.ca_certificate_identifier = kwargs.get("ca_certificate_identifier") or "rds-ca-rsa2048-g1"
        later(INSTANCE, instance, "creating")
        return instance

    @around(RDSBackend, "modify_db_instance")
    def modify(old: Callable[..., Any], self: Any, name: str, kwargs: Any) -> Any:
        tier = kwargs.get("promotion_tier")
        instance = old(self, name, dict(kwargs))
        insights(instance, kwargs)
        if tier is not None:
            instance.promotion_tier = tier
        later(MODIFY, instance, "modifying")
        return instance

    @around(RDSBackend, "delete_db_instance")
    def delete(old: Callable[..., Any], self: Any, db_instance_identifier: Any, **kwargs: Any) -> Any:
        instance = self.databases.get(db_instance_identifier)
        if instance is None:
            return old(self, db_instance_identifier, **kwargs)
        instance.status = "deleting"

        def gone() -> None:
            if db_instance_identifier in self.databases:
                old(self, db_instance_identifier, **kwargs)

        TIMELINE.after(INSTANCE_DELETE, gone)
        return instance
