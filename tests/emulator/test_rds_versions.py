"""RDS: versions, upgrades, groups of parameters, and global clusters."""

import pytest

from things import db_cluster, db_instance, db_state, instance_state

ARN = "arn:aws:rds:{}:123456789012:cluster:one"


def own(aws, name, major, kind="cluster"):
    """A group of parameters of a major version."""
    about = {"DBParameterGroupFamily": f"aurora-postgresql{major}", "Description": "x"}
    if kind == "cluster":
        aws.rds.create_db_cluster_parameter_group(DBClusterParameterGroupName=name, **about)
    else:
        aws.rds.create_db_parameter_group(DBParameterGroupName=name, **about)


def modify(aws, **changes):
    return aws.rds.modify_db_cluster(DBClusterIdentifier="one", ApplyImmediately=True, **changes)


def version(aws):
    return aws.rds.describe_db_clusters(DBClusterIdentifier="one")["DBClusters"][0]["EngineVersion"]


def test_versions_and_what_each_can_become(aws):
    found = aws.rds.describe_db_engine_versions(Engine="aurora-postgresql", EngineVersion="16.6")["DBEngineVersions"]
    assert [(one["EngineVersion"], one["DBParameterGroupFamily"]) for one in found] == [("16.6", "aurora-postgresql16")]
    targets = {one["EngineVersion"]: one["IsMajorVersionUpgrade"] for one in found[0]["ValidUpgradeTarget"]}
    assert targets["16.8"] is False and targets["17.4"] is True
    assert not {"16.4", "16.6", "15.10", "15.15"} & set(targets)


def test_support_of_a_major(aws):
    ask = {"Engine": "aurora-postgresql", "MajorEngineVersion": "13"}
    [found] = aws.rds.describe_db_major_engine_versions(**ask)["DBMajorEngineVersions"]
    ends = {
        one["LifecycleSupportName"]: one["LifecycleSupportEndDate"].date().isoformat()
        for one in found["SupportedEngineLifecycles"]
    }
    assert ends == {
        "open-source-rds-standard-support": "2026-02-28",
        "open-source-rds-extended-support": "2029-02-28",
    }
    assert aws.rds.describe_db_major_engine_versions(Engine="mariadb")["DBMajorEngineVersions"] == []


def test_versions_of_a_major(aws):
    found = aws.rds.describe_db_engine_versions(Engine="aurora-postgresql", EngineVersion="17")["DBEngineVersions"]
    assert found and all(one["EngineVersion"].startswith("17.") for one in found)
    assert aws.rds.describe_db_engine_versions(Engine="aurora-mysql")["DBEngineVersions"] == []


def test_a_cluster_has_a_version_that_is_offered(aws):
    with aws.refused("InvalidParameterCombination", "Cannot find version 16.99"):
        db_cluster(aws, EngineVersion="16.99")


def test_parameters_are_of_the_same_major_version(aws):
    own(aws, "old", 15)
    with aws.refused("InvalidParameterCombination", "DBParameterGroupFamily"):
        db_cluster(aws, DBClusterParameterGroupName="old")
    db_cluster(aws)
    own(aws, "old", 15, "instance")
    with aws.refused("InvalidParameterCombination", "DBParameterGroupFamily"):
        db_instance(aws, DBParameterGroupName="old")
    db_instance(aws)
    with aws.refused("InvalidParameterCombination", "DBParameterGroupFamily"):
        aws.rds.modify_db_instance(DBInstanceIdentifier="one-0", DBParameterGroupName="old")
    with aws.refused("InvalidParameterCombination", "DBParameterGroupFamily"):
        modify(aws, DBClusterParameterGroupName="old")


def test_an_upgrade_takes_its_time_and_the_instances_with_it(aws):
    db_cluster(aws)
    db_instance(aws)
    assert version(aws) == "16.6"
    aws.slow()
    modify(aws, EngineVersion="16.8")
    assert (db_state(aws), instance_state(aws), version(aws)) == ("upgrading", "upgrading", "16.6")
    aws.pass_by(1201)
    assert (db_state(aws), instance_state(aws), version(aws)) == ("available", "available", "16.8")


