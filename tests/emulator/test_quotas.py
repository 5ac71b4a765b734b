"""Quotas: refused with AWS's code where they hold, as many as an account has, and more where they are raised."""

import json

import pytest
from platctl_emulator.rules.quotas import TABLE

from things import (
    acl,
    address,
    balancer,
    db_cluster,
    db_instance,
    eks_cluster,
    group,
    internet_gateway,
    listener,
    nat,
    node_group,
    place,
    policy,
    role,
    subnet,
    target_group,
    trust,
    vpc,
    zone,
)  # fmt: skip

VAULT = "ABCDEFGHIJ"


def rule(number):
    return [{"IpProtocol": "tcp", "FromPort": number, "ToPort": number, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]


def endpoint(aws, network, kind, number):
    kinds = {"Interface": "sts", "Gateway": "s3"}
    return aws.ec2.create_vpc_endpoint(
        VpcId=network, ServiceName=f"com.amazonaws.eu-west-1.{kinds[kind]}", VpcEndpointType=kind,
        **({"PrivateDnsEnabled": False} if kind == "Interface" else {}),
    )  # fmt: skip


def parameters(aws, kind, number):
    about = {"DBParameterGroupFamily": "aurora-postgresql16", "Description": "x"}
    if kind == "cluster":
        return aws.rds.create_db_cluster_parameter_group(DBClusterParameterGroupName=f"g{number}", **about)
    return aws.rds.create_db_parameter_group(DBParameterGroupName=f"g{number}", **about)


def route(aws, where, number):
    aws.ec2.create_route(RouteTableId=where[1], DestinationCidrBlock=f"192.0.{number}.0/24", GatewayId=where[0])


def table(aws):
    network = vpc(aws)
    name = aws.ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"]
    return internet_gateway(aws, network), name


def attach(aws, name, number):
    aws.iam.attach_role_policy(RoleName=name, PolicyArn=policy(aws, f"p{number}"))


def long_trust(length):
    text = trust("ec2.amazonaws.com")
    wanted = length - len(json.dumps(json.loads(text), separators=(",", ":")))
    return text.replace('"sts:AssumeRole"', f'"sts:AssumeRole", "Sid": "{"x" * (wanted - 9)}"')


def fargate(aws, arn, number):
    aws.eks.create_fargate_profile(
        clusterName="one", fargateProfileName=f"p{number}", podExecutionRoleArn=arn, selectors=[{"namespace": "web"}]
    )


def fargate_role(aws):
    eks_cluster(aws)
    return role(aws, "eks-fargate-pods.amazonaws.com")


def another_eks(aws, found, number):
    aws.eks.create_cluster(name=f"c{number}", roleArn=found[1], resourcesVpcConfig={"subnetIds": found[0]})


def targets(aws, bus, number):
    arn = f"arn:aws:sqs:eu-west-1:123456789012:q{number}"
    aws.events.put_targets(Rule=bus, Targets=[{"Id": str(number), "Arn": arn}])


def event_rule(aws):
    aws.events.put_rule(Name="r", ScheduleExpression="rate(1 day)")
    return "r"


def distribution(aws, _, number):
    from test_cloudfront import config

    settings = {"DistributionConfig": config(str(number)), "Tags": {"Items": []}}
    aws.cloudfront.create_distribution_with_tags(DistributionConfigWithTags=settings)


def nothing(aws):
    return None


# By the code of a quota or the operation: what has to be there, and what makes the nth thing in it.
MAKE = {
    "L-F678F1CE": (nothing, lambda aws, _, n: vpc(aws, f"10.{n}.0.0/16")),
    "L-407747CB": (vpc, lambda aws, network, n: subnet(aws, network, n)),
    "L-A4707A72": (nothing, lambda aws, _, n: aws.ec2.create_internet_gateway()),
    "L-0263D0A3": (nothing, lambda aws, _, n: address(aws)),
    "L-FE5A380F": (lambda aws: place(aws)[1][0], lambda aws, where, n: nat(aws, where)),
    "L-589F43AA": (vpc, lambda aws, network, n: aws.ec2.create_route_table(VpcId=network)),
    "L-93826ACB": (table, route),
    "L-E79EC296": (vpc, lambda aws, network, n: group(aws, network, f"g{n}")),
    "ec2:AuthorizeSecurityGroupIngress": (
        lambda aws: group(aws, vpc(aws)),
        lambda aws, name, n: aws.ec2.authorize_security_group_ingress(GroupId=name, IpPermissions=rule(n)),
    ),
    "ec2:AuthorizeSecurityGroupEgress": (
        lambda aws: group(aws, vpc(aws)),
        lambda aws, name, n: aws.ec2.authorize_security_group_egress(GroupId=name, IpPermissions=rule(n)),
    ),
    "L-29B6F2EB": (vpc, lambda aws, network, n: endpoint(aws, network, "Interface", n)),
    "L-1B52E74A": (vpc, lambda aws, network, n: endpoint(aws, network, "Gateway", n)),
    "L-1194D53C": (lambda aws: (place(aws)[1], role(aws, "eks.amazonaws.com")), another_eks),
    "L-6D54EA21": (lambda aws: eks_cluster(aws)[1], lambda aws, within, n: node_group(aws, within, f"n{n}")),
    "L-33415657": (fargate_role, fargate),
    "L-7B6409FD": (lambda aws: db_cluster(aws), lambda aws, _, n: db_instance(aws, f"i{n}")),
    "L-952B80B8": (nothing, lambda aws, _, n: db_cluster(aws, f"c{n}")),
    "L-48C6BF61": (
        lambda aws: place(aws)[1],
        lambda aws, within, n: aws.rds.create_db_subnet_group(
            DBSubnetGroupName=f"g{n}", DBSubnetGroupDescription="x", SubnetIds=within
        ),
    ),
    "L-DE55804A": (nothing, lambda aws, _, n: parameters(aws, "instance", n)),
    "L-E4C808A8": (nothing, lambda aws, _, n: parameters(aws, "cluster", n)),
    "L-FE177D64": (nothing, lambda aws, _, n: role(aws, "ec2.amazonaws.com", f"r{n}")),
    "L-E95E4862": (nothing, lambda aws, _, n: policy(aws, f"p{n}")),
    "L-0DA4ABF3": (lambda aws: role(aws, "ec2.amazonaws.com").rpartition("/")[2], attach),
    "L-858F3967": (
        nothing,
        lambda aws, _, n: aws.iam.create_open_id_connect_provider(Url=f"https://{n}.com", ThumbprintList=["0" * 40]),
    ),
    "L-DC2B2D3D": (
        nothing,
        lambda aws, _, n: aws.s3.create_bucket(
            Bucket=f"bucket-{n}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        ),
    ),
    "L-53DA6B97": (lambda aws: place(aws)[1], lambda aws, within, n: balancer(aws, within, f"b{n}")),
    "L-B6DF7632": (
        lambda aws: (lambda network, within: (balancer(aws, within), target_group(aws, network)))(*place(aws)),
        lambda aws, found, n: listener(aws, *found, port=n + 1),
    ),
    "L-B22855CB": (vpc, lambda aws, network, n: target_group(aws, network, f"t{n}")),
    "L-4EA4796A": (nothing, lambda aws, _, n: zone(aws, reference=str(n))),
    "L-24B04930": (nothing, distribution),
    "targets": (event_rule, targets),
    "webacls": (nothing, lambda aws, _, n: acl(aws, f"acl{n}")),
    "vaults": (nothing, lambda aws, _, n: aws.backup.create_backup_vault(BackupVaultName=VAULT[n] * 3)),
}
COUNTED = [row for row in TABLE if row[1] != "L-C07B4B0D"]


@pytest.mark.parametrize("row", COUNTED, ids=[f"{row[0]}-{row[1]}" for row in COUNTED])
def test_a_quota(aws, row):
    operation, code, usual, taken, error, words = row
    before, make = MAKE.get(code) or MAKE[operation]
    where = before(aws)
    # What is there already counts: a new account brings a VPC and its subnets, a group its first rule.
    there = found(aws, operation, code)
    aws.profile(quotas={code: there + 2})
    make(aws, where, 0)
    make(aws, where, 1)
    with aws.refused(error):
        make(aws, where, 2)
    aws.profile(quotas={code: there + 3})
    make(aws, where, 3)
    with aws.refused(error):
        make(aws, where, 4)
    aws.profile(quotas=False)
    make(aws, where, 5)


def found(aws, operation, code):
    """How many count before the first one is made."""
    of_new_things = {
        "L-F678F1CE": lambda: len(aws.ec2.describe_vpcs()["Vpcs"]),
        "L-A4707A72": lambda: len(aws.ec2.describe_internet_gateways()["InternetGateways"]),
        "L-E79EC296": lambda: len(aws.ec2.describe_security_groups()["SecurityGroups"]),
        # A VPC's main table, and the route within the VPC.
        "L-589F43AA": lambda: 1,
        "L-93826ACB": lambda: 1,
        # Everything may go out.
        "ec2:AuthorizeSecurityGroupEgress": lambda: 1,
    }
    return of_new_things.get(code, of_new_things.get(operation, lambda: 0))()


@pytest.mark.parametrize(
    ("code", "usual"),
    # https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html, and the contract, 1.13.
    [
        ("L-F678F1CE", 5),
        ("L-0263D0A3", 5),
        ("L-FE5A380F", 5),
        ("L-1194D53C", 100),
        ("L-6D54EA21", 30),
        ("L-33415657", 10),
    ],
)
def test_what_a_new_account_has(code, usual):
    assert [row[2] for row in TABLE if row[1] == code] == [usual]


def test_a_new_account_has_five_addresses(aws):
    aws.profile(name="strict")
    for _ in range(5):
        address(aws)
    with aws.refused("AddressLimitExceeded"):
        address(aws)
    aws.profile(name="calm")
    address(aws)


def test_the_length_of_a_trust_policy(aws):
    aws.profile(quotas=True)
    with aws.refused("LimitExceeded"):
        aws.iam.create_role(RoleName="one", AssumeRolePolicyDocument=long_trust(2049))
    aws.iam.create_role(RoleName="one", AssumeRolePolicyDocument=long_trust(2048))
    with aws.refused("LimitExceeded"):
        aws.iam.update_assume_role_policy(RoleName="one", PolicyDocument=long_trust(2049))
    # Spaces do not count.
    spaced = json.dumps(json.loads(long_trust(2048)), indent=4)
    aws.iam.update_assume_role_policy(RoleName="one", PolicyDocument=spaced)


def test_rules_count_one_by_one(aws):
    name = group(aws, vpc(aws))
    aws.profile(quotas={"L-0EA8095F": 3})
    with aws.refused("RulesPerSecurityGroupLimitExceeded"):
        aws.ec2.authorize_security_group_ingress(GroupId=name, IpPermissions=[rule(at)[0] for at in range(4)])
    aws.ec2.authorize_security_group_ingress(GroupId=name, IpPermissions=[rule(at)[0] for at in range(3)])


def test_nat_gateways_count_by_zone(aws):
    _, subnets = place(aws)
    aws.profile(quotas={"L-FE5A380F": 1})
    nat(aws, subnets[0])
    nat(aws, subnets[1])
    with aws.refused("NatGatewayLimitExceeded"):
        nat(aws, subnets[0])


@pytest.mark.parametrize(
    ("kind", "capacity", "size", "ends"),
    [
        ("m6i.xlarge", "ON_DEMAND", 1, "ACTIVE"),
        ("m6i.xlarge", "ON_DEMAND", 2, "CREATE_FAILED"),
        ("m6i.2xlarge", "ON_DEMAND", 1, "CREATE_FAILED"),
        ("m6i.large", "ON_DEMAND", 2, "ACTIVE"),
        ("t3.large", "ON_DEMAND", 3, "CREATE_FAILED"),
        ("m6i.2xlarge", "SPOT", 1, "ACTIVE"),
        ("p4d.24xlarge", "ON_DEMAND", 1, "ACTIVE"),
    ],
)
def test_the_processors_of_nodes(aws, kind, capacity, size, ends):
    _, subnets = eks_cluster(aws)
    aws.profile(quotas=True)
    sizes = {"minSize": 0, "maxSize": 9, "desiredSize": size}
    node_group(aws, subnets, instanceTypes=[kind], capacityType=capacity, scalingConfig=sizes)
    seen = aws.eks.describe_nodegroup(clusterName="one", nodegroupName="nodes")["nodegroup"]
    assert seen["status"] == ends
    codes = [issue["code"] for issue in seen["health"]["issues"]]
    assert codes == ([] if ends == "ACTIVE" else ["AsgInstanceLaunchFailures"])
