"""EKS: clusters, node groups and Fargate profiles."""

import pytest

from things import NOWHERE, eks_cluster, group, node_group, place, role, subnet

CONFIG = {"endpointPrivateAccess": True, "endpointPublicAccess": False}


def cluster(aws, name="one"):
    return aws.eks.describe_cluster(name=name)["cluster"]


def nodes(aws, name="nodes"):
    return aws.eks.describe_nodegroup(clusterName="one", nodegroupName=name)["nodegroup"]


def test_the_states_of_a_cluster(aws):
    aws.slow()
    network, subnets = eks_cluster(aws)
    assert cluster(aws)["status"] == "CREATING" and "endpoint" not in cluster(aws)
    for call in (aws.eks.delete_cluster, lambda name: aws.eks.update_cluster_version(name=name, version="1.36")):
        with aws.refused("ResourceInUseException"):
            call(name="one")
    with aws.refused("InvalidRequestException"):
        aws.eks.create_addon(clusterName="one", addonName="coredns")
    with aws.refused("InvalidRequestException"):
        node_group(aws, subnets)
    aws.pass_by(601)
    made = cluster(aws)
    assert made["status"] == "ACTIVE" and made["endpoint"] and made["identity"]["oidc"]["issuer"]
    own = made["resourcesVpcConfig"]["clusterSecurityGroupId"]
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_security_group(GroupId=own)
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_subnet(SubnetId=subnets[0])
    aws.eks.delete_cluster(name="one")
    assert cluster(aws)["status"] == "DELETING"
    aws.pass_by(181)
    with aws.refused("ResourceNotFoundException"):
        cluster(aws)
    with aws.refused("InvalidGroup.NotFound"):
        aws.ec2.describe_security_groups(GroupIds=[own])
    aws.ec2.delete_subnet(SubnetId=subnets[0])


def test_what_a_cluster_needs(aws):
    network, subnets = place(aws)
    arn = role(aws, "eks.amazonaws.com")

    def create(arn=arn, version=None, **network):
        more = {"version": version} if version else {}
        return aws.eks.create_cluster(
            name="one", roleArn=arn, resourcesVpcConfig={"subnetIds": subnets, **network}, **more
        )

    refusals = (
        ({"arn": NOWHERE}, "could not be assumed"),
        ({"arn": role(aws, "ec2.amazonaws.com")}, "could not be assumed"),
        ({"version": "1.10"}, "unsupported"),
        ({"subnetIds": [subnets[0], subnet(aws, network, 3)]}, "two different AZs"),
        ({"subnetIds": [subnets[0], "subnet-0123456789abcdef0"]}, "does not exist"),
        ({"securityGroupIds": ["sg-0123456789abcdef0"]}, "does not exist"),
    )
    for wrong, words in refusals:
        with aws.refused("InvalidParameterException", words):
            create(**wrong)
    create()
    with aws.refused("ResourceInUseException", "already exists"):
        create()


def test_a_new_role_is_not_known_everywhere(aws):
    aws.profile(propagation=10)
    with aws.refused("InvalidParameterException", "could not be assumed"):
        eks_cluster(aws)


def test_a_cluster_holds_its_groups_of_nodes(aws):
    network, subnets = eks_cluster(aws)
    node_group(aws, subnets)
    with aws.refused("ResourceInUseException", "nodegroups"):
        aws.eks.delete_cluster(name="one")
    aws.eks.delete_nodegroup(clusterName="one", nodegroupName="nodes")
    aws.eks.delete_cluster(name="one")


def test_a_protected_cluster_stays(aws):
    eks_cluster(aws, deletionProtection=True)
    with aws.refused("InvalidRequestException"):
        aws.eks.delete_cluster(name="one")
    aws.eks.update_cluster_config(name="one", deletionProtection=False)
    aws.eks.delete_cluster(name="one")


