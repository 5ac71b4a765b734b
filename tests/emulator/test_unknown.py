"""What the local AWS does not simulate, and regions that AWS does not have."""

import json

import pytest
from platctl_emulator.guard import GUARD

from harness import ENDPOINT

CALLS = [
    # No backend at all.
    ("braket", "search_devices", {"filters": []}),
    ("lightsail", "get_domains", {}),
    ("groundstation", "list_configs", {}),
    # A backend whose packages are not installed.
    ("apigateway", "get_rest_apis", {}),
    ("cloudformation", "create_stack", {"StackName": "prod"}),
    ("cloudformation", "list_stacks", {}),
    ("cognito-idp", "list_user_pools", {"MaxResults": 1}),
    # A backend that does not know this operation, in each protocol.
    ("cloudwatch", "list_metric_streams", {}),
    ("codepipeline", "list_rule_types", {}),
    ("ec2", "describe_mac_hosts", {}),
    ("eks", "list_capabilities", {"clusterName": "prod"}),
    ("rds", "describe_tenant_databases", {}),
    ("route53", "list_cidr_collections", {}),
]


@pytest.mark.parametrize(("service", "operation", "params"), CALLS, ids=lambda value: str(value)[:30])
def test_what_nobody_simulates_is_not_implemented(aws, service, operation, params):
    with aws.refused("NotImplemented", "The local AWS does not know") as refused:
        getattr(aws.client(service), operation)(**params)
    # A server's error would be tried again.
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def signed(service, region="eu-west-1", **headers):
    signature = f"AWS4-HMAC-SHA256 Credential={GUARD.key}/20260101/{region}/{service}/aws4_request"
    return {"Authorization": signature} | {name.replace("_", "-"): value for name, value in headers.items()}


def test_a_service_that_has_no_model_is_not_implemented(aws):
    status, _, body, _ = aws.raw("POST", ENDPOINT, signed("weather", Content_Type="application/json"), b"{}")
    said = json.loads(body)
    assert (status, said["__type"]) == (400, "NotImplemented") and "weather" in said["message"]
    form = signed("weather", Content_Type="application/x-www-form-urlencoded")
    status, _, body, _ = aws.raw("POST", ENDPOINT, form, b"Action=Rain")
    assert status == 400 and b"<Code>NotImplemented</Code>" in body


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("eks", "list_clusters", "InvalidSignatureException"),
        ("iam", "list_roles", "SignatureDoesNotMatch"),
        ("kms", "list_keys", "InvalidSignatureException"),
        ("rds", "describe_db_clusters", "SignatureDoesNotMatch"),
        ("s3", "list_buckets", "AuthorizationHeaderMalformed"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
    ],
)
def test_a_region_that_there_is_not(aws, service, operation, code):
    with aws.refused(code):
        getattr(aws.client(service, "eu-west-9"), operation)()
    with aws.refused(code):
        getattr(aws.client(service, "mars-north-1"), operation)()


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "cn-north-1", "eu-isoe-west-1", "eusc-de-east-1"])
def test_regions_of_all_partitions(aws, region):
    assert aws.client("ec2", region).describe_vpcs()["Vpcs"]
    assert aws.client("iam", region).list_roles()["Roles"] == []
