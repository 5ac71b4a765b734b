"""What programs in a cluster make in AWS, and what becomes of it."""

import pytest

from things import eks_cluster, node_group


@pytest.fixture
def made(aws):
    """A cluster with nodes, and what its programs make."""
    _, subnets = eks_cluster(aws)
    node_group(aws, subnets)
    return aws.control("POST controllers", {"cluster": "one"})["made"]


def test_a_group_that_others_refer_to_is_kept_by_them(aws, made):
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_security_group(GroupId=made["managed"])
    aws.elbv2.delete_load_balancer(LoadBalancerArn=made["balancer"])
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_security_group(GroupId=made["managed"])


def test_a_detached_interface_keeps_its_group_and_its_subnet(aws, made):
    found = aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[made["interface"]])["NetworkInterfaces"][0]
    assert found["Status"] == "available"
    assert {tag["Key"] for tag in found["TagSet"]} >= {"cluster.k8s.amazonaws.com/name"}
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_subnet(SubnetId=found["SubnetId"])
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_security_group(GroupId=found["Groups"][0]["GroupId"])


def test_an_instance_comes_back_while_its_pool_is_there(aws, made):
    def there():
        pages = aws.ec2.describe_instances(
            Filters=[
                {"Name": "tag-key", "Values": ["karpenter.sh/nodepool"]},
                {"Name": "instance-state-name", "Values": ["pending", "running"]},
            ]
        )
        return [one["InstanceId"] for page in pages["Reservations"] for one in page["Instances"]]

    assert there() == [made["instance"]]
    aws.ec2.terminate_instances(InstanceIds=there())
    assert len(there()) == 1 and there() != [made["instance"]]
    aws.eks.delete_nodegroup(clusterName="one", nodegroupName="nodes")
    aws.ec2.terminate_instances(InstanceIds=there())
    assert there() == [], "nobody is there to launch one"


def test_a_log_group_comes_back(aws, made):
    def names():
        return [one["logGroupName"] for one in aws.logs.describe_log_groups()["logGroups"]]

    group = "/aws/eks/one/cluster"
    assert group in names()
    aws.logs.delete_log_group(logGroupName=group)
    assert group in names()


def test_a_cluster_with_an_interface_leaves_its_group(aws, made):
    own = aws.eks.describe_cluster(name="one")["cluster"]["resourcesVpcConfig"]["clusterSecurityGroupId"]
    aws.eks.delete_nodegroup(clusterName="one", nodegroupName="nodes")
    aws.eks.delete_cluster(name="one")
    with aws.refused("ResourceNotFoundException"):
        aws.eks.describe_cluster(name="one")
    assert aws.ec2.describe_security_groups(GroupIds=[own])["SecurityGroups"]
