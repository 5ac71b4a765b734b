"""How requests are read: operations, CBOR, validation, XML."""

import io
from datetime import datetime, timezone
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from platctl_emulator import cbor
from platctl_emulator.calls import Call
from platctl_emulator.patches.serializer import unparse
from platctl_emulator.recording import open_params
from platctl_emulator.validation import expression

from harness import service_model

VALUES = [
    None, True, False, 0, 23, 24, 255, 256, 65536, 1 << 40, -1, -25, -300, 0.5, "", "text", "ä" * 30, b"\x00\xff",
    [], [1, [2, "x"]], {}, {"a": [1, {"b": None}]},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_cbor_there_and_back(value):
    expected = {"a": [1, {}]} if value == {"a": [1, {"b": None}]} else value
    decoded = cbor.decode(cbor.encode(value))
    assert decoded == expected and type(decoded) is type(expected)


# RFC 8949, appendix A.
EXAMPLES = {
    "00": 0, "17": 23, "1818": 24, "1903e8": 1000, "1a000f4240": 1000000, "1b000000e8d4a51000": 1000000000000,
    "20": -1, "3863": -100, "f93c00": 1.0, "fa47c35000": 100000.0, "fb3ff199999999999a": 1.1, "f4": False, "f5": True,
    "f6": None, "40": b"", "4401020304": b"\x01\x02\x03\x04", "60": "", "6449455446": "IETF", "62c3bc": "ü",
    "80": [], "83010203": [1, 2, 3], "8301820203820405": [1, [2, 3], [4, 5]],
    "a0": {}, "a26161016162820203": {"a": 1, "b": [2, 3]},
    "9f01820203820405ff": [1, [2, 3], [4, 5]], "bf61610161629f0203ffff": {"a": 1, "b": [2, 3]},
    "7f657374726561646d696e67ff": "streaming", "5f42010243030405ff": b"\x01\x02\x03\x04\x05",
    "c11a514b67b0": 1363896240,
}  # fmt: skip


@pytest.mark.parametrize("text", EXAMPLES)
def test_cbor_as_its_rfc_says(text):
    decoded = cbor.decode(bytes.fromhex(text))
    assert decoded == EXAMPLES[text] and type(decoded) is type(EXAMPLES[text])


def test_a_time_in_cbor():
    assert cbor.decode(cbor.encode(datetime(2013, 3, 21, 20, 4, 0, tzinfo=timezone.utc))) == 1363896240
    with pytest.raises(TypeError):
        cbor.encode(object())


def call_of(service, method, path, headers=None, body=b""):
    """A request as the emulator reads it."""

    parts = urlsplit(path)
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": unquote(parts.path), "QUERY_STRING": parts.query, "REQUEST_URI": path,
        "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), "SERVER_NAME": "a", "SERVER_PORT": "1",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=key/20260101/eu-west-1/{service}/aws4_request",
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()},
    }  # fmt: skip
    return Call(environ, {})


@pytest.mark.parametrize(
    ("operation", "service", "method", "path", "headers"),
    [
        ("PutObject", "s3", "PUT", "/bucket/some/key", {}),
        ("CopyObject", "s3", "PUT", "/bucket/some/key", {"x-amz-copy-source": "a/b"}),
        ("PutObject", "s3", "PUT", "/bucket/key?x-id=PutObject", {}),
        ("CreateBucket", "s3", "PUT", "/bucket", {}),
        ("CreateBucket", "s3", "PUT", "/bucket/", {}),
        ("PutBucketVersioning", "s3", "PUT", "/bucket?versioning", {}),
        ("PutBucketLifecycleConfiguration", "s3", "PUT", "/bucket?lifecycle", {}),
        ("GetBucketLocation", "s3", "GET", "/bucket?location", {}),
        ("ListObjectsV2", "s3", "GET", "/bucket?list-type=2", {}),
        ("DescribeCluster", "eks", "GET", "/clusters/one", {}),
        ("ListTagsForResource", "eks", "GET", "/tags/arn%3Aaws%3Aeks%3Aeu-west-1%3A1%3Acluster%2Fone", {}),
        ("GetHostedZone", "route53", "GET", "/2013-04-01/hostedzone/Z1", {}),
        ("ScheduleKeyDeletion", "kms", "POST", "/", {"X-Amz-Target": "TrentService.ScheduleKeyDeletion"}),
        ("", "eks", "GET", "/nothing/of/the/kind", {}),
    ],
)
def test_the_operation_of_a_request(operation, service, method, path, headers):
    call = call_of(service, method, path, headers)
    assert call.operation == operation
    assert call.mutating == (not operation.startswith(("Get", "List", "Describe")))


def test_a_parameter_may_have_slashes():
    call = call_of("eks", "GET", "/tags/arn%3Aaws%3Aeks%3Aeu-west-1%3A1%3Acluster%2Fone")
    assert call.params == {"resourceArn": "arn:aws:eks:eu-west-1:1:cluster/one"}


def test_every_pattern_of_the_services_in_use_can_be_said_in_python():
    services = ("acm", "codebuild", "codecommit", "codepipeline", "eks", "kms", "secretsmanager", "sns", "wafv2", "ecr")
    for service in services:
        model = service_model(service)
        for name in model.shape_names:
            pattern = model.shape_for(name).metadata.get("pattern")
            assert not pattern or expression(pattern) is not None, (service, name, pattern)


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [(r"^[\p{L}\p{N}_ ]+$", "äb 1_", "a!"), (r"^\p{Alnum}+$", "a1", "a-"), (r"^\p{IsLetter}{2}$", "ab", "a1")],
)
def test_classes_of_characters(pattern, fits, does_not):
    assert expression(pattern).search(fits) and not expression(pattern).search(does_not)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"a": {"b": [1, 2], "c": None, "d": True}}, "<a><b>1</b><b>2</b><c/><d>true</d></a>"),
        ({"a": {"@x": 'say "hi"', "#text": "1 < 2 & 3"}}, "<a x='say \"hi\"'>1 &lt; 2 &amp; 3</a>"),
        ({"a": {"@xmlns": {"": "urn:a", "b": "urn:b"}}}, '<a xmlns="urn:a" xmlns:b="urn:b"/>'),
        ({"a": []}, ""),
    ],
)
def test_xml(content, text):
    assert unparse(content, full_document=False) == text
    if text:
        ElementTree.fromstring(unparse(content))


def test_secrets_are_not_recorded():
    given = {"MasterUserPassword": "x", "ClientToken": "y", "Tags": [{"Key": "secret-of", "Value": "z"}]}
    shown = open_params(given)
    assert (shown["MasterUserPassword"], shown["ClientToken"], shown["Tags"]) == ("(hidden)", "y", given["Tags"])