def test_a_cluster_goes_up_one_minor_at_a_time(aws):
    eks_cluster(aws, version="1.34")
    for wrong in ("1.34", "1.36", "1.33", "2.0"):
        with aws.refused("InvalidParameterException"):
            aws.eks.update_cluster_version(name="one", version=wrong)
    aws.slow()
    update = aws.eks.update_cluster_version(name="one", version="1.35")["update"]
    with aws.refused("ResourceInUseException"):
        aws.eks.update_cluster_config(name="one", resourcesVpcConfig=CONFIG)

    def status():
        return aws.eks.describe_update(name="one", updateId=update["id"])["update"]["status"]

    assert (cluster(aws)["status"], cluster(aws)["version"], status()) == ("UPDATING", "1.34", "InProgress")
    aws.pass_by(541)
    assert (cluster(aws)["status"], cluster(aws)["version"], status()) == ("ACTIVE", "1.35", "Successful")
    assert aws.eks.list_updates(name="one")["updateIds"] == [update["id"]]
    with aws.refused("ResourceNotFoundException"):
        aws.eks.describe_update(name="one", updateId="none")


def test_nodes_get_the_newest_release_that_aws_publishes(aws):
    _, subnets = eks_cluster(aws, version="1.34")
    of = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/release_version"
    newest = aws.ssm.get_parameter(Name=of)["Parameter"]["Value"]
    assert newest.startswith("1.34.")
    old = node_group(aws, subnets, releaseVersion="1.34.0-20261001")["releaseVersion"]
    about = {"clusterName": "one", "nodegroupName": "nodes"}
    assert old == "1.34.0-20261001"
    aws.eks.update_nodegroup_version(**about)
    assert aws.eks.describe_nodegroup(**about)["nodegroup"]["releaseVersion"] == newest
    with aws.refused("ParameterNotFound"):
        aws.ssm.get_parameter(Name=of.replace("1.34", "1.99"))


def test_an_upgrade_can_be_rolled_back_for_seven_days(aws):
    _, subnets = eks_cluster(aws, version="1.33")
    node_group(aws, subnets)

    def to(version):
        return aws.eks.update_cluster_version(name="one", version=version)["update"]["type"]

    def nodes_to(version):
        aws.eks.update_nodegroup_version(clusterName="one", nodegroupName="nodes", version=version)

    with aws.refused("InvalidParameterException", "not upgraded"):
        to("1.32")
    assert to("1.34") == "VersionUpdate"
    nodes_to("1.34")
    with aws.refused("InvalidRequestException", "version skew"):
        to("1.33")
    nodes_to("1.33")
    aws.eks.create_addon(clusterName="one", addonName="kube-proxy")
    with aws.refused("InvalidRequestException", "kube-proxy"):
        to("1.33")
    aws.eks.update_addon(clusterName="one", addonName="kube-proxy", addonVersion="v1.33.0-eksbuild.2")
    assert to("1.33") == "VersionRollback"
    assert cluster(aws)["version"] == "1.33"
    with aws.refused("InvalidParameterException", "not upgraded"):
        to("1.32")
    to("1.34")
    assert cluster(aws)["version"] == "1.34"
    aws.slow()
    aws.pass_by(7 * 24 * 3600 + 1)
    with aws.refused("InvalidParameterException", "last 7 days"):
        to("1.33")


def test_one_kind_of_change_at_a_time(aws):
    network, subnets = eks_cluster(aws, mode="API_AND_CONFIG_MAP")
    wrong = (
        {"resourcesVpcConfig": CONFIG, "logging": {"clusterLogging": [{"types": ["api"], "enabled": True}]}},
        {"resourcesVpcConfig": {**CONFIG, "subnetIds": subnets}},
        {"resourcesVpcConfig": {"endpointPublicAccess": True}},
        {"resourcesVpcConfig": {"subnetIds": ["subnet-0123456789abcdef0"]}},
        {"resourcesVpcConfig": {"securityGroupIds": ["sg-0123456789abcdef0"]}},
        {"accessConfig": {"authenticationMode": "CONFIG_MAP"}},
    )
    for change in wrong:
        with aws.refused("InvalidParameterException"):
            aws.eks.update_cluster_config(name="one", **change)
    aws.eks.update_cluster_config(name="one", accessConfig={"authenticationMode": "API"})
    aws.eks.update_cluster_config(name="one", resourcesVpcConfig=CONFIG)
    logs = {"clusterLogging": [{"types": ["api", "audit"], "enabled": True}]}
    aws.eks.update_cluster_config(name="one", logging=logs)
    aws.eks.update_cluster_config(name="one", upgradePolicy={"supportType": "STANDARD"})
    made = cluster(aws)
    assert made["accessConfig"]["authenticationMode"] == "API"
    assert made["resourcesVpcConfig"].items() >= CONFIG.items()
    assert made["upgradePolicy"] == {"supportType": "STANDARD"}
    on = [one["types"] for one in made["logging"]["clusterLogging"] if one["enabled"]]
    assert on == [["api", "audit"]]


