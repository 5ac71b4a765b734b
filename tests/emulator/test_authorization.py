"""With `authorize`, whoever is no owner of this AWS may do what their policies allow, and nothing else."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from platctl_emulator import authorization
from platctl_emulator.subjects import Subject, passed_roles

from harness import CONFIG, ENDPOINT

OURS = {"platctl:stack": "one"}


def allow(actions, resource="*", **condition):
    """A statement."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


@pytest.fixture
def limited(aws):
    """Makes clients of a user with these statements."""
    made = []

    def clients(*statements):
        name = f"user-{len(made)}"
        made.append(name)
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        aws.iam.create_user(UserName=name)
        arn = aws.iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(policy))["Policy"]["Arn"]
        aws.iam.attach_user_policy(UserName=name, PolicyArn=arn)
        key = aws.iam.create_access_key(UserName=name)["AccessKey"]
        aws.profile(authorize=True)

        def client(service):
            session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"])
            one = session.client(service, "eu-west-1", endpoint_url=ENDPOINT, config=CONFIG)
            one.meta.events.register("before-send", aws._send)
            return one

        return client

    return clients


def denied(call, *args, **kwargs):
    """The code of the refusal."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    assert "is not authorized to perform" in str(caught.value)
    return caught.value.response["Error"]["Code"]


def tagged(kind, tags):
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def test_what_no_policy_allows_is_refused_in_the_words_of_the_service(aws, limited):
    client = limited(allow("sns:CreateTopic"))
    assert denied(client("ec2").describe_vpcs) == "UnauthorizedOperation"
    assert denied(client("s3").create_bucket, Bucket="bucket-of-nobody") == "AccessDenied"
    assert denied(client("iam").list_roles) == "AccessDenied"
    assert denied(client("kms").list_keys) == "AccessDeniedException"
    assert client("sts").get_caller_identity()["Account"], "everybody may ask who they are"
    aws.ec2.describe_vpcs()


def test_without_the_setting_policies_are_not_asked(aws, limited):
    client = limited(allow("sns:CreateTopic"))
    aws.profile(authorize=False)
    client("ec2").describe_vpcs()


def test_names_are_compared(limited):
    client = limited(allow("s3:*", ["arn:aws:s3:::one-*"]))("s3")
    where = {"LocationConstraint": "eu-west-1"}
    client.create_bucket(Bucket="one-logs", CreateBucketConfiguration=where)
    assert denied(client.create_bucket, Bucket="two-logs", CreateBucketConfiguration=where) == "AccessDenied"


def test_the_tag_of_a_request_and_that_of_an_object_count(aws, limited):
    other = aws.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    client = limited(
        allow("ec2:CreateVpc", "arn:aws:ec2:*:*:vpc/*", StringEquals={"aws:RequestTag/platctl:stack": "one"}),
        allow("ec2:CreateTags", Null={"ec2:CreateAction": "false"}),
        allow("ec2:DeleteVpc", StringEquals={"aws:ResourceTag/platctl:stack": "one"}),
    )("ec2")
    assert denied(client.create_vpc, CidrBlock="10.2.0.0/16") == "UnauthorizedOperation"
    wrong = tagged("vpc", {"platctl:stack": "two"})
    assert denied(client.create_vpc, CidrBlock="10.2.0.0/16", TagSpecifications=wrong) == "UnauthorizedOperation"
    own = client.create_vpc(CidrBlock="10.2.0.0/16", TagSpecifications=tagged("vpc", OURS))["Vpc"]["VpcId"]
    assert denied(client.delete_vpc, VpcId=other) == "UnauthorizedOperation"
    assert denied(client.create_tags, Resources=[own], Tags=[{"Key": "a", "Value": "b"}]) == "UnauthorizedOperation"
    client.delete_vpc(VpcId=own)


def test_both_objects_of_a_call_are_asked_about(aws, limited):
    vpcs = [
        aws.ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]
        for number, tags in ((1, tagged("vpc", OURS)), (2, []))
    ]
    client = limited(
        allow("ec2:CreateSubnet", "arn:aws:ec2:*:*:subnet/*", StringEquals={"aws:RequestTag/platctl:stack": "one"}),
        allow("ec2:CreateSubnet", StringEquals={"aws:ResourceTag/platctl:stack": "one"}),
        allow("ec2:CreateTags", Null={"ec2:CreateAction": "false"}),
    )("ec2")
    tags = tagged("subnet", OURS)
    client.create_subnet(VpcId=vpcs[0], CidrBlock="10.1.0.0/24", TagSpecifications=tags)
    refused = denied(client.create_subnet, VpcId=vpcs[1], CidrBlock="10.2.0.0/24", TagSpecifications=tags)
    assert refused == "UnauthorizedOperation"


def test_a_role_that_is_handed_over_has_to_be_allowed():
    role = "arn:aws:iam::123456789012:role/{}"
    statements = [allow("codebuild:*"), allow("iam:PassRole", role.format("one-*"))]

    def allowed(name):
        question = authorization.Question("iam:PassRole", Subject(role.format(name)), {})
        return authorization.allows([{"Statement": statements}], question)

    assert allowed("one-build")
    assert not allowed("two-build")
    assert passed_roles({"serviceRole": role.format("one-build")}) == {role.format("one-build")}
    assert not passed_roles({"principalArn": role.format("one-build")})


def test_a_denial_wins():
    statements = [
        allow("iam:*"),
        {
            "Effect": "Deny",
            "Action": ["iam:CreateRole"],
            "Resource": "*",
            "Condition": {"StringNotEquals": {"iam:PermissionsBoundary": "arn:aws:iam::123456789012:policy/limit"}},
        },
    ]

    def allowed(**context):
        question = authorization.Question("iam:CreateRole", Subject(), context)
        return authorization.allows([{"Statement": statements}], question)

    assert not allowed()
    assert not allowed(**{"iam:PermissionsBoundary": "arn:aws:iam::123456789012:policy/other"})
    assert allowed(**{"iam:PermissionsBoundary": "arn:aws:iam::123456789012:policy/limit"})


def test_the_region_of_a_request_counts(limited):
    client = limited(allow("ec2:Describe*", StringEquals={"aws:RequestedRegion": ["us-east-1"]}))
    assert denied(client("ec2").describe_vpcs) == "UnauthorizedOperation"
