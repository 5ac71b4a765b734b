"""Who is answered: whoever carries the secret of the instance, and no page in a browser."""

import json

import pytest
from platctl_emulator.guard import GUARD

from harness import ENDPOINT

SCOPE = "20260101/eu-west-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def signed(key, service="ec2"):
    """The headers of a request of EC2."""
    scope = SCOPE.format(service)
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/{scope}",
        "Content-Type": "application/x-www-form-urlencoded",
    }


def ask(aws, headers, path="/", body=b"Action=DescribeVpcs&Version=2016-11-15"):
    """Status and text."""
    status, _, text, _ = aws.raw("POST", ENDPOINT + path, headers, body)
    return status, text.decode(errors="replace")


def test_the_owners_programs_are_answered(aws):
    assert ask(aws, signed(GUARD.key))[0] == 200
    assert ask(aws, {**signed(GUARD.key), "Host": "localhost:9"})[0] == 200


@pytest.mark.parametrize("key", ["test", "emulator", "AKIAIOSFODNN7EXAMPLE", GUARD.key[:-1], GUARD.key + "0", "é"])
def test_any_other_key_is_refused(aws, key):
    status, text = ask(aws, signed(key))
    assert status == 403 and "AuthFailure" in text
    assert not aws.control("GET calls")["calls"], "it is not even counted"


@pytest.mark.parametrize(
    ("service", "kind", "code"),
    [
        ("s3", "", "<Error><Code>InvalidAccessKeyId"),
        ("iam", "application/x-www-form-urlencoded", "<ErrorResponse><Error><Code>InvalidClientTokenId"),
        ("route53", "", "<ErrorResponse><Error><Code>InvalidClientTokenId"),
        ("codebuild", "application/x-amz-json-1.1", '"__type": "UnrecognizedClientException"'),
    ],
)
def test_the_refusal_is_in_the_words_of_the_service(aws, service, kind, code):
    status, text = ask(aws, {**signed("test", service), "Content-Type": kind})
    assert status == 403 and code in text and "platctl emulator status --env" in text


# What a page that is open in a browser sends along, or cannot keep a browser from sending.
PAGES = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    # A name of the page's own that leads to this machine, and other machines' ways here.
    {"Host": "evil.example"},
    {"Host": "evil.example:9"},
    {"Host": "127.0.0.1:10"},
    {"Host": "127.0.0.1.evil.example:9"},
    {"Host": ""},
]


@pytest.mark.parametrize("sent", PAGES, ids=str)
def test_a_page_is_refused_whatever_else_it_knows(aws, sent):
    for path, headers in [
        ("/", signed(GUARD.key)),
        ("/_platctl/reset", {"X-Platctl-Key": GUARD.key}),
        ("/_platctl/kubernetes/x/api/v1", {"Authorization": "Bearer k8s-aws-v1.x"}),
    ]:
        status, text = ask(aws, {**headers, **sent}, path, b"{}")
        assert status == 403 and "the emulator does not answer" in text


def test_control_requests_carry_the_secret(aws):
    aws.ec2.create_vpc(CidrBlock="10.0.0.0/16")
    for headers in ({}, {"X-Platctl-Key": "test"}, signed(GUARD.key)):
        for request in ("status", "reset", "stop", "fork", "manifest"):
            status, text = ask(aws, headers, f"/_platctl/{request}", b"{}")
            assert status == 403 and "X-Platctl-Key" in json.loads(text)["error"]
    assert len(aws.ec2.describe_vpcs()["Vpcs"]) == 2


@pytest.mark.parametrize(
    ("service", "headers", "body"),
    [
        (
            "secretsmanager",
            {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.CreateSecret"},
            b'{"Name": "one", "SecretString": "canary\xff"}',
        ),
        (
            "secretsmanager",
            {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.CreateSecret"},
            b'{"Name": "one", "SecretString": "canary',
        ),
        (
            "monitoring",
            {
                "Content-Type": "application/cbor",
                "smithy-protocol": "rpc-v2-cbor",
                "path": "/service/GraniteServiceVersion20100801/operation/PutDashboard",
            },
            b"\xa1\x67canary\xff\x01",
        ),
    ],
)
def test_what_cannot_be_read_is_neither_said_nor_logged(aws, capfd, service, headers, body):
    path = headers.get("path", "/")
    status, text = ask(aws, {**signed(GUARD.key, service), **headers}, path, body)
    assert status == 400 and "SerializationException" in text
    out, err = capfd.readouterr()
    assert "cannot be read" in err
    assert "canary" not in text + out + err