def test_encryption_is_for_good(aws):
    eks_cluster(aws)
    config = [{"resources": ["secrets"], "provider": {"keyArn": "arn:aws:kms:eu-west-1:123456789012:key/one"}}]
    aws.eks.associate_encryption_config(clusterName="one", encryptionConfig=config)
    assert cluster(aws)["encryptionConfig"] == config
    with aws.refused("InvalidParameterException"):
        aws.eks.associate_encryption_config(clusterName="one", encryptionConfig=config)


def test_the_versions_of_clusters(aws):
    versions = aws.eks.describe_cluster_versions()["clusterVersions"]
    assert [one["clusterVersion"] for one in versions if one["defaultVersion"]] == ["1.35"]
    asked = aws.eks.describe_cluster_versions(clusterVersions=["1.34"])["clusterVersions"]
    assert [one["clusterVersion"] for one in asked] == ["1.34"]
    eks_cluster(aws)
    assert aws.eks.list_clusters()["clusters"] == ["one"]


def insights(aws, **wanted):
    return aws.eks.list_insights(clusterName="one", filter=wanted)["insights"]


def test_insights_are_of_later_versions(aws):
    eks_cluster(aws, version="1.34")
    known = insights(aws)
    assert {one["kubernetesVersion"] for one in known} == {"1.35", "1.36"}
    assert {one["insightStatus"]["status"] for one in known} == {"PASSING"}
    assert not insights(aws, statuses=["ERROR"], kubernetesVersions=["1.35"])


def test_what_speaks_against_an_upgrade(aws):
    eks_cluster(aws, version="1.34")
    aws.control("POST state", {"kind": "eks.Insight", "id": "one", "state": "An API is called that is removed."})
    (found,) = insights(aws, statuses=["ERROR"], kubernetesVersions=["1.35"])
    assert "recommendation" not in found
    whole = aws.eks.describe_insight(clusterName="one", id=found["id"])["insight"]
    assert whole["insightStatus"] == {"status": "ERROR", "reason": "An API is called that is removed."}
    assert whole["recommendation"]
    with aws.refused("ResourceNotFoundException"):
        aws.eks.describe_insight(clusterName="one", id="b1c3f5a0-0000-4000-8000-000000000000")
    aws.control("POST state", {"kind": "eks.Insight", "id": "one", "state": ""})
    assert not insights(aws, statuses=["ERROR"])


def test_insights_are_refreshed_once_at_a_time(aws):
    eks_cluster(aws, version="1.34")
    with aws.refused("ResourceNotFoundException"):
        aws.eks.describe_insights_refresh(clusterName="one")
    aws.slow()
    assert aws.eks.start_insights_refresh(clusterName="one")["status"] == "IN_PROGRESS"
    with aws.refused("InvalidRequestException"):
        aws.eks.start_insights_refresh(clusterName="one")
    assert aws.eks.describe_insights_refresh(clusterName="one")["status"] == "IN_PROGRESS"
    aws.pass_by(121)
    done = aws.eks.describe_insights_refresh(clusterName="one")
    assert done["status"] == "COMPLETED" and done["endedAt"] >= done["startedAt"]


def test_a_cluster_holds_its_security_groups(aws):
    network, subnets = place(aws)
    held = group(aws, network)
    config = {"subnetIds": subnets, "securityGroupIds": [held]}
    aws.eks.create_cluster(name="one", roleArn=role(aws, "eks.amazonaws.com"), resourcesVpcConfig=config)
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_security_group(GroupId=held)


