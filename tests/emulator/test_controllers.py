"""What programs in a cluster make in AWS, and what becomes of it."""

import pytest
from platctl_emulator.kubernetes import KUBERNETES, Denied

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


def server(aws):
    return KUBERNETES.server(aws.eks.describe_cluster(name="one")["cluster"]["endpoint"])


INGRESS = "/apis/networking.k8s.io/v1/namespaces/web/ingresses/web"


def test_controllers_delete_what_they_made(aws, made):
    one = server(aws)
    one.answer("DELETE", INGRESS, {}, b"")
    one.answer("DELETE", "/api/v1/namespaces/web/persistentvolumeclaims/data-web-0", {}, b"")
    one.answer("DELETE", "/apis/karpenter.sh/v1/nodepools/general", {}, b"")
    assert aws.elbv2.describe_load_balancers()["LoadBalancers"] == []
    assert aws.ec2.describe_volumes(Filters=[{"Name": "volume-id", "Values": [made["volume"]]}])["Volumes"] == []
    found = aws.ec2.describe_instances(InstanceIds=[made["instance"]])["Reservations"][0]["Instances"][0]
    assert found["State"]["Name"] == "terminated"
    with pytest.raises(Denied):
        one.answer("GET", INGRESS, {}, b"")


def test_without_nodes_a_finalizer_holds(aws, made):
    aws.eks.delete_nodegroup(clusterName="one", nodegroupName="nodes")
    server(aws).answer("DELETE", INGRESS, {}, b"")
    assert server(aws).answer("GET", INGRESS, {}, b"")["metadata"]["deletionTimestamp"]
    assert aws.elbv2.describe_load_balancers()["LoadBalancers"]


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


def test_nothing_is_left_when_all_of_it_is_deleted(aws):
    _, subnets = eks_cluster(aws)
    node_group(aws, subnets)
    before = aws.control("GET inventory")["inventory"]
    made = aws.control("POST controllers", {"cluster": "one"})["made"]
    aws.eks.delete_nodegroup(clusterName="one", nodegroupName="nodes")
    aws.ec2.terminate_instances(InstanceIds=[made["instance"]])
    aws.elbv2.delete_load_balancer(LoadBalancerArn=made["balancer"])
    aws.elbv2.delete_target_group(TargetGroupArn=made["target"])
    for group in aws.ec2.describe_security_groups()["SecurityGroups"]:
        rules = aws.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group["GroupId"]]}])
        for rule in rules["SecurityGroupRules"]:
            other = rule.get("ReferencedGroupInfo", {}).get("GroupId")
            if other in (made["backend"], made["managed"]):
                aws.ec2.revoke_security_group_ingress(
                    GroupId=group["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]]
                )
    for group in (made["managed"], made["backend"]):
        aws.ec2.delete_security_group(GroupId=group)
    aws.ec2.delete_network_interface(NetworkInterfaceId=made["interface"])
    aws.ec2.delete_volume(VolumeId=made["volume"])
    aws.ec2.delete_launch_template(LaunchTemplateId=made["template"])
    aws.eks.delete_cluster(name="one")
    aws.logs.delete_log_group(logGroupName="/aws/eks/one/cluster")
    aws.logs.delete_log_group(logGroupName="/aws/eks/one/cluster")
    left = {kind: count for kind, count in aws.control("GET inventory")["inventory"].items()}
    more = {kind: count - before.get(kind, 0) for kind, count in left.items() if count > before.get(kind, 0)}
    assert more == {}


def test_a_retained_volume_stays_when_its_claim_goes(aws):
    _, subnets = eks_cluster(aws)
    node_group(aws, subnets)
    made = aws.control("POST controllers", {"cluster": "one", "retains": True})["made"]
    server(aws).answer("DELETE", "/api/v1/namespaces/web/persistentvolumeclaims/data-web-0", {}, b"")
    [volume] = aws.ec2.describe_volumes(VolumeIds=[made["volume"]])["Volumes"]
    assert volume["Size"] == 20


def test_a_log_group_that_is_made_again_has_no_tags(aws):
    aws.logs.create_log_group(logGroupName="one", tags={"platctl:stack": "one"})
    arn = aws.logs.describe_log_groups()["logGroups"][0]["arn"].removesuffix(":*")
    assert aws.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"platctl:stack": "one"}
    aws.logs.delete_log_group(logGroupName="one")
    aws.logs.create_log_group(logGroupName="one")
    assert aws.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {}
