"""What ends badly, what waits for a reboot, and what is kept in a vault."""

import pytest

from things import db_cluster, db_instance, eks_cluster, instance_state, node_group, role


def update_of(aws, answer, **of):
    return aws.eks.describe_update(name="one", updateId=answer["update"]["id"], **of)["update"]


def test_an_update_that_fails_says_why_and_changes_nothing(aws):
    _, subnets = eks_cluster(aws)
    node_group(aws, subnets)
    aws.control("POST state", {"kind": "eks.Update", "id": "nodes", "state": "PodEvictionFailure"})
    roll = {"clusterName": "one", "nodegroupName": "nodes", "version": "1.35"}
    begun = aws.eks.update_nodegroup_version(**roll, releaseVersion="1.35.0-20270101")
    seen = update_of(aws, begun, nodegroupName="nodes")
    assert seen["status"] == "Failed" and seen["errors"][0]["errorCode"] == "PodEvictionFailure"
    group = aws.eks.describe_nodegroup(clusterName="one", nodegroupName="nodes")["nodegroup"]
    assert group["status"] == "ACTIVE" and group["releaseVersion"] != "1.35.0-20270101"
    # It fails once; and with force, a budget keeps nothing.
    aws.control("POST state", {"kind": "eks.Update", "id": "nodes", "state": "PodEvictionFailure"})
    begun = aws.eks.update_nodegroup_version(**roll, releaseVersion="1.35.0-20270101", force=True)
    assert update_of(aws, begun, nodegroupName="nodes")["status"] == "Successful"
    assert begun["update"]["id"] in aws.eks.list_updates(name="one", nodegroupName="nodes")["updateIds"]


def test_a_deletion_that_fails(aws):
    _, subnets = eks_cluster(aws)
    node_group(aws, subnets)
    aws.control("POST state", {"kind": "eks.Deletion", "id": "nodes", "state": "Ec2SecurityGroupDeletionFailure"})
    aws.eks.delete_nodegroup(clusterName="one", nodegroupName="nodes")
    group = aws.eks.describe_nodegroup(clusterName="one", nodegroupName="nodes")["nodegroup"]
    assert group["status"] == "DELETE_FAILED"
    assert group["health"]["issues"][0]["code"] == "Ec2SecurityGroupDeletionFailure"
    aws.eks.delete_nodegroup(clusterName="one", nodegroupName="nodes")
    assert aws.eks.list_nodegroups(clusterName="one")["nodegroups"] == []


@pytest.mark.parametrize("method", ["immediate", "pending-reboot"])
def test_static_parameters_wait_for_a_reboot(aws, method):
    aws.rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="group", DBParameterGroupFamily="aurora-postgresql16", Description="x"
    )
    db_cluster(aws, DBClusterParameterGroupName="group", EngineVersion="16.8")
    db_instance(aws)

    def change(name):
        parameter = {"ParameterName": name, "ParameterValue": "100", "ApplyMethod": method}
        aws.rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName="group", Parameters=[parameter])

    def status():
        members = aws.rds.describe_db_clusters()["DBClusters"][0]["DBClusterMembers"]
        return {one["DBClusterParameterGroupStatus"] for one in members}

    def kinds(**more):
        asked = aws.rds.describe_db_cluster_parameters(DBClusterParameterGroupName="group", **more)
        return {one["ParameterName"]: one["ApplyType"] for one in asked["Parameters"]}

    named = [{"Name": "parameter-name", "Values": ["work_mem", "max_connections"]}]
    assert kinds(Filters=named) == {"work_mem": "dynamic", "max_connections": "static"}
    assert kinds(Source="user") == {}
    change("work_mem")
    assert status() == {"in-sync"} and kinds(Source="user") == {"work_mem": "dynamic"}
    if method == "immediate":
        with aws.refused("InvalidParameterCombination"):
            change("max_connections")
        return
    change("max_connections")
    assert status() == {"pending-reboot"}
    aws.slow()
    aws.rds.reboot_db_instance(DBInstanceIdentifier="one-0")
    assert instance_state(aws) == "rebooting"
    with aws.refused("InvalidDBInstanceState"):
        aws.rds.reboot_db_instance(DBInstanceIdentifier="one-0")
    aws.pass_by(91)
    assert instance_state(aws) == "available" and status() == {"in-sync"}


def test_a_vault_with_recovery_points_is_not_deleted(aws):
    aws.backup.create_backup_vault(BackupVaultName="main")
    db_cluster(aws)
    cluster = aws.rds.describe_db_clusters()["DBClusters"][0]["DBClusterArn"]
    arn = role(aws, "backup.amazonaws.com")
    point = aws.backup.start_backup_job(BackupVaultName="main", ResourceArn=cluster, IamRoleArn=arn)
    assert aws.backup.describe_backup_vault(BackupVaultName="main")["NumberOfRecoveryPoints"] == 1
    with aws.refused("InvalidRequestException"):
        aws.backup.delete_backup_vault(BackupVaultName="main")
    listed = aws.backup.list_recovery_points_by_backup_vault(BackupVaultName="main")["RecoveryPoints"]
    assert [one["RecoveryPointArn"] for one in listed] == [point["RecoveryPointArn"]]
    aws.slow()
    aws.backup.delete_recovery_point(BackupVaultName="main", RecoveryPointArn=point["RecoveryPointArn"])
    with aws.refused("InvalidRequestException"):
        aws.backup.delete_backup_vault(BackupVaultName="main")
    aws.pass_by(31)
    aws.backup.delete_backup_vault(BackupVaultName="main")


def test_a_renamed_repository_is_the_same_with_another_arn(aws):
    made = aws.codecommit.create_repository(repositoryName="old", tags={"a": "b"})["repositoryMetadata"]
    aws.codecommit.create_repository(repositoryName="other")
    with aws.refused("RepositoryNameExistsException"):
        aws.codecommit.update_repository_name(oldName="old", newName="other")
    aws.codecommit.update_repository_name(oldName="old", newName="new")
    with aws.refused("RepositoryDoesNotExistException"):
        aws.codecommit.get_repository(repositoryName="old")
    now = aws.codecommit.get_repository(repositoryName="new")["repositoryMetadata"]
    assert now["repositoryId"] == made["repositoryId"] and now["Arn"].endswith(":new")
    assert aws.codecommit.list_tags_for_resource(resourceArn=now["Arn"])["tags"] == {"a": "b"}


def test_a_topic_is_created_again_only_with_the_same_tags(aws):
    topic = {"Name": "alarms", "Tags": [{"Key": "a", "Value": "1"}]}
    assert aws.sns.create_topic(**topic) and aws.sns.create_topic(**topic)
    with aws.refused("InvalidParameter"):
        aws.sns.create_topic(Name="alarms", Tags=[{"Key": "a", "Value": "2"}])
