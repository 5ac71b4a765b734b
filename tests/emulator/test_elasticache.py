"""ElastiCache: replication groups, subnet groups and parameter groups."""

import pytest

from things import group, place, subnet, vpc

BUSY = "InvalidReplicationGroupState"


@pytest.fixture
def cache(aws):
    """ElastiCache with a subnet group, and the security group of its VPC."""
    network, subnets = place(aws)
    aws.elasticache.create_cache_subnet_group(
        CacheSubnetGroupName="Main", CacheSubnetGroupDescription="main", SubnetIds=subnets
    )
    return {"subnets": subnets, "group": group(aws, network), "network": network}


def made(aws, cache, name="cache", **more):
    """A replication group with one replica."""
    settings = {
        "ReplicationGroupDescription": "a cache",
        "Engine": "valkey",
        "EngineVersion": "8.0",
        "CacheNodeType": "cache.t4g.small",
        "CacheSubnetGroupName": "main",
        "SecurityGroupIds": [cache["group"]],
        "NumNodeGroups": 1,
        "ReplicasPerNodeGroup": 1,
        "AutomaticFailoverEnabled": True,
        "TransitEncryptionEnabled": True,
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    return aws.elasticache.create_replication_group(ReplicationGroupId=name, **{**settings, **more})["ReplicationGroup"]


def found(aws, name="cache"):
    """The replication group as it is now."""
    return aws.elasticache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]


def test_a_replication_group_takes_its_time(aws, cache):
    aws.slow()
    arn = made(aws, cache)["ARN"]
    assert found(aws)["Status"] == "creating"
    assert "PrimaryEndpoint" not in found(aws)["NodeGroups"][0]
    with aws.refused(BUSY, "tagging"):
        aws.elasticache.list_tags_for_resource(ResourceName=arn)
    with aws.refused(BUSY):
        aws.elasticache.delete_replication_group(ReplicationGroupId="cache")
    aws.pass_by(601)
    group = found(aws)
    assert (group["Status"], group["MemberClusters"]) == ("available", ["cache-001", "cache-002"])
    assert group["NodeGroups"][0]["PrimaryEndpoint"]["Port"] == 6379
    node = aws.elasticache.describe_cache_clusters(CacheClusterId="cache-001")["CacheClusters"][0]
    assert (node["EngineVersion"], node["CacheSubnetGroupName"]) == ("8.0.1", "main")
    assert [one["SecurityGroupId"] for one in node["SecurityGroups"]] == [cache["group"]]
    assert node["CacheParameterGroup"]["CacheParameterGroupName"] == "default.valkey8"
    assert aws.elasticache.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "a", "Value": "b"}]
    aws.elasticache.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "c", "Value": "d"}])
    with aws.refused(BUSY, "available state to modify"):
        aws.elasticache.modify_replication_group(
            ReplicationGroupId="cache", CacheNodeType="cache.t4g.medium", ApplyImmediately=True
        )


def test_a_deletion_leaves_a_snapshot_where_it_is_asked_for(aws, cache):
    made(aws, cache)
    aws.elasticache.delete_replication_group(ReplicationGroupId="cache", FinalSnapshotIdentifier="last")
    with aws.refused("ReplicationGroupNotFoundFault"):
        found(aws)
    assert aws.elasticache.describe_snapshots(SnapshotName="last")["Snapshots"]
    made(aws, cache, SnapshotName="last")
    with aws.refused("SnapshotAlreadyExistsFault"):
        aws.elasticache.delete_replication_group(ReplicationGroupId="cache", FinalSnapshotIdentifier="last")


def test_changes(aws, cache):
    made(aws, cache)
    change = {"ReplicationGroupId": "cache", "ApplyImmediately": True}
    with aws.refused("InvalidParameterCombination", "No modifications"):
        aws.elasticache.modify_replication_group(**change)
    with aws.refused("InvalidParameterValue", "downgrade"):
        aws.elasticache.modify_replication_group(**change, EngineVersion="7.2")
    with aws.refused("InvalidParameterCombination"):
        aws.elasticache.modify_replication_group(**change, Engine="redis", EngineVersion="7.1")
    aws.elasticache.modify_replication_group(**change, EngineVersion="8.1", MultiAZEnabled=True)
    assert found(aws)["MultiAZ"] == "enabled"
    with aws.refused("InvalidParameterValue"):
        aws.elasticache.increase_replica_count(**change, NewReplicaCount=1)
    aws.elasticache.increase_replica_count(**change, NewReplicaCount=3)
    assert len(found(aws)["MemberClusters"]) == 4
    aws.elasticache.decrease_replica_count(**change, NewReplicaCount=1)
    with aws.refused("InvalidParameterCombination", "at least 2"):
        aws.elasticache.decrease_replica_count(**change, NewReplicaCount=0)


