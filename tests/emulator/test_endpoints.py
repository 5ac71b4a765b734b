"""EC2's VPC endpoints."""

from things import group, subnet, vpc

STS, S3 = "com.amazonaws.eu-west-1.sts", "com.amazonaws.eu-west-1.s3"


def private(aws):
    """A VPC that may have private names."""
    network = vpc(aws)
    aws.ec2.modify_vpc_attribute(VpcId=network, EnableDnsHostnames={"Value": True})
    return network


def interface(aws, network, subnets, service=STS, **more):
    settings = {"VpcEndpointType": "Interface", "ServiceName": service, "VpcId": network, "SubnetIds": subnets}
    return aws.ec2.create_vpc_endpoint(**settings, **more)["VpcEndpoint"]["VpcEndpointId"]


def state(aws, name):
    return aws.ec2.describe_vpc_endpoints(VpcEndpointIds=[name])["VpcEndpoints"][0]["State"].lower()


def test_an_interface_endpoint_takes_a_minute_either_way_and_holds_its_subnet_and_group(aws):
    aws.slow()
    network = private(aws)
    where, held = subnet(aws, network), group(aws, network)
    name = interface(aws, network, [where], SecurityGroupIds=[held])
    assert state(aws, name) == "pending"
    with aws.refused("IncorrectState"):
        aws.ec2.modify_vpc_endpoint(VpcEndpointId=name, PrivateDnsEnabled=False)
    aws.pass_by(61)
    assert state(aws, name) == "available"
    aws.ec2.delete_vpc_endpoints(VpcEndpointIds=[name])
    assert state(aws, name) == "deleting"
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_subnet(SubnetId=where)
    with aws.refused("DependencyViolation"):
        aws.ec2.delete_security_group(GroupId=held)
    aws.pass_by(61)
    with aws.refused("InvalidVpcEndpointId.NotFound"):
        aws.ec2.modify_vpc_endpoint(VpcEndpointId=name, PrivateDnsEnabled=False)
    aws.ec2.delete_subnet(SubnetId=where)
    aws.ec2.delete_security_group(GroupId=held)


def test_an_endpoint_has_one_subnet_a_zone(aws):
    network = private(aws)
    first, same = subnet(aws, network, 0), subnet(aws, network, 3)
    with aws.refused("DuplicateSubnetsInSameZone"):
        interface(aws, network, [first, same])
    name = interface(aws, network, [first])
    with aws.refused("DuplicateSubnetsInSameZone"):
        aws.ec2.modify_vpc_endpoint(VpcEndpointId=name, AddSubnetIds=[same])
    aws.ec2.modify_vpc_endpoint(VpcEndpointId=name, AddSubnetIds=[same], RemoveSubnetIds=[first])


def test_private_names_need_both_attributes_of_the_vpc(aws):
    network = vpc(aws)
    where = subnet(aws, network)
    with aws.refused("InvalidParameter", "enableDnsHostnames"):
        interface(aws, network, [where])
    interface(aws, network, [where], PrivateDnsEnabled=False)


def test_private_names_are_taken_once(aws):
    network = private(aws)
    where = subnet(aws, network)
    interface(aws, network, [where])
    with aws.refused("InvalidParameter", "conflicting DNS domain"):
        interface(aws, network, [where])
    interface(aws, network, [where], PrivateDnsEnabled=False)


def test_private_names_can_be_given_up(aws):
    network = private(aws)
    name = interface(aws, network, [subnet(aws, network)])
    aws.ec2.modify_vpc_endpoint(VpcEndpointId=name, PrivateDnsEnabled=False)
    assert aws.ec2.describe_vpc_endpoints(VpcEndpointIds=[name])["VpcEndpoints"][0]["PrivateDnsEnabled"] is False


def test_an_endpoint_without_groups_gets_the_default_one(aws):
    network = private(aws)
    name = interface(aws, network, [subnet(aws, network)])
    default = aws.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [network]}])["SecurityGroups"][0]
    groups = aws.ec2.describe_vpc_endpoints(VpcEndpointIds=[name])["VpcEndpoints"][0]["Groups"]
    assert [one["GroupId"] for one in groups] == [default["GroupId"]]


def gateway(aws, network, tables):
    made = aws.ec2.create_vpc_endpoint(VpcId=network, ServiceName=S3, RouteTableIds=tables)
    return made["VpcEndpoint"]["VpcEndpointId"]


def routed(aws, name, table):
    """Whether a table leads to an endpoint."""
    routes = aws.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    return name in [route.get("GatewayId") for route in routes]


def test_a_table_has_one_gateway_endpoint_of_a_service(aws):
    network = vpc(aws)
    table = aws.ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"]
    gateway(aws, network, [table])
    with aws.refused("RouteAlreadyExists"):
        gateway(aws, network, [table])


def test_a_gateway_endpoint_moves_its_routes(aws):
    network = vpc(aws)
    old, new = (aws.ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"] for _ in range(2))
    name = gateway(aws, network, [old])
    assert routed(aws, name, old)
    aws.ec2.modify_vpc_endpoint(VpcEndpointId=name, AddRouteTableIds=[new], RemoveRouteTableIds=[old])
    assert (routed(aws, name, old), routed(aws, name, new)) == (False, True)
    aws.ec2.delete_vpc_endpoints(VpcEndpointIds=[name])
    assert not routed(aws, name, new)


def test_a_deletion_says_of_each_endpoint_whether_it_failed(aws):
    network = private(aws)
    name, missing = interface(aws, network, [subnet(aws, network)]), "vpce-0123456789abcdef0"
    failed = aws.ec2.delete_vpc_endpoints(VpcEndpointIds=[missing, name])["Unsuccessful"]
    assert [(one["ResourceId"], one["Error"]["Code"]) for one in failed] == [(missing, "InvalidVpcEndpoint.NotFound")]
    with aws.refused("InvalidVpcEndpointId.NotFound"):
        aws.ec2.describe_vpc_endpoints(VpcEndpointIds=[name])


def test_endpoints_are_found_by_their_ids(aws):
    network = private(aws)
    where = subnet(aws, network)
    name, _ = interface(aws, network, [where]), gateway(aws, network, [])
    by_id = [{"Name": "vpc-endpoint-id", "Values": [name]}]
    assert [one["VpcEndpointId"] for one in aws.ec2.describe_vpc_endpoints(Filters=by_id)["VpcEndpoints"]] == [name]