@pytest.mark.parametrize("target", ["16.4", "15.10", "99.1", "17.3"])
def test_an_upgrade_that_is_not_offered(aws, target):
    db_cluster(aws)
    with aws.refused("InvalidParameterCombination", "Cannot upgrade"):
        modify(aws, EngineVersion=target, AllowMajorVersionUpgrade=True)


def test_an_upgrade_to_another_major_version_is_said_to_be_one(aws):
    db_cluster(aws)
    with aws.refused("InvalidParameterCombination", "AllowMajorVersionUpgrade"):
        modify(aws, EngineVersion="17.4")
    modify(aws, EngineVersion="17.4", AllowMajorVersionUpgrade=True)
    assert version(aws) == "17.4"


def test_groups_for_the_new_major_version_have_to_be_stated(aws):
    own(aws, "cluster16", 16)
    own(aws, "cluster17", 17)
    own(aws, "instance16", 16, "instance")
    own(aws, "instance17", 17, "instance")
    db_cluster(aws, DBClusterParameterGroupName="cluster16")
    db_instance(aws, DBParameterGroupName="instance16")
    up = {"EngineVersion": "17.4", "AllowMajorVersionUpgrade": True}
    with aws.refused("InvalidParameterCombination", "cluster16 is custom"):
        modify(aws, **up)
    with aws.refused("InvalidParameterCombination", "instance16 is custom"):
        modify(aws, **up, DBClusterParameterGroupName="cluster17")
    with aws.refused("InvalidParameterCombination", "only be used with a major version upgrade"):
        modify(aws, DBInstanceParameterGroupName="instance16")
    modify(aws, **up, DBClusterParameterGroupName="cluster17", DBInstanceParameterGroupName="instance17")
    groups = aws.rds.describe_db_instances(DBInstanceIdentifier="one-0")["DBInstances"][0]["DBParameterGroups"]
    assert (version(aws), groups[0]["DBParameterGroupName"]) == ("17.4", "instance17")


SWITCHES = ("log_connections", "log_disconnections", "log_lock_waits")


def parameters(aws):
    found = aws.rds.describe_db_cluster_parameters(DBClusterParameterGroupName="own")["Parameters"]
    return {one["ParameterName"]: one["ParameterValue"] for one in found if one.get("ParameterValue")}


def test_parameters_go_back(aws):
    own(aws, "own", 16)
    about = {"DBClusterParameterGroupName": "own"}
    given = [{"ParameterName": name, "ParameterValue": "1", "ApplyMethod": "immediate"} for name in SWITCHES]
    aws.rds.modify_db_cluster_parameter_group(**about, Parameters=given)
    aws.rds.reset_db_cluster_parameter_group(**about, Parameters=[{**given[0], "ParameterValue": "1"}])
    assert parameters(aws) == {"log_disconnections": "1", "log_lock_waits": "1"}
    aws.rds.reset_db_cluster_parameter_group(**about, ResetAllParameters=True)
    assert parameters(aws) == {}
    with aws.refused("DBParameterGroupNotFound"):
        aws.rds.reset_db_parameter_group(DBParameterGroupName="none", ResetAllParameters=True)


def global_cluster(aws):
    """One with a member that writes and one that reads."""
    db_cluster(aws)
    aws.rds.create_global_cluster(GlobalClusterIdentifier="world", SourceDBClusterIdentifier=ARN.format("eu-west-1"))
    db_cluster(aws, region="eu-central-1", GlobalClusterIdentifier="world")


def members(aws):
    found = aws.rds.describe_global_clusters(GlobalClusterIdentifier="world")["GlobalClusters"][0][
        "GlobalClusterMembers"
    ]
    return [(one["DBClusterArn"].split(":")[3], one["IsWriter"]) for one in found]


