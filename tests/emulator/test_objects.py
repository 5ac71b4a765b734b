"""Objects of S3, as SDKs and the AWS CLI write them."""

import base64
import json
import zlib

import pytest
from platctl_emulator.guard import GUARD

from harness import ENDPOINT

DATA = b"\x00\xff\r\n0\r\n\r\nAction=no&{}" * 9
# AWS's documentation of signatures, "Signature calculations for trailing headers": unsigned, signed, signed with a
# trailer.
PAYLOADS = {
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": (b"", True),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": (b";chunk-signature=" + b"0" * 64, False),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (b";chunk-signature=" + b"0" * 64, True),
}


@pytest.fixture
def bucket(aws):
    aws.s3.create_bucket(Bucket="objects", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return "objects"


def chunked(data, signature, trailer, size=7):
    """The body of an upload in chunks."""
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(part), signature, part) for part in [*parts, b""])
    if not trailer:
        return body
    checksum = base64.b64encode(zlib.crc32(data).to_bytes(4, "big"))
    signed = b"x-amz-trailer-signature:" + b"0" * 64 + b"\r\n" if signature else b""
    return body[:-2] + b"x-amz-checksum-crc32:" + checksum + b"\r\n" + signed + b"\r\n"


@pytest.mark.parametrize("encoding", ["aws-chunked", "aws-chunked,gzip"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_an_upload_in_chunks(aws, bucket, payload, encoding):
    signature, trailer = PAYLOADS[payload]
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={GUARD.key}/20260101/eu-west-1/s3/aws4_request",
        "Content-Encoding": encoding,
        "x-amz-content-sha256": payload,
        "x-amz-decoded-content-length": str(len(DATA)),
    }
    headers |= {"x-amz-trailer": "x-amz-checksum-crc32"} if trailer else {}
    status, *_ = aws.raw("PUT", f"{ENDPOINT}/{bucket}/key", headers, chunked(DATA, signature, trailer))
    assert status == 200
    got = aws.s3.get_object(Bucket=bucket, Key="key")
    assert got["Body"].read() == DATA
    # What is left of it when the chunks are gone.
    assert got.get("ContentEncoding") == ("gzip" if "gzip" in encoding else None)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/cbor", "application/json"])
def test_the_type_of_an_object_says_nothing_of_the_request(aws, bucket, kind):
    aws.s3.put_object(Bucket=bucket, Key="some/Action", Body=b"Action=Other&Version=1", ContentType=kind)
    call = aws.control("GET calls")["calls"][-1]
    assert (call["operation"], "violations" in call) == ("PutObject", False)


def test_parts_and_deletions_are_told_apart(aws, bucket):
    aws.control("POST counters")
    # Without `x-id`, as boto3 and the AWS CLI ask.
    started = aws.s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    of = {"Bucket": bucket, "Key": "key", "UploadId": started}
    aws.s3.upload_part(PartNumber=1, Body=DATA, **of)
    aws.s3.list_parts(**of)
    aws.s3.abort_multipart_upload(**of)
    aws.s3.put_object(Bucket=bucket, Key="key", Body=DATA)
    aws.s3.get_object(Bucket=bucket, Key="key")
    aws.s3.delete_object(Bucket=bucket, Key="key")
    operations = [call["operation"] for call in aws.control("GET calls")["calls"]]
    parts = ["CreateMultipartUpload", "UploadPart", "ListParts", "AbortMultipartUpload"]
    assert operations == [*parts, "PutObject", "GetObject", "DeleteObject"]


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("ContentMD5", "XUFAKrxLKna5cZ2REBfFkg==", "1B2M2Y8AsgTpgAmY7PhCfg=="),
        ("ChecksumCRC32", "NhCmhg==", "AAAAAA=="),
        ("ChecksumSHA1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("ChecksumSHA256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", "A" * 43 + "="),
    ],
)
def test_a_body_that_is_not_what_was_sent(aws, bucket, name, right, wrong):
    aws.s3.put_object(Bucket=bucket, Key="key", Body=b"hello", **{name: right})
    with aws.refused("BadDigest"):
        aws.s3.put_object(Bucket=bucket, Key="key", Body=b"other", **{name: wrong})
    assert aws.s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"hello"


def test_the_owner_of_a_bucket_owns_its_objects(aws, bucket):
    def owner(name):
        controls = aws.s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]
        return controls["Rules"][0]["ObjectOwnership"]

    assert owner(bucket) == "BucketOwnerEnforced"
    aws.s3.create_bucket(
        Bucket="others",
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
        ObjectOwnership="ObjectWriter",
    )
    assert owner("others") == "ObjectWriter"


def test_access_logs_go_where_the_policy_lets_them(aws, bucket):
    def on(prefix):
        return {"LoggingEnabled": {"TargetBucket": "objects", "TargetPrefix": prefix}}

    statement = {
        "Effect": "Allow",
        "Principal": {"Service": ["logging.s3.amazonaws.com"]},
        "Action": ["s3:putobject"],
        "Resource": "arn:aws:s3:::objects/logs/*",
    }
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    aws.s3.create_bucket(Bucket="source", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with aws.refused("InvalidTargetBucketForLogging"):
        aws.s3.put_bucket_logging(Bucket="source", BucketLoggingStatus=on("other/"))
    aws.s3.put_bucket_logging(Bucket="source", BucketLoggingStatus=on("logs/source/"))
    assert aws.s3.get_bucket_logging(Bucket="source")["LoggingEnabled"]["TargetPrefix"] == "logs/source/"
