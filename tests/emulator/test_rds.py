"""RDS: states, and what is held."""

import pytest

from things import (
    NOWHERE,
    db_cluster,
    db_instance,
    db_state,
    db_subnets,
    group,
    instance_state,
    place,
    role,
    subnet,
    vpc,
)  # fmt: skip


def test_the_states_of_a_cluster(aws):
    aws.slow()
    assert db_cluster(aws)["Status"] == "creating"
    for call in (aws.rds.delete_db_cluster, aws.rds.modify_db_cluster):
        more = {"SkipFinalSnapshot": True} if call == aws.rds.delete_db_cluster else {"BackupRetentionPeriod": 3}
        with aws.refused("InvalidDBClusterStateFault"):
            call(DBClusterIdentifier="one", **more)
    with aws.refused("InvalidDBClusterStateFault"):
        db_instance(aws)
    with aws.refused("InvalidDBClusterStateFault"):
        aws.rds.create_db_cluster_snapshot(DBClusterIdentifier="one", DBClusterSnapshotIdentifier="now")
    aws.pass_by(51)
    assert db_state(aws) == "available"
    aws.rds.modify_db_cluster(DBClusterIdentifier="one", BackupRetentionPeriod=3)
    assert db_state(aws) == "modifying"
    aws.pass_by(61)
    assert db_state(aws) == "available"
    aws.rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    assert db_state(aws) == "deleting"
    aws.pass_by(91)
    with aws.refused("DBClusterNotFoundFault"):
        db_state(aws)


def test_the_states_of_an_instance(aws):
    db_cluster(aws)
    aws.slow()
    db_instance(aws)
    assert instance_state(aws) == "creating"
    with aws.refused("InvalidDBInstanceState"):
        aws.rds.modify_db_instance(DBInstanceIdentifier="one-0", PromotionTier=3)
    aws.pass_by(421)
    assert instance_state(aws) == "available"
    aws.rds.modify_db_instance(DBInstanceIdentifier="one-0", PromotionTier=3)
    assert instance_state(aws) == "modifying"
    aws.pass_by(61)
    seen = aws.rds.describe_db_instances(DBInstanceIdentifier="one-0")["DBInstances"][0]
    assert (seen["DBInstanceStatus"], seen["PromotionTier"]) == ("available", 3)
    aws.rds.delete_db_instance(DBInstanceIdentifier="one-0")
    assert instance_state(aws) == "deleting"
    with aws.refused("InvalidDBInstanceState", "already being deleted"):
        aws.rds.delete_db_instance(DBInstanceIdentifier="one-0")
    aws.pass_by(401)
    with aws.refused("DBInstanceNotFound"):
        instance_state(aws)


@pytest.mark.parametrize("name", ["one", "ONE"])
def test_a_cluster_of_a_name(aws, name):
    db_cluster(aws)
    with aws.refused("DBClusterAlreadyExistsFault"):
        db_cluster(aws, name)


def test_a_cluster_needs_the_groups_that_it_names(aws):
    with aws.refused("DBSubnetGroupNotFoundFault"):
        db_cluster(aws, DBSubnetGroupName="none")
    with aws.refused("DBClusterParameterGroupNotFound"):
        db_cluster(aws, DBClusterParameterGroupName="none")
    db_cluster(aws, DBClusterParameterGroupName="default.aurora-postgresql16")


def test_a_subnet_group_covers_two_zones_of_one_vpc(aws):
    network, subnets = place(aws)
    about = {"DBSubnetGroupName": "data", "DBSubnetGroupDescription": "x"}
    with aws.refused("DBSubnetGroupDoesNotCoverEnoughAZs"):
        aws.rds.create_db_subnet_group(**about, SubnetIds=[subnets[0], subnet(aws, network, 3)])
    with aws.refused("InvalidSubnet"):
        aws.rds.create_db_subnet_group(**about, SubnetIds=[subnets[0], "subnet-0123456789abcdef0"])
    with aws.refused("InvalidSubnet"):
        aws.rds.create_db_subnet_group(**about, SubnetIds=[subnets[0], subnet(aws, vpc(aws), 1)])
    aws.rds.create_db_subnet_group(**about, SubnetIds=subnets)
    with aws.refused("DBSubnetGroupDoesNotCoverEnoughAZs"):
        aws.rds.modify_db_subnet_group(**about, SubnetIds=subnets[:1])


