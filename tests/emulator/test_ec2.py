"""EC2: what holds what, and what does not fit together."""

import pytest

from things import NOWHERE, ZONES, address, group, internet_gateway, nat, nat_state, place, role, subnet, vpc


def test_a_vpc_stays_while_it_has_groups_gateways_or_endpoints(aws):
    network = vpc(aws)
    held = group(aws, network)
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_vpc(VpcId=network)
    aws.ec2.delete_security_group(GroupId=held)
    gateway = internet_gateway(aws, network)
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_vpc(VpcId=network)
    aws.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
    endpoint = aws.ec2.create_vpc_endpoint(VpcId=network, ServiceName="com.amazonaws.eu-west-1.s3")["VpcEndpoint"]
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_vpc(VpcId=network)
    aws.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    aws.ec2.delete_vpc(VpcId=network)
    with aws.refused("InvalidVpcID.NotFound"):
        aws.ec2.describe_vpcs(VpcIds=[network])


def test_a_vpc_takes_its_network_acl_with_it(aws):
    network = vpc(aws)
    of_it = [{"Name": "vpc-id", "Values": [network]}]
    assert len(aws.ec2.describe_network_acls(Filters=of_it)["NetworkAcls"]) == 1
    aws.ec2.delete_vpc(VpcId=network)
    assert aws.ec2.describe_network_acls(Filters=of_it)["NetworkAcls"] == []


def test_a_nat_gateway_holds_subnet_address_and_internet_gateway_until_it_is_gone(aws):
    aws.slow()
    network = vpc(aws)
    gateway, where, allocation = internet_gateway(aws, network), subnet(aws, network), address(aws)
    name = nat(aws, where, allocation)
    assert nat_state(aws, name) == "pending"
    aws.pass_by(104)
    assert nat_state(aws, name) == "pending"
    aws.pass_by(2)
    assert nat_state(aws, name) == "available"
    aws.ec2.delete_nat_gateway(NatGatewayId=name)
    assert nat_state(aws, name) == "deleting"
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_subnet(SubnetId=where)
    with aws.refused("InvalidIPAddress.InUse"):
        aws.ec2.release_address(AllocationId=allocation)
    with aws.refused("DependencyViolation", "mapped public address"):
        aws.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
    aws.pass_by(61)
    # It stays to be seen, and holds nothing any more.
    assert nat_state(aws, name) == "deleted"
    aws.ec2.release_address(AllocationId=allocation)
    aws.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
    aws.ec2.delete_subnet(SubnetId=where)
    with aws.refused("NatGatewayNotFound"):
        aws.ec2.delete_nat_gateway(NatGatewayId=name)


def test_a_nat_gateway_without_an_internet_gateway_fails_after_it_was_accepted(aws):
    aws.slow()
    name = nat(aws, subnet(aws, vpc(aws)))
    assert nat_state(aws, name) == "pending"
    aws.pass_by(11)
    seen = aws.ec2.describe_nat_gateways(NatGatewayIds=[name])["NatGateways"][0]
    assert (seen["State"], seen["FailureCode"]) == ("failed", "Gateway.NotAttached")


def test_an_address_serves_one_nat_gateway(aws):
    _, subnets = place(aws)
    allocation = address(aws)
    nat(aws, subnets[0], allocation)
    with aws.refused("Resource.AlreadyAssociated"):
        nat(aws, subnets[1], allocation)


def test_a_nat_gateway_needs_a_subnet_that_is_there(aws):
    with aws.refused("InvalidSubnetID.NotFound"):
        nat(aws, "subnet-0123456789abcdef0")


def test_nat_gateways_are_found_by_their_tags(aws):
    _, subnets = place(aws)
    mine, _ = nat(aws, subnets[0]), nat(aws, subnets[1])
    aws.ec2.create_tags(Resources=[mine], Tags=[{"Key": "owner", "Value": "me"}])
    by_tag = [{"Name": "tag:owner", "Values": ["me", "another"]}]
    assert [one["NatGatewayId"] for one in aws.ec2.describe_nat_gateways(Filters=by_tag)["NatGateways"]] == [mine]


def test_a_filter_with_several_values_wants_one_of_them(aws):
    first, second, _ = (vpc(aws, f"10.{number}.0.0/16") for number in (1, 2, 3))
    for name, owner in ((first, "a"), (second, "b")):
        aws.ec2.create_tags(Resources=[name], Tags=[{"Key": "owner", "Value": owner}, {"Key": "other", "Value": "x"}])
    for wanted in ([{"Name": "tag:owner", "Values": ["a", "b"]}], [{"Name": "tag-key", "Values": ["owner", "none"]}]):
        assert {one["VpcId"] for one in aws.ec2.describe_vpcs(Filters=wanted)["Vpcs"]} == {first, second}


