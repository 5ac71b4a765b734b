"""What tests begin with: networks, roles, clusters."""

import json

ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
NOWHERE = "arn:aws:iam::123456789012:role/nobody"


def vpc(aws, cidr="10.0.0.0/16"):
    """A VPC; answers its id."""
    return aws.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]


def subnet(aws, network, number=0, zone=None):
    """A subnet in the zone of its number."""
    answer = aws.ec2.create_subnet(
        VpcId=network, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone or ZONES[number % 3]
    )
    return answer["Subnet"]["SubnetId"]


def internet_gateway(aws, network):
    """One that is attached."""
    name = aws.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    aws.ec2.attach_internet_gateway(InternetGatewayId=name, VpcId=network)
    return name


def address(aws):
    """An address of the internet."""
    return aws.ec2.allocate_address(Domain="vpc")["AllocationId"]


def nat(aws, place, allocation=None):
    """A public NAT gateway."""
    return aws.ec2.create_nat_gateway(SubnetId=place, AllocationId=allocation or address(aws))["NatGateway"][
        "NatGatewayId"
    ]


def nat_state(aws, name):
    """The state that AWS reports."""
    return aws.ec2.describe_nat_gateways(NatGatewayIds=[name])["NatGateways"][0]["State"]


def group(aws, network, name="app"):
    """A security group."""
    return aws.ec2.create_security_group(VpcId=network, GroupName=name, Description=name)["GroupId"]


def place(aws, gateway=True):
    """A VPC with two subnets in two zones."""
    network = vpc(aws)
    if gateway:
        internet_gateway(aws, network)
    return network, [subnet(aws, network, 0), subnet(aws, network, 1)]


def trust(service):
    """A policy that lets a service take on a role."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def role(aws, service, name=None):
    """A role of a service; answers its ARN."""
    name = name or service.partition(".")[0]
    return aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(service))["Role"]["Arn"]


def policy(aws, name="some"):
    """A managed policy; answers its ARN."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    return aws.iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))["Policy"]["Arn"]


def eks_cluster(aws, name="one", mode="API", **more):
    """A cluster of EKS in two subnets; answers it with its network."""
    network, subnets = place(aws)
    arn = role(aws, "eks.amazonaws.com")
    access = {"authenticationMode": mode}
    aws.eks.create_cluster(
        name=name, roleArn=arn, resourcesVpcConfig={"subnetIds": subnets}, accessConfig=access, **more
    )
    return network, subnets


def node_group(aws, within, name="nodes", cluster="one", **more):
    """A node group with a role of its own."""
    arn = role(aws, "ec2.amazonaws.com", f"{name}-role")
    settings = {"scalingConfig": {"minSize": 1, "maxSize": 3, "desiredSize": 1}, "subnets": within, "nodeRole": arn}
    return aws.eks.create_nodegroup(clusterName=cluster, nodegroupName=name, **{**settings, **more})["nodegroup"]


def db_subnets(aws, name="data"):
    """A subnet group; answers the VPC and its subnets."""
    network, subnets = place(aws)
    aws.rds.create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription=name, SubnetIds=subnets)
    return network, subnets


def db_cluster(aws, name="one", region="eu-west-1", **more):
    """An Aurora cluster."""
    settings = {"Engine": "aurora-postgresql", "EngineVersion": "16.6"}
    if "GlobalClusterIdentifier" not in more:
        settings |= {"MasterUsername": "root", "MasterUserPassword": "very-long-password"}
    return aws.client("rds", region).create_db_cluster(DBClusterIdentifier=name, **{**settings, **more})["DBCluster"]


def db_instance(aws, name="one-0", cluster="one", **more):
    """An instance of a cluster."""
    settings = {"Engine": "aurora-postgresql", "DBInstanceClass": "db.r6g.large", "DBClusterIdentifier": cluster}
    return aws.rds.create_db_instance(DBInstanceIdentifier=name, **{**settings, **more})["DBInstance"]


def db_state(aws, name="one"):
    """A cluster's."""
    return aws.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["Status"]


def instance_state(aws, name="one-0"):
    """An instance's."""
    return aws.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"]


def balancer(aws, subnets, name="web", **more):
    """A load balancer; answers its ARN."""
    answer = aws.elbv2.create_load_balancer(Name=name, Subnets=subnets, **more)
    return answer["LoadBalancers"][0]["LoadBalancerArn"]


def target_group(aws, network, name="web", **more):
    """A target group; answers its ARN."""
    settings = {"Protocol": "HTTP", "Port": 80, "VpcId": network, "TargetType": "ip", **more}
    return aws.elbv2.create_target_group(Name=name, **settings)["TargetGroups"][0]["TargetGroupArn"]


def listener(aws, place, target, port=80, **more):
    """A listener that forwards; answers its ARN."""
    settings = {"Protocol": "HTTP", "Port": port, **more}
    actions = [{"Type": "forward", "TargetGroupArn": target}]
    answer = aws.elbv2.create_listener(LoadBalancerArn=place, DefaultActions=actions, **settings)
    return answer["Listeners"][0]["ListenerArn"]


def zone(aws, name="example.com", reference="first", **more):
    """A hosted zone; answers its id."""
    answer = aws.route53.create_hosted_zone(Name=name, CallerReference=reference, **more)
    return answer["HostedZone"]["Id"].rpartition("/")[2]


def change(aws, where, *changes):
    """A batch of changes, each an action, a name, a type and values."""
    batch = [
        {"Action": action, "ResourceRecordSet": {
            "Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value} for value in values]}}
        for action, name, kind, *values in changes
    ]  # fmt: skip
    return aws.route53.change_resource_record_sets(HostedZoneId=where, ChangeBatch={"Changes": batch})["ChangeInfo"]


def issued(aws, name="www.example.com", region="eu-west-1"):
    """A certificate that is issued, with its record in a zone."""
    acm = aws.client("acm", region)
    arn = acm.request_certificate(DomainName=name, ValidationMethod="DNS")["CertificateArn"]
    option = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"][0]
    record = option["ResourceRecord"]
    change(aws, zone(aws, reference=f"of-{name}-{region}"), ("CREATE", record["Name"], "CNAME", record["Value"]))
    return arn


def acl(aws, name="acl", scope="REGIONAL", region="eu-west-1"):
    """A web ACL; answers its summary."""
    metrics = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": name}
    made = aws.client("wafv2", region).create_web_acl(
        Name=name, Scope=scope, DefaultAction={"Allow": {}}, VisibilityConfig=metrics
    )
    return made["Summary"]