def test_a_global_cluster_has_one_member_for_each_region(aws):
    global_cluster(aws)
    assert members(aws) == [("eu-west-1", True), ("eu-central-1", False)]
    with aws.refused("InvalidParameterCombination", "has a member in eu-central-1"):
        db_cluster(aws, "two", region="eu-central-1", GlobalClusterIdentifier="world")
    with aws.refused("InvalidParameterCombination", "Cannot specify user name"):
        db_cluster(aws, region="us-east-1", GlobalClusterIdentifier="world", MasterUsername="root")
    with aws.refused("GlobalClusterNotFoundFault"):
        db_cluster(aws, region="us-east-1", GlobalClusterIdentifier="moon")


def test_a_global_cluster_of_a_name(aws):
    about = {"GlobalClusterIdentifier": "world", "SourceDBClusterIdentifier": ARN.format("eu-west-1")}
    with aws.refused("DBClusterNotFoundFault"):
        aws.rds.create_global_cluster(**about)
    aws.slow()
    db_cluster(aws)
    with aws.refused("InvalidDBClusterStateFault"):
        aws.rds.create_global_cluster(**about)
    aws.pass_by(51)
    aws.rds.create_global_cluster(**about)
    with aws.refused("GlobalClusterAlreadyExistsFault"):
        aws.rds.create_global_cluster(**about)


def test_a_member_leaves_before_it_goes_and_the_writer_last(aws):
    global_cluster(aws)
    west, central = ARN.format("eu-west-1"), ARN.format("eu-central-1")
    with aws.refused("InvalidDBClusterStateFault", "remove it from globalcluster"):
        aws.rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    with aws.refused("InvalidGlobalClusterStateFault", "not empty"):
        aws.rds.delete_global_cluster(GlobalClusterIdentifier="world")
    with aws.refused("InvalidGlobalClusterStateFault", "writer"):
        aws.rds.remove_from_global_cluster(GlobalClusterIdentifier="world", DbClusterIdentifier=west)
    for arn in (central, west):
        aws.rds.remove_from_global_cluster(GlobalClusterIdentifier="world", DbClusterIdentifier=arn)
    with aws.refused("DBClusterNotFoundFault"):
        aws.rds.remove_from_global_cluster(GlobalClusterIdentifier="world", DbClusterIdentifier=west)
    aws.rds.modify_global_cluster(GlobalClusterIdentifier="world", DeletionProtection=True)
    with aws.refused("InvalidParameterCombination", "protected"):
        aws.rds.delete_global_cluster(GlobalClusterIdentifier="world")
    aws.rds.modify_global_cluster(GlobalClusterIdentifier="world", DeletionProtection=False)
    aws.rds.delete_global_cluster(GlobalClusterIdentifier="world")
    with aws.refused("GlobalClusterNotFoundFault"):
        members(aws)


def test_another_member_writes(aws):
    global_cluster(aws)
    to = {"GlobalClusterIdentifier": "world", "TargetDbClusterIdentifier": ARN.format("eu-central-1")}
    with aws.refused("InvalidGlobalClusterStateFault"):
        aws.client("rds", "eu-central-1").switchover_global_cluster(**to)
    with aws.refused("InvalidParameterCombination"):
        aws.rds.failover_global_cluster(**to)
    aws.rds.switchover_global_cluster(**to)
    assert members(aws) == [("eu-central-1", True), ("eu-west-1", False)]
    with aws.refused("InvalidDBClusterStateFault"):
        aws.rds.failover_global_cluster(**to, AllowDataLoss=True)


def test_a_member_is_not_upgraded_on_its_own(aws):
    global_cluster(aws)
    with aws.refused("InvalidDBClusterStateFault"):
        modify(aws, EngineVersion="17.4", AllowMajorVersionUpgrade=True)


def test_the_tags_of_a_global_cluster(aws):
    global_cluster(aws)
    arn = "arn:aws:rds::123456789012:global-cluster:world"
    aws.rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    aws.rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["a"])
    seen = aws.rds.describe_global_clusters(GlobalClusterIdentifier="world")["GlobalClusters"][0]
    assert seen["TagList"] == [{"Key": "b", "Value": "2"}]
