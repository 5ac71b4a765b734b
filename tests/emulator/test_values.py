"""Values that AWS refuses, and moto takes."""

import pytest

from things import db_cluster, db_instance, eks_cluster, group, node_group, place, role, subnet, vpc

INVALID = "InvalidParameterValue"


@pytest.mark.parametrize("text", ["Zugriff f\u00fcr B\u00fcro", "the customer's network", "x" * 256])
def test_texts_of_security_groups_have_few_characters(aws, text):
    network = vpc(aws)
    with aws.refused(INVALID):
        aws.ec2.create_security_group(VpcId=network, GroupName="app", Description=text)
    with aws.refused(INVALID):
        aws.ec2.create_security_group(VpcId=network, GroupName=text, Description="app")
    name = group(aws, network)
    source = {"CidrIp": "10.0.0.0/8", "Description": text}
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [source]}
    with aws.refused(INVALID, "Invalid rule description"):
        aws.ec2.authorize_security_group_ingress(GroupId=name, IpPermissions=[rule])
    source["Description"] = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
    made = aws.ec2.authorize_security_group_ingress(GroupId=name, IpPermissions=[rule])["SecurityGroupRules"][0]
    changed = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIpv4": "10.0.0.0/8", "Description": text}
    with aws.refused(INVALID, "Invalid rule description"):
        aws.ec2.modify_security_group_rules(
            GroupId=name,
            SecurityGroupRules=[
                {"SecurityGroupRuleId": made["SecurityGroupRuleId"], "SecurityGroupRule": changed},
            ],
        )


def test_an_object_of_ec2_has_fifty_tags(aws):
    def make(count):
        tags = [{"Key": f"t{number}", "Value": "x"} for number in range(count)]
        aws.ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])

    make(50)
    with aws.refused("TagLimitExceeded"):
        make(51)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"MasterUsername": "admin"}, "reserved word used by the engine"),
        ({"MasterUsername": "pg_dba"}, "are reserved by the PostgreSQL engine"),
        ({"MasterUsername": "a23456789012345678"}, "MasterUsername"),
        ({"DatabaseName": "grant"}, "It is a reserved word for this engine"),
        ({"DatabaseName": "my-app"}, "must begin with a letter"),
        ({"Port": 1149}, "port"),
        ({"Port": 65536}, "port"),
        ({"PreferredBackupWindow": "2-3"}, "Invalid backup window format"),
        ({"PreferredBackupWindow": "02:00-02:29"}, "at least 30 minutes"),
        ({"PreferredMaintenanceWindow": "04:00-05:00"}, "Invalid maintenance window format"),
        ({"PreferredMaintenanceWindow": "sun:04:00-sun:04:10"}, "at least 30 minutes"),
        (
            {"PreferredBackupWindow": "23:45-00:15", "PreferredMaintenanceWindow": "mon:00:00-mon:01:00"},
            "must not overlap",
        ),
    ],
    ids=str,
)
def test_what_a_cluster_cannot_be_made_of(aws, about, words):
    with aws.refused(INVALID, words):
        db_cluster(aws, **about)


def test_windows_that_a_cluster_has_already_count(aws):
    db_cluster(aws, PreferredBackupWindow="02:00-03:00", PreferredMaintenanceWindow="sun:04:00-sun:05:00")
    with aws.refused(INVALID, "must not overlap"):
        aws.rds.modify_db_cluster(DBClusterIdentifier="one", PreferredBackupWindow="04:30-05:30")
    aws.rds.modify_db_cluster(DBClusterIdentifier="one", PreferredBackupWindow="05:00-06:00")


def test_classes_that_there_are_not(aws):
    db_cluster(aws)
    for name in ("db.r6g.24xlarge", "db.t3.micro", "db.m6g.large"):
        with aws.refused("InvalidParameterCombination", f"DBInstanceClass={name}"):
            db_instance(aws, DBInstanceClass=name)
    db_instance(aws)
    with aws.refused("InvalidParameterCombination", "DBInstanceClass=db.r6g.huge"):
        aws.rds.modify_db_instance(DBInstanceIdentifier="one-0", DBInstanceClass="db.r6g.huge")

    def offered(**about):
        found = aws.rds.describe_orderable_db_instance_options(Engine="aurora-postgresql", **about)
        return found["OrderableDBInstanceOptions"]

    (one,) = offered(DBInstanceClass="db.r6g.large", EngineVersion="16.8")
    assert {"Name": "eu-west-1a"} in one["AvailabilityZones"]
    assert offered(DBInstanceClass="db.r6g.24xlarge") == []
    with aws.refused("InvalidParameterCombination", "Cannot find version 9.6"):
        offered(EngineVersion="9.6")