def test_a_changed_subnet_group_stays_in_the_list(aws):
    network, subnets = db_subnets(aws)
    third = subnet(aws, network, 2)
    aws.rds.modify_db_subnet_group(DBSubnetGroupName="data", SubnetIds=[*subnets, third])
    listed = aws.rds.describe_db_subnet_groups(DBSubnetGroupName="data")["DBSubnetGroups"][0]["Subnets"]
    assert {one["SubnetIdentifier"] for one in listed} == {*subnets, third}


def test_a_cluster_holds_its_groups_and_subnets(aws):
    network, subnets = db_subnets(aws)
    held = group(aws, network)
    about = {"DBClusterParameterGroupName": "own"}
    aws.rds.create_db_cluster_parameter_group(**about, DBParameterGroupFamily="aurora-postgresql16", Description="x")
    db_cluster(aws, DBSubnetGroupName="data", VpcSecurityGroupIds=[held], **about)

    def deletions():
        return (
            ("DependencyViolation", lambda: aws.ec2.delete_subnet(SubnetId=subnets[0])),
            ("DependencyViolation", lambda: aws.ec2.delete_security_group(GroupId=held)),
            ("InvalidDBSubnetGroupStateFault", lambda: aws.rds.delete_db_subnet_group(DBSubnetGroupName="data")),
            ("InvalidDBParameterGroupState", lambda: aws.rds.delete_db_cluster_parameter_group(**about)),
        )

    for code, delete in deletions():
        with aws.refused(code):
            delete()
    aws.rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    for _, delete in reversed(deletions()):
        delete()


def test_an_instance_holds_its_parameter_group(aws):
    aws.rds.create_db_parameter_group(
        DBParameterGroupName="own", DBParameterGroupFamily="aurora-postgresql16", Description="x"
    )
    db_cluster(aws)
    db_instance(aws, DBParameterGroupName="own")
    with aws.refused("InvalidDBParameterGroupState"):
        aws.rds.delete_db_parameter_group(DBParameterGroupName="own")
    aws.rds.delete_db_instance(DBInstanceIdentifier="one-0")
    aws.rds.delete_db_parameter_group(DBParameterGroupName="own")


def test_a_role_that_watches_is_one_of_rds(aws):
    db_cluster(aws)
    about = {"MonitoringInterval": 60}
    for arn in (NOWHERE, role(aws, "ec2.amazonaws.com")):
        with aws.refused("InvalidParameterValue", "ENHANCED_MONITORING"):
            db_instance(aws, MonitoringRoleArn=arn, **about)
    db_instance(aws, MonitoringRoleArn=role(aws, "monitoring.rds.amazonaws.com"), **about)
    with aws.refused("InvalidParameterValue", "ENHANCED_MONITORING"):
        aws.rds.modify_db_instance(DBInstanceIdentifier="one-0", MonitoringRoleArn=NOWHERE)


def test_it_is_said_what_becomes_of_the_data(aws):
    db_cluster(aws)
    with aws.refused("InvalidParameterCombination"):
        aws.rds.delete_db_cluster(DBClusterIdentifier="one")
    aws.rds.create_db_cluster_snapshot(DBClusterIdentifier="one", DBClusterSnapshotIdentifier="last")
    with aws.refused("DBClusterSnapshotAlreadyExistsFault"):
        aws.rds.delete_db_cluster(DBClusterIdentifier="one", FinalDBSnapshotIdentifier="last")
    aws.rds.delete_db_cluster(DBClusterIdentifier="one", FinalDBSnapshotIdentifier="very-last")
    with aws.refused("DBClusterNotFoundFault"):
        db_state(aws)
    names = [
        one["DBClusterSnapshotIdentifier"] for one in aws.rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]
    ]
    assert sorted(names) == ["last", "very-last"]


def test_protection_and_members_keep_a_cluster(aws):
    db_cluster(aws, DeletionProtection=True)
    with aws.refused("InvalidParameterCombination"):
        aws.rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    aws.rds.modify_db_cluster(DBClusterIdentifier="one", DeletionProtection=False)
    db_instance(aws)
    with aws.refused("InvalidDBClusterStateFault"):
        aws.rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)


