"""RDS: what may exist twice, what is in use, and who may do what in which state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from .iam import role_of
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


def instances(call: Call) -> Any:
    """All instances of the region."""
    return backend(call, "rds").databases.values()


@before("rds:CreateDBCluster", "rds:RestoreDBClusterFromSnapshot", "rds:RestoreDBClusterToPointInTime")
def cluster_is_new(call: Call) -> None:
    """moto takes a second cluster of the same name."""
    rds, params = backend(call), call.params
    if params["DBClusterIdentifier"].lower() in rds.clusters:
        raise Refused("DBClusterAlreadyExistsFault", "DB Cluster already exists")
    group = params.get("DBSubnetGroupName")
    if group and group not in rds.subnet_groups:
        raise Refused("DBSubnetGroupNotFoundFault", f"DB subnet group '{group}' does not exist.", 404)
    parameters = params.get("DBClusterParameterGroupName")
    if parameters and not parameters.startswith("default.") and parameters not in rds.db_cluster_parameter_groups:
        raise Refused("DBClusterParameterGroupNotFound", f"DBClusterParameterGroup not found: {parameters}", 404)


@before("rds:CreateDBSubnetGroup", "rds:ModifyDBSubnetGroup")
def group_covers_two_zones(call: Call) -> None:
    """In one VPC."""
    known = backend(call, "ec2").subnets_by_id()
    subnets = [known[name] for name in call.params["SubnetIds"] if name in known]
    if len(subnets) < len(call.params["SubnetIds"]) or len({subnet.vpc_id for subnet in subnets}) > 1:
        raise Refused("InvalidSubnet", "Some input subnets are invalid.")
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        text = "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement."
        raise Refused("DBSubnetGroupDoesNotCoverEnoughAZs", text)


@before("rds:CreateDBInstance", "rds:ModifyDBInstance")
def monitoring_role(call: Call) -> None:
    """A role that is there and trusts RDS."""
    arn = call.params.get("MonitoringRoleArn")
    role = role_of(call, arn) if arn else None
    if arn and (role is None or "monitoring.rds.amazonaws.com" not in role.assume_role_policy_document):
        text = "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING"
        raise Refused("InvalidParameterValue", text)


@before("rds:CreateDBInstance")
def cluster_is_there(call: Call) -> None:
    """And not going."""
    cluster = backend(call).clusters.get(call.params.get("DBClusterIdentifier"))
    if cluster is not None and cluster.status in ("deleting", "creating"):
        raise Refused("InvalidDBClusterStateFault", f"DB cluster is not in available state: {cluster.status}")


@before("rds:ModifyDBCluster", "rds:DeleteDBCluster")
def cluster_is_settled(call: Call) -> None:
    """One change at a time."""
    cluster = backend(call).clusters.get(call.params["DBClusterIdentifier"])
    if cluster is not None and cluster.status != "available":
        raise Refused("InvalidDBClusterStateFault", f"DB cluster isn't in available state: {cluster.status}")


@before("rds:DeleteDBCluster")
def last_snapshot_is_new(call: Call) -> None:
    """It is said what becomes of the data, and a name of a snapshot is taken once."""
    rds, name = backend(call), call.params.get("FinalDBSnapshotIdentifier")
    if not name and not call.params.get("SkipFinalSnapshot"):
        text = "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        raise Refused("InvalidParameterCombination", text)
    if name and name in rds.cluster_snapshots:
        text = f"Cannot create the cluster snapshot because one with the identifier {name} already exists."
        raise Refused("DBClusterSnapshotAlreadyExistsFault", text)


@before("rds:CreateDBClusterSnapshot")
def cluster_is_available(call: Call) -> None:
    """A snapshot is made of a cluster that is available."""
    cluster = backend(call).clusters.get(call.params["DBClusterIdentifier"])
    if cluster is not None and cluster.status != "available":
        raise Refused("InvalidDBClusterStateFault", f"The cluster is not in available state: {cluster.status}")


@before("rds:ModifyDBInstance", "rds:DeleteDBInstance", "rds:RebootDBInstance")
def instance_is_settled(call: Call) -> None:
    """One change at a time; a deletion may come at any time, once."""
    instance = backend(call).databases.get(call.params["DBInstanceIdentifier"])
    if instance is None:
        return
    if instance.status == "deleting":
        text = f"Instance {instance.db_instance_identifier} is already being deleted."
        raise Refused("InvalidDBInstanceState", text)
    if instance.status != "available" and call.operation != "DeleteDBInstance":
        raise Refused("InvalidDBInstanceState", f"Database instance is not in available state: {instance.status}")


@before("rds:DeleteDBSubnetGroup")
def subnet_group_is_free(call: Call) -> None:
    """moto deletes it under a cluster."""
    name = call.params["DBSubnetGroupName"]
    if any(cluster.db_subnet_group == name for cluster in backend(call).clusters.values()):
        text = f"Cannot delete the subnet group '{name}' because at least one database instance is still using it."
        raise Refused("InvalidDBSubnetGroupStateFault", text)


@before("rds:DeleteDBClusterParameterGroup")
def cluster_parameters_are_free(call: Call) -> None:
    """moto deletes it under a cluster."""
    name = call.params["DBClusterParameterGroupName"]
    if any(cluster.parameter_group == name for cluster in backend(call).clusters.values()):
        raise Refused("InvalidDBParameterGroupState", "One or more database clusters are still members of this group.")


@before("rds:DeleteDBParameterGroup")
def parameters_are_free(call: Call) -> None:
    """moto deletes it under an instance, and cannot describe that any more."""
    name = call.params["DBParameterGroupName"]
    if any(instance.db_parameter_group_name == name for instance in instances(call)):
        raise Refused("InvalidDBParameterGroupState", "One or more database instances are still members of this group.")


@before("ec2:DeleteSecurityGroup")
def group_is_free(call: Call) -> None:
    """A database's interfaces hold its groups."""
    name = call.params.get("GroupId")
    for cluster in backend(call, "rds").clusters.values():
        if name in (cluster.vpc_security_group_ids or []):
            raise Refused("DependencyViolation", f"resource {name} has a dependent object")


@before("ec2:DeleteSubnet")
def subnet_is_free(call: Call) -> None:
    """A database's interfaces hold its subnets."""
    rds, name = backend(call, "rds"), call.params.get("SubnetId")
    used = {cluster.db_subnet_group for cluster in rds.clusters.values()}
    for group_name, group in rds.subnet_groups.items():
        if group_name in used and any(subnet.id == name for subnet in group._subnets):
            raise Refused("DependencyViolation", f"The subnet '{name}' has dependencies and cannot be deleted.")


def reset(call: Call, groups: Any, key: str) -> Answer:
    """Parameters go back to the values of their family: all, or those that are named."""
    name = call.params[key]
    group = groups.get(name)
    if group is None:
        raise Refused("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)
    named = [parameter["ParameterName"] for parameter in call.params.get("Parameters") or []]
    for parameter in list(group.parameters) if call.params.get("ResetAllParameters") else named:
        group.parameters.pop(parameter, None)
    return result(call, {key: name})


@before("rds:ResetDBClusterParameterGroup")
def reset_cluster_parameters(call: Call) -> Answer:
    """moto does not know the call."""
    return reset(call, backend(call).db_cluster_parameter_groups, "DBClusterParameterGroupName")


@before("rds:ResetDBParameterGroup")
def reset_parameters(call: Call) -> Answer:
    """moto does not know the call."""
    return reset(call, backend(call).db_parameter_groups, "DBParameterGroupName")