def test_the_states_of_a_node_group(aws):
    network, subnets = eks_cluster(aws)
    aws.slow()
    aws.pass_by(1)
    node_group(aws, subnets)
    assert nodes(aws)["status"] == "CREATING"
    with aws.refused("ResourceInUseException"):
        aws.eks.update_nodegroup_config(clusterName="one", nodegroupName="nodes", labels={"removeLabels": ["a"]})
    aws.pass_by(181)
    assert nodes(aws)["status"] == "ACTIVE"
    aws.eks.delete_nodegroup(clusterName="one", nodegroupName="nodes")
    assert nodes(aws)["status"] == "DELETING"
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_subnet(SubnetId=subnets[1])
    aws.pass_by(361)
    with aws.refused("ResourceNotFoundException"):
        nodes(aws)


def test_what_a_node_group_needs(aws):
    network, subnets = eks_cluster(aws)
    template = {"name": "one", "version": "1"}
    wrong = (
        {"nodeRole": NOWHERE},
        {"nodeRole": role(aws, "rds.amazonaws.com")},
        {"subnets": ["subnet-0123456789abcdef0"]},
        {"scalingConfig": {"minSize": 2, "maxSize": 3, "desiredSize": 1}},
        {"launchTemplate": template},
    )
    for number, settings in enumerate(wrong):
        with aws.refused("InvalidParameterException"):
            node_group(aws, subnets, f"wrong-{number}", **settings)
    aws.ec2.create_launch_template(LaunchTemplateName="one", LaunchTemplateData={"InstanceType": "m6i.large"})
    with aws.refused("InvalidParameterException", "Disk size"):
        node_group(aws, subnets, "disk", launchTemplate=template, diskSize=30)
    with aws.refused("InvalidParameterException", "no version"):
        node_group(aws, subnets, "version", launchTemplate={"name": "one", "version": "7"})
    node_group(aws, subnets, launchTemplate=template)
    again = {"scalingConfig": {"minSize": 1, "maxSize": 1, "desiredSize": 1}, "subnets": subnets, "nodeRole": NOWHERE}
    with aws.refused("ResourceInUseException", "already exists"):
        aws.eks.create_nodegroup(clusterName="one", nodegroupName="nodes", **again)
    assert aws.eks.list_nodegroups(clusterName="one")["nodegroups"] == ["nodes"]


def test_a_node_group_changes(aws):
    network, subnets = eks_cluster(aws)
    taint = {"key": "gpu", "effect": "NO_SCHEDULE", "value": "yes"}
    node_group(aws, subnets, labels={"a": "1", "b": "2"}, taints=[taint])
    about = {"clusterName": "one", "nodegroupName": "nodes"}
    with aws.refused("InvalidParameterException"):
        aws.eks.update_nodegroup_config(**about, scalingConfig={"minSize": 3, "maxSize": 2, "desiredSize": 1})
    other = {**taint, "value": "no"}
    aws.eks.update_nodegroup_config(
        **about,
        scalingConfig={"maxSize": 9},
        labels={"addOrUpdateLabels": {"c": "3"}, "removeLabels": ["a"]},
        taints={"addOrUpdateTaints": [other]},
        updateConfig={"maxUnavailable": 2},
    )
    seen = nodes(aws)
    assert seen["labels"] == {"b": "2", "c": "3"} and seen["taints"] == [other]
    assert (seen["scalingConfig"]["maxSize"], seen["updateConfig"]) == (9, {"maxUnavailable": 2})


def test_nodes_are_not_newer_than_their_cluster(aws):
    network, subnets = eks_cluster(aws, version="1.35")
    node_group(aws, subnets, version="1.34")
    about = {"clusterName": "one", "nodegroupName": "nodes"}
    with aws.refused("InvalidParameterException", "newer"):
        aws.eks.update_nodegroup_version(**about, version="1.36")
    aws.eks.update_nodegroup_version(**about, version="1.35")
    assert nodes(aws)["version"] == "1.35" and nodes(aws)["releaseVersion"].startswith("1.35")
    aws.ec2.create_launch_template(LaunchTemplateName="one", LaunchTemplateData={"InstanceType": "m6i.large"})
    with aws.refused("InvalidParameterException", "cannot be changed"):
        aws.eks.update_nodegroup_version(**about, launchTemplate={"name": "one"})


def fargate(aws, name="pods", arn=None):
    made = {"clusterName": "one", "fargateProfileName": name, "selectors": [{"namespace": "web"}]}
    return aws.eks.create_fargate_profile(**made, podExecutionRoleArn=arn)["fargateProfile"]