def test_shards_need_cluster_mode(aws, cache):
    with aws.refused("InvalidParameterCombination"):
        made(aws, cache, NumNodeGroups=2, ClusterMode="disabled")
    with aws.refused("InvalidParameterCombination", "auto failover"):
        made(aws, cache, ClusterMode="enabled", AutomaticFailoverEnabled=False)
    made(aws, cache, NumNodeGroups=2, ClusterMode="enabled")
    group = found(aws)
    assert group["ClusterEnabled"] and group["ConfigurationEndpoint"]["Address"].startswith("clustercfg.")
    assert group["MemberClusters"][-1] == "cache-0002-002"
    change = {"ReplicationGroupId": "cache", "ApplyImmediately": True}
    with aws.refused("InvalidParameterCombination", "NodeGroupsToRemove"):
        aws.elasticache.modify_replication_group_shard_configuration(**change, NodeGroupCount=1)
    aws.elasticache.modify_replication_group_shard_configuration(**change, NodeGroupCount=3)
    assert len(found(aws)["NodeGroups"]) == 3


def test_users_need_encryption(aws, cache):
    with aws.refused("UserGroupNotFound"):
        made(aws, cache, UserGroupIds=["app"])
    aws.elasticache.create_user_group(UserGroupId="app", Engine="valkey")
    with aws.refused("InvalidParameterCombination", "in-transit"):
        made(aws, cache, UserGroupIds=["app"], TransitEncryptionEnabled=False)
    made(aws, cache, UserGroupIds=["app"])
    assert found(aws)["UserGroupIds"] == ["app"]
    with aws.refused("InvalidUserGroupState"):
        aws.elasticache.delete_user_group(UserGroupId="app")


def test_what_a_replication_group_uses_stays(aws, cache):
    made(aws, cache)
    with aws.refused("CacheSubnetGroupInUse"):
        aws.elasticache.delete_cache_subnet_group(CacheSubnetGroupName="main")
    with aws.refused("SubnetInUse"):
        aws.elasticache.modify_cache_subnet_group(CacheSubnetGroupName="main", SubnetIds=cache["subnets"][:1])
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_security_group(GroupId=cache["group"])
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_subnet(SubnetId=cache["subnets"][0])
    aws.elasticache.delete_replication_group(ReplicationGroupId="cache")
    found_now = aws.elasticache.describe_replication_groups()["ReplicationGroups"]
    assert found_now == []
    aws.elasticache.delete_cache_subnet_group(CacheSubnetGroupName="main")
    aws.ec2.delete_security_group(GroupId=cache["group"])


def test_subnet_groups(aws, cache):
    new = {"CacheSubnetGroupName": "b", "CacheSubnetGroupDescription": "b"}
    with aws.refused("InvalidSubnet"):
        aws.elasticache.create_cache_subnet_group(**new, SubnetIds=["subnet-0123456789abcdef0"])
    elsewhere = subnet(aws, vpc(aws, "10.0.0.0/16"), 5)
    with aws.refused("InvalidSubnet", "same VPC"):
        aws.elasticache.create_cache_subnet_group(**new, SubnetIds=[*cache["subnets"], elsewhere])
    with aws.refused("CacheSubnetGroupAlreadyExists"):
        aws.elasticache.create_cache_subnet_group(**{**new, "CacheSubnetGroupName": "MAIN"}, SubnetIds=cache["subnets"])
    found_group = aws.elasticache.describe_cache_subnet_groups(CacheSubnetGroupName="main")["CacheSubnetGroups"][0]
    assert {one["SubnetIdentifier"] for one in found_group["Subnets"]} == set(cache["subnets"])
    aws.elasticache.delete_cache_subnet_group(CacheSubnetGroupName="main")
    with aws.refused("CacheSubnetGroupNotFoundFault"):
        aws.elasticache.describe_cache_subnet_groups(CacheSubnetGroupName="main")


def test_parameter_groups(aws, cache):
    name = {"CacheParameterGroupName": "app"}
    with aws.refused("InvalidParameterValue"):
        aws.elasticache.create_cache_parameter_group(**name, CacheParameterGroupFamily="valkey9", Description="x")
    aws.elasticache.create_cache_parameter_group(**name, CacheParameterGroupFamily="valkey8", Description="x")

    def change(parameter, value):
        rows = [{"ParameterName": parameter, "ParameterValue": value}]
        aws.elasticache.modify_cache_parameter_group(**name, ParameterNameValues=rows)

    for parameter, value in (("no-such", "1"), ("maxmemory-policy", "lru"), ("timeout", "5")):
        with aws.refused("InvalidParameterValue"):
            change(parameter, value)
    change("timeout", "300")
    rows = aws.elasticache.describe_cache_parameters(**name, Source="user")["Parameters"]
    assert [(row["ParameterName"], row["ParameterValue"]) for row in rows] == [("timeout", "300")]
    aws.elasticache.reset_cache_parameter_group(**name, ParameterNameValues=[{"ParameterName": "timeout"}])
    assert aws.elasticache.describe_cache_parameters(**name, Source="user")["Parameters"] == []
    with aws.refused("InvalidParameterCombination", "family"):
        made(aws, cache, CacheParameterGroupName="app", Engine="redis", EngineVersion="7.1")
    made(aws, cache, CacheParameterGroupName="app")
    with aws.refused("InvalidCacheParameterGroupState"):
        aws.elasticache.delete_cache_parameter_group(**name)