def test_a_snapshot_takes_its_time_and_can_be_restored(aws):
    db_cluster(aws, DatabaseName="app", Port=5433)
    aws.slow()
    aws.rds.create_db_cluster_snapshot(DBClusterIdentifier="one", DBClusterSnapshotIdentifier="now")

    def state():
        return aws.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="now")["DBClusterSnapshots"][0][
            "Status"
        ]

    assert state() == "creating"
    aws.pass_by(151)
    assert state() == "available"
    about = {"SnapshotIdentifier": "now", "Engine": "aurora-postgresql"}
    with aws.refused("DBClusterAlreadyExistsFault"):
        aws.rds.restore_db_cluster_from_snapshot(DBClusterIdentifier="one", **about)
    with aws.refused("DBClusterAlreadyExistsFault"):
        aws.rds.restore_db_cluster_to_point_in_time(
            DBClusterIdentifier="one", SourceDBClusterIdentifier="one", UseLatestRestorableTime=True
        )
    aws.rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="old", DBParameterGroupFamily="aurora-postgresql15", Description="x"
    )
    with aws.refused("InvalidParameterCombination"):
        aws.rds.restore_db_cluster_from_snapshot(
            DBClusterIdentifier="two", EngineVersion="16.6", DBClusterParameterGroupName="old", **about
        )
    restored = aws.rds.restore_db_cluster_from_snapshot(DBClusterIdentifier="two", **about)["DBCluster"]
    assert (restored["DatabaseName"], restored["EngineVersion"]) == ("app", "16.6")


def test_what_is_stopped(aws):
    db_cluster(aws)
    db_instance(aws)
    aws.slow()
    aws.pass_by(1)
    with aws.refused("InvalidDBClusterStateFault"):
        aws.rds.start_db_cluster(DBClusterIdentifier="one")
    aws.rds.stop_db_cluster(DBClusterIdentifier="one")
    assert (db_state(aws), instance_state(aws)) == ("stopping", "stopping")
    aws.pass_by(301)
    assert (db_state(aws), instance_state(aws)) == ("stopped", "stopped")
    refusals = (
        lambda: aws.rds.modify_db_cluster(DBClusterIdentifier="one", BackupRetentionPeriod=3),
        lambda: aws.rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True),
        lambda: aws.rds.stop_db_cluster(DBClusterIdentifier="one"),
        lambda: aws.rds.create_db_cluster_snapshot(DBClusterIdentifier="one", DBClusterSnapshotIdentifier="now"),
        lambda: aws.rds.delete_db_instance(DBInstanceIdentifier="one-0"),
        lambda: db_instance(aws, "one-1"),
    )
    for refusal in refusals:
        with aws.refused("InvalidDBClusterStateFault"):
            refusal()
    with aws.refused("InvalidDBInstanceState"):
        aws.rds.modify_db_instance(DBInstanceIdentifier="one-0", PromotionTier=3)
    aws.rds.start_db_cluster(DBClusterIdentifier="one")
    assert db_state(aws) == "starting"
    aws.pass_by(401)
    assert (db_state(aws), instance_state(aws)) == ("available", "available")


def test_what_moto_loses_of_an_instance(aws):
    db_cluster(aws)
    db_instance(aws, EnablePerformanceInsights=True, CACertificateIdentifier="rds-ca-rsa4096-g1")
    seen = aws.rds.describe_db_instances(DBInstanceIdentifier="one-0")["DBInstances"][0]
    assert seen["PerformanceInsightsEnabled"] is True and seen["PerformanceInsightsRetentionPeriod"] == 7
    assert seen["CACertificateIdentifier"] == "rds-ca-rsa4096-g1"
    aws.rds.modify_db_instance(DBInstanceIdentifier="one-0", EnablePerformanceInsights=False)
    seen = aws.rds.describe_db_instances(DBInstanceIdentifier="one-0")["DBInstances"][0]
    assert seen["PerformanceInsightsEnabled"] is False


def test_what_moto_loses_of_a_cluster(aws):
    db_cluster(aws, EnableIAMDatabaseAuthentication=True, EnableCloudwatchLogsExports=["postgresql"])
    aws.rds.modify_db_cluster(
        DBClusterIdentifier="one",
        EnableIAMDatabaseAuthentication=False,
        CloudwatchLogsExportConfiguration={"EnableLogTypes": ["instance"], "DisableLogTypes": ["postgresql"]},
    )
    seen = aws.rds.describe_db_clusters(DBClusterIdentifier="one")["DBClusters"][0]
    assert seen["IAMDatabaseAuthenticationEnabled"] is False
    assert seen["EnabledCloudwatchLogsExports"] == ["instance"]


def test_clusters_of_one_name_one_after_another(aws):
    for _ in range(2):
        db_cluster(aws, BackupRetentionPeriod=1)
        aws.rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