def test_one_fargate_profile_at_a_time(aws):
    eks_cluster(aws)
    arn = role(aws, "eks-fargate-pods.amazonaws.com")
    aws.slow()
    aws.pass_by(1)
    with aws.refused("InvalidParameterException"):
        fargate(aws, arn=NOWHERE)
    fargate(aws, arn=arn)
    with aws.refused("ResourceInUseException", "in progress"):
        fargate(aws, "other", arn)
    aws.pass_by(121)
    with aws.refused("ResourceInUseException", "already exists"):
        fargate(aws, arn=arn)
    with aws.refused("ResourceInUseException", "Fargate"):
        aws.eks.delete_cluster(name="one")
    about = {"clusterName": "one", "fargateProfileName": "pods"}
    assert aws.eks.describe_fargate_profile(**about)["fargateProfile"]["status"] == "ACTIVE"
    fargate(aws, "other", arn)
    with aws.refused("ResourceInUseException", "in progress"):
        aws.eks.delete_fargate_profile(**about)
    aws.pass_by(121)
    aws.eks.delete_fargate_profile(**about)
    assert aws.eks.list_fargate_profiles(clusterName="one")["fargateProfileNames"] == ["other", "pods"]
    aws.pass_by(121)
    with aws.refused("ResourceNotFoundException"):
        aws.eks.describe_fargate_profile(**about)


@pytest.mark.parametrize("what", ["cluster", "nodegroup"])
def test_tags(aws, what):
    network, subnets = eks_cluster(aws)
    arn = cluster(aws)["arn"] if what == "cluster" else node_group(aws, subnets)["nodegroupArn"]
    aws.eks.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    aws.eks.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert aws.eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    with aws.refused("NotFoundException"):
        aws.eks.list_tags_for_resource(resourceArn=f"{arn}x")


def auto(enabled=True, **compute):
    return {
        "computeConfig": {"enabled": enabled, **compute},
        "storageConfig": {"blockStorage": {"enabled": enabled}},
        "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": enabled}},
    }