def test_a_route_to_a_nat_gateway(aws):
    network, subnets = place(aws)
    name = nat(aws, subnets[0])
    table = aws.ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"]
    with aws.refused("InvalidNatGatewayID.NotFound"):
        aws.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId="nat-0123456789abcdef0")
    aws.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=name)
    with aws.refused("InvalidNatGatewayID.NotFound"):
        aws.ec2.replace_route(
            RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId="nat-0123456789abcdef0"
        )

    def state():
        routes = aws.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        return {route["DestinationCidrBlock"]: route["State"] for route in routes}["0.0.0.0/0"]

    assert state() == "active"
    aws.ec2.delete_nat_gateway(NatGatewayId=name)
    assert state() == "blackhole"


def test_a_route_leads_to_the_gateway_of_its_own_vpc(aws):
    network, other = vpc(aws), vpc(aws, "10.1.0.0/16")
    table = aws.ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"]
    elsewhere, own = internet_gateway(aws, other), internet_gateway(aws, network)
    with aws.refused("InvalidParameterValue"):
        aws.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=elsewhere)
    aws.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=own)
    with aws.refused("InvalidParameterValue"):
        aws.ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=elsewhere)


def test_a_subnet_has_one_route_table_and_takes_its_association_along(aws):
    network = vpc(aws)
    where = subnet(aws, network)
    tables = [aws.ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"] for _ in range(2)]
    aws.ec2.associate_route_table(SubnetId=where, RouteTableId=tables[0])
    with aws.refused("Resource.AlreadyAssociated"):
        aws.ec2.associate_route_table(SubnetId=where, RouteTableId=tables[1])
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_route_table(RouteTableId=tables[0])
    aws.ec2.delete_subnet(SubnetId=where)
    aws.ec2.delete_route_table(RouteTableId=tables[0])


def test_host_names_need_the_support_of_dns(aws):
    network = vpc(aws)
    aws.ec2.modify_vpc_attribute(VpcId=network, EnableDnsSupport={"Value": False})
    with aws.refused("InvalidParameterValue"):
        aws.ec2.modify_vpc_attribute(VpcId=network, EnableDnsHostnames={"Value": True})
    aws.ec2.modify_vpc_attribute(VpcId=network, EnableDnsSupport={"Value": True})
    aws.ec2.modify_vpc_attribute(VpcId=network, EnableDnsHostnames={"Value": True})
    with aws.refused("InvalidParameterValue"):
        aws.ec2.modify_vpc_attribute(VpcId=network, EnableDnsSupport={"Value": False})


def test_a_zone_is_as_the_profile_says(aws):
    aws.profile(zones={ZONES[2]: "impaired"})
    zones = aws.ec2.describe_availability_zones()["AvailabilityZones"]
    states = {zone["ZoneName"]: zone["State"] for zone in zones}
    assert states == {ZONES[0]: "available", ZONES[1]: "available", ZONES[2]: "impaired"}
    aws.profile(zones={})
    assert {zone["State"] for zone in aws.ec2.describe_availability_zones()["AvailabilityZones"]} == {"available"}


def test_a_group_stays_while_another_one_refers_to_it(aws):
    network = vpc(aws)
    held, holder = group(aws, network, "held"), group(aws, network, "holder")
    rule = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": held}]}]
    aws.ec2.authorize_security_group_ingress(GroupId=holder, IpPermissions=rule)
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_security_group(GroupId=held)
    aws.ec2.revoke_security_group_ingress(GroupId=holder, IpPermissions=rule)
    aws.ec2.delete_security_group(GroupId=held)


def test_a_group_may_refer_to_itself_and_go(aws):
    name = group(aws, vpc(aws))
    rule = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": name}]}]
    aws.ec2.authorize_security_group_ingress(GroupId=name, IpPermissions=rule)
    aws.ec2.delete_security_group(GroupId=name)


def flow_logs(aws, role_arn):
    return aws.ec2.create_flow_logs(
        ResourceIds=[vpc(aws)],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName="logs",
        DeliverLogsPermissionArn=role_arn,
    )


def test_flow_logs_are_delivered_while_their_group_is_there(aws):
    aws.logs.create_log_group(logGroupName="logs")
    flow_logs(aws, role(aws, "vpc-flow-logs.amazonaws.com"))

    def said():
        log = aws.ec2.describe_flow_logs()["FlowLogs"][0]
        return log["DeliverLogsStatus"], log.get("DeliverLogsErrorMessage")

    assert said() == ("SUCCESS", None)
    aws.logs.delete_log_group(logGroupName="logs")
    assert said() == ("FAILED", "Access error")


def test_flow_logs_need_a_role_that_is_known_by_now(aws):
    with aws.refused("InvalidParameter"):
        flow_logs(aws, NOWHERE)
    aws.profile(propagation=10)
    arn = role(aws, "vpc-flow-logs.amazonaws.com")
    with aws.refused("InvalidParameter"):
        flow_logs(aws, arn)
    aws.pass_by(10)
    aws.logs.create_log_group(logGroupName="logs")
    assert len(flow_logs(aws, arn)["FlowLogIds"]) == 1


@pytest.mark.parametrize("given", [{"ImageId": "ami-1"}, {"MetadataOptions": {"HttpTokens": "required"}}])
def test_a_launch_template_keeps_all_that_its_versions_say(aws, given):
    said = {"InstanceType": "m6i.large", **given}
    name = aws.ec2.create_launch_template(LaunchTemplateName="one", LaunchTemplateData=said)["LaunchTemplate"][
        "LaunchTemplateId"
    ]
    more = {"InstanceType": "m6i.xlarge"}
    aws.ec2.create_launch_template_version(LaunchTemplateId=name, SourceVersion="1", LaunchTemplateData=more)
    versions = aws.ec2.describe_launch_template_versions(LaunchTemplateId=name)["LaunchTemplateVersions"]
    assert {one["VersionNumber"]: one["LaunchTemplateData"] for one in versions} == {1: said, 2: {**said, **more}}
    assert {one["VersionNumber"]: one["DefaultVersion"] for one in versions} == {1: True, 2: False}


def test_a_version_does_not_take_over_the_snapshots_of_its_source(aws):
    ebs = {"SnapshotId": "snap-0123456789abcdef0", "VolumeSize": 50}
    said = {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": ebs}]}
    made = aws.ec2.create_launch_template(LaunchTemplateName="one", LaunchTemplateData=said)["LaunchTemplate"]
    name = made["LaunchTemplateId"]
    for more in ({"EbsOptimized": True}, said):
        aws.ec2.create_launch_template_version(LaunchTemplateId=name, SourceVersion="1", LaunchTemplateData=more)
    versions = aws.ec2.describe_launch_template_versions(LaunchTemplateId=name)["LaunchTemplateVersions"]
    disks = [version["LaunchTemplateData"]["BlockDeviceMappings"][0]["Ebs"] for version in versions]
    assert disks == [ebs, {"VolumeSize": 50}, ebs]


def test_a_launch_template_that_is_not_there(aws):
    missing = "lt-0123456789abcdef0"
    with aws.refused("InvalidLaunchTemplateId.NotFound"):
        aws.ec2.describe_launch_templates(LaunchTemplateIds=[missing])
    with aws.refused("InvalidLaunchTemplateId.NotFound"):
        aws.ec2.describe_launch_template_versions(LaunchTemplateId=missing)


def test_a_launch_template_shows_the_tags_of_now(aws):
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "a", "Value": "1"}]}]
    made = aws.ec2.create_launch_template(
        LaunchTemplateName="one", LaunchTemplateData={"InstanceType": "m6i.large"}, TagSpecifications=tags
    )
    name = made["LaunchTemplate"]["LaunchTemplateId"]
    aws.ec2.create_tags(Resources=[name], Tags=[{"Key": "b", "Value": "2"}])
    seen = aws.ec2.describe_launch_templates(LaunchTemplateIds=[name])["LaunchTemplates"][0]["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in seen} == {"a": "1", "b": "2"}


def test_images_are_there_when_they_are_asked_for(aws):
    assert aws.ec2.describe_images(Owners=["amazon"])["Images"]


def test_a_peering_connection_tells_the_blocks_of_both_sides(aws):
    one = vpc(aws)
    other = aws.ec2.create_vpc(CidrBlock="10.80.0.0/16")["Vpc"]["VpcId"]
    aws.ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=other)
    (found,) = aws.ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]
    assert found["Status"]["Code"] in {"initiating-request", "pending-acceptance", "active"}
    assert found["AccepterVpcInfo"]["CidrBlock"] == "10.80.0.0/16"