def test_parameters_that_there_are_not(aws):
    family = {"DBParameterGroupFamily": "aurora-postgresql16", "Description": "own"}
    aws.rds.create_db_cluster_parameter_group(DBClusterParameterGroupName="own", **family)

    def modify(name, value):
        one = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
        aws.rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName="own", Parameters=[one])

    modify("log_min_duration_statement", "-1")
    modify("rds.force_ssl", "1")
    with aws.refused(INVALID, "Could not find parameter with name: log_min_duration"):
        modify("log_min_duration", "1")
    with aws.refused(INVALID, "cannot be modified"):
        modify("block_size", "8192")
    for name, value in (("rds.force_ssl", "yes"), ("log_min_duration_statement", "-2"), ("max_connections", "5")):
        with aws.refused(INVALID, "allowed values are"):
            modify(name, value)
    known = aws.rds.describe_engine_default_cluster_parameters(DBParameterGroupFamily="aurora-postgresql16")
    known = {one["ParameterName"]: one for one in known["EngineDefaults"]["Parameters"]}
    assert not known["block_size"]["IsModifiable"] and known["rds.force_ssl"]["AllowedValues"] == "0,1"
    known = aws.rds.describe_engine_default_parameters(DBParameterGroupFamily="aurora-postgresql16")
    assert "rds.force_ssl" not in {one["ParameterName"] for one in known["EngineDefaults"]["Parameters"]}


@pytest.mark.parametrize(
    ("types", "image"),
    [
        (["m7g.large"], "AL2023_x86_64_STANDARD"),
        (["m7g.large"], None),
        (["m6i.large"], "AL2023_ARM_64_STANDARD"),
        (["m6i.large", "m7g.large"], "AL2023_x86_64_STANDARD"),
    ],
    ids=str,
)
def test_an_image_is_made_for_one_architecture(aws, types, image):
    _, subnets = eks_cluster(aws)
    about = {"instanceTypes": types, **({"amiType": image} if image else {})}
    with aws.refused("InvalidParameterException", "is not a valid instance type for requested amiType"):
        node_group(aws, subnets, **about)


def test_a_zone_without_a_control_plane(aws):
    ec2 = aws.client("ec2", "us-east-1")
    zones = {zone["ZoneId"]: zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def made(number, zone):
        about = {"VpcId": network, "CidrBlock": f"10.0.{number}.0/24", "AvailabilityZone": zones[zone]}
        return ec2.create_subnet(**about)["Subnet"]["SubnetId"]

    subnets = [made(0, "use1-az1"), made(1, "use1-az3")]
    about = {"name": "one", "roleArn": role(aws, "eks.amazonaws.com")}
    with aws.refused("UnsupportedAvailabilityZoneException", zones["use1-az3"]):
        aws.client("eks", "us-east-1").create_cluster(**about, resourcesVpcConfig={"subnetIds": subnets})
    assert place(aws) and subnet(aws, vpc(aws))


def test_a_tier_is_chosen(aws):
    for name, value in (("/small", "x"), ("/large", "x" * 4097)):
        aws.ssm.put_parameter(Name=name, Type="String", Value=value, Tier="Intelligent-Tiering")
    tiers = {one["Name"]: one["Tier"] for one in aws.ssm.describe_parameters()["Parameters"]}
    assert tiers == {"/small": "Standard", "/large": "Advanced"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a/b", "ValidationException"),
        ("/a//b", "ValidationException"),
        ("/a/", "ValidationException"),
        ("/a b", "ValidationException"),
        ("/ssm/a", "ValidationException"),
        ("/a" * 16, "HierarchyLevelLimitExceededException"),
    ],
)
def test_names_of_parameters(aws, name, code):
    with aws.refused(code):
        aws.ssm.put_parameter(Name=name, Type="String", Value="x")
    assert aws.ssm.describe_parameters()["Parameters"] == []