def test_auto_mode_is_enabled_as_a_whole(aws):
    network, subnets = place(aws)
    arn, nodes = role(aws, "eks.amazonaws.com"), role(aws, "ec2.amazonaws.com")
    pools = {"nodePools": ["general-purpose", "system"], "nodeRoleArn": nodes}

    def create(mode="API", addons=False, **more):
        aws.eks.create_cluster(
            name="one",
            roleArn=arn,
            resourcesVpcConfig={"subnetIds": subnets},
            accessConfig={"authenticationMode": mode},
            bootstrapSelfManagedAddons=addons,
            **more,
        )

    half = {**auto(**pools), "storageConfig": {"blockStorage": {"enabled": False}}}
    refusals = (
        ({"addons": True, **auto(**pools)}, "bootstrapSelfManagedAddons must be set to false"),
        ({"mode": "CONFIG_MAP", **auto(**pools)}, "authentication mode"),
        (half, "either fully enabled or fully disabled"),
        ({"computeConfig": {"enabled": True}}, "either fully enabled or fully disabled"),
        (auto(nodePools=["system"]), "nodePool list cannot be populated"),
        (auto(nodeRoleArn=nodes), "nodePool list cannot be empty"),
        (auto(nodePools=["other"], nodeRoleArn=nodes), "Unsupported node pool"),
        (auto(nodePools=["system"], nodeRoleArn=arn), "could not be assumed"),
    )
    for wrong, words in refusals:
        with aws.refused("InvalidParameterException", words):
            create(**wrong)
    create(**auto(**pools))
    made = cluster(aws)
    assert made["computeConfig"] == {"enabled": True, **pools}
    assert made["kubernetesNetworkConfig"]["elasticLoadBalancing"] == {"enabled": True}
    assert made["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "172.20.0.0/16"


def test_auto_mode_is_switched_in_one_update(aws):
    eks_cluster(aws)
    nodes, other = role(aws, "ec2.amazonaws.com"), role(aws, "ec2.amazonaws.com", "other")
    assert "computeConfig" not in cluster(aws)
    with aws.refused("InvalidParameterException", "either fully enabled or fully disabled"):
        aws.eks.update_cluster_config(name="one", computeConfig={"enabled": True})
    with aws.refused("InvalidParameterException", "more than one"):
        aws.eks.update_cluster_config(name="one", deletionProtection=True, **auto())
    pools = {"nodePools": ["system"], "nodeRoleArn": nodes}
    update = aws.eks.update_cluster_config(name="one", **auto(**pools))["update"]
    assert update["type"] == "AutoModeUpdate" and cluster(aws)["computeConfig"]["nodeRoleArn"] == nodes
    with aws.refused("InvalidParameterException", "No changes needed"):
        aws.eks.update_cluster_config(name="one", **auto(**pools))
    with aws.refused("InvalidParameterException", "cannot be changed"):
        aws.eks.update_cluster_config(name="one", **auto(nodePools=["system"], nodeRoleArn=other))
    aws.eks.update_cluster_config(name="one", **auto(enabled=False))
    assert cluster(aws)["computeConfig"] == {"enabled": False, "nodePools": []}


def test_what_karpenter_launched_is_found_by_both_of_its_tags(aws):
    network, subnets = place(aws)

    def tags(what, *keys):
        values = {"kubernetes.io/cluster/one": "owned", "karpenter.sh/nodepool": "general"}
        return [{"ResourceType": what, "Tags": [{"Key": key, "Value": values[key]} for key in keys]}]

    both = ("kubernetes.io/cluster/one", "karpenter.sh/nodepool")
    image = aws.ec2.describe_images()["Images"][0]["ImageId"]
    machine = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "SubnetId": subnets[0]}
    for keys in (both, both[:1]):
        aws.ec2.run_instances(**machine, TagSpecifications=tags("instance", *keys))
    data = {"ImageId": image}
    aws.ec2.create_launch_template(
        LaunchTemplateName="its", LaunchTemplateData=data, TagSpecifications=tags("launch-template", *both)
    )
    aws.ec2.create_launch_template(LaunchTemplateName="other", LaunchTemplateData=data)
    of_both = [
        {"Name": "tag:kubernetes.io/cluster/one", "Values": ["owned"]},
        {"Name": "tag-key", "Values": ["karpenter.sh/nodepool"]},
    ]
    states = [{"Name": "instance-state-name", "Values": ["pending", "running", "shutting-down", "stopping", "stopped"]}]
    found = aws.ec2.describe_instances(Filters=of_both + states)["Reservations"]
    assert len(found) == 1 and len(found[0]["Instances"]) == 1
    aws.ec2.terminate_instances(InstanceIds=[found[0]["Instances"][0]["InstanceId"]])
    assert aws.ec2.describe_instances(Filters=of_both + states)["Reservations"] == []
    templates = aws.ec2.describe_launch_templates(Filters=of_both)["LaunchTemplates"]
    assert [template["LaunchTemplateName"] for template in templates] == ["its"]


def test_nodes_whose_pods_get_no_addresses_fail(aws):
    _, subnets = eks_cluster(aws)
    aws.eks.create_addon(clusterName="one", addonName="vpc-cni")
    arn = role(aws, "ec2.amazonaws.com", "nodes")
    worker = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
    aws.iam.attach_role_policy(RoleName="nodes", PolicyArn=worker)
    wish = {"clusterName": "one", "nodeRole": arn, "subnets": subnets}
    aws.eks.create_nodegroup(nodegroupName="bare", **wish)
    made = nodes(aws, "bare")
    assert made["status"] == "CREATE_FAILED"
    assert made["health"]["issues"][0]["code"] == "NodeCreationFailure"
    # A role of the plugin's own, or the policy on the role of the nodes.
    own = {"namespace": "kube-system", "serviceAccount": "aws-node"}
    plugin = role(aws, "pods.eks.amazonaws.com", "plugin")
    found = aws.eks.create_pod_identity_association(clusterName="one", roleArn=plugin, **own)["association"]
    aws.eks.create_nodegroup(nodegroupName="associated", **wish)
    assert nodes(aws, "associated")["status"] == "ACTIVE"
    aws.eks.delete_pod_identity_association(clusterName="one", associationId=found["associationId"])
    aws.iam.attach_role_policy(RoleName="nodes", PolicyArn="arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy")
    aws.eks.create_nodegroup(nodegroupName="attached", **wish)
    assert nodes(aws, "attached")["status"] == "ACTIVE"
