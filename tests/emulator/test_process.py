"""The process as platctl starts it: its instance file, copies of it, builds that run, its end."""

import http.client
import io
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError

from harness import CONFIG
from things import role

PACKAGE = Path(__file__).parents[2] / "crates/emulator/python"


class Process:
    """One that listens."""

    def __init__(self, about):
        self.endpoint, self.pid = about["endpoint"], about["pid"]

    def control(self, request, body=None):
        """A control request; its answer."""
        method, _, path = request.partition(" ")
        data = json.dumps(body or {}).encode() if method == "POST" else None
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.endpoint}/_platctl/{path}", data, method=method)
        ) as answer:
            return json.load(answer)

    @property
    def ec2(self):
        """Its EC2."""
        session = boto3.Session("test", "test")
        return session.client("ec2", "eu-west-1", endpoint_url=self.endpoint, config=CONFIG)

    def vpcs(self):
        """How many there are."""
        return len(self.ec2.describe_vpcs()["Vpcs"])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One for all tests here."""
    folder = tmp_path_factory.mktemp("emulator")
    path = folder / "instance.json"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "PLATCTL_EMULATOR_OWNED": "1"}
    with open(folder / "log", "w", encoding="utf-8") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "platctl_emulator", str(path), "layer"], env=environment, stdout=log, stderr=log
        )
    while not path.exists():
        # There is nothing else that tells when it listens.
        assert started.poll() is None, (folder / "log").read_text()
        time.sleep(0.02)
    about = json.loads(path.read_text())
    assert about["layer"] == "layer" and about["pid"] == started.pid
    assert path.stat().st_mode & 0o077 == 0
    yield Process(about)
    Process(about).control("POST stop")
    assert started.wait(60) == 0
    assert not path.exists()


@pytest.fixture
def real(server):
    """Empty."""
    server.control("POST reset")
    return server


def test_a_fork_knows_what_was_and_lives_on_its_own(real, tmp_path):
    before = real.vpcs()
    real.ec2.create_vpc(CidrBlock="10.0.0.0/16")
    path = tmp_path / "copy.json"
    copy = Process(real.control("POST fork", {"instance": str(path)}))
    assert json.loads(path.read_text())["endpoint"] == copy.endpoint != real.endpoint
    assert copy.vpcs() == before + 1
    copy.ec2.create_vpc(CidrBlock="10.1.0.0/16")
    real.control("POST reset")
    assert (copy.vpcs(), real.vpcs()) == (before + 2, before)
    copy.control("POST stop")


def test_what_was_done_in_a_branch_has_never_happened(real):
    before = real.vpcs()
    branch = Process(real.control("POST branch"))
    assert branch.endpoint == real.endpoint and branch.pid != real.pid
    real.ec2.create_vpc(CidrBlock="10.0.0.0/16")
    assert real.vpcs() == before + 1
    # One of a branch.
    real.control("POST branch")
    real.ec2.create_vpc(CidrBlock="10.1.0.0/16")
    assert real.vpcs() == before + 2
    real.control("POST back")
    assert real.vpcs() == before + 1
    real.control("POST back")
    assert (real.vpcs(), real.control("GET status")["pid"]) == (before, real.pid)
    with pytest.raises(urllib.error.HTTPError) as caught:
        real.control("POST back")
    assert b"no branch" in caught.value.read()


def test_a_connection_that_breaks(real):
    real.control("POST faults", {"faults": [{"kind": "reset_after", "operation": "ec2:CreateVpc"}]})
    before = real.vpcs()

    with pytest.raises(ConnectionClosedError):
        real.ec2.create_vpc(CidrBlock="10.0.0.0/16")
    assert real.vpcs() == before + 1


def build(aws, *commands, stop=False):
    """Runs the commands of a build to its end; answers how it ended and its log."""
    spec = {"version": 0.2, "phases": {"build": {"commands": commands}}}
    arn = role(aws, "codebuild.amazonaws.com")
    aws.logs.create_log_group(logGroupName="/aws/codebuild/one")
    aws.codebuild.create_project(
        name="one", serviceRole=arn, artifacts={"type": "NO_ARTIFACTS"},
        source={"type": "NO_SOURCE", "buildspec": json.dumps(spec)},
        environment={
            "type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "GREETING", "value": "good morning"}]},
    )  # fmt: skip
    before = set(threading.enumerate())
    number = aws.codebuild.start_build(projectName="one")["build"]["id"]
    running = set(threading.enumerate()) - before
    if stop:
        aws.codebuild.stop_build(id=number)
    for thread in running:
        thread.join(120)
    ended = aws.codebuild.batch_get_builds(ids=[number])["builds"][0]
    logs = ended["logs"]
    if stop:
        return ended["buildStatus"], ""
    about = {"logGroupName": logs["groupName"], "logStreamName": logs["streamName"]}
    return ended["buildStatus"], "\n".join(one["message"] for one in aws.logs.get_log_events(**about)["events"])


def test_a_build_runs_its_commands(aws):
    status, log = build(aws, "echo $GREETING in $AWS_REGION")
    assert status == "SUCCEEDED" and "good morning in eu-west-1" in log


def test_a_build_ends_at_the_first_command_that_fails(aws):
    status, log = build(aws, "exit 3", "echo never")
    assert status == "FAILED" and "exit status 3" in log and "Running command echo never" not in log


def test_a_build_that_is_stopped(aws):
    assert build(aws, "exec sleep 100", stop=True)[0] == "STOPPED"


def objects(real):
    """An S3 client as boto3 makes it, with its own defaults, and a bucket."""
    session = boto3.Session("test", "test")
    client = session.client("s3", "eu-west-1", endpoint_url=real.endpoint)
    client.create_bucket(Bucket="objects", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return client


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_objects_of_boto3_with_its_own_defaults(real, algorithm):
    client, data = objects(real), bytes(range(256)) * 40_000
    client.put_object(Bucket="objects", Key="one", Body=data, ChecksumAlgorithm=algorithm)
    # In parts, of more than 8 MB.
    client.upload_fileobj(io.BytesIO(data), "objects", "parts", ExtraArgs={"ChecksumAlgorithm": algorithm})
    for key in ("one", "parts"):
        assert client.get_object(Bucket="objects", Key=key, ChecksumMode="ENABLED")["Body"].read() == data


def test_an_object_whose_length_is_not_said(real):
    client = objects(real)
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/s3/aws4_request",
        "Content-Encoding": "aws-chunked",
        "Transfer-Encoding": "chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    connection = http.client.HTTPConnection(real.endpoint.removeprefix("http://"), timeout=60)
    pieces = [b"5\r\nhel", b"lo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"]
    connection.request("PUT", "/objects/key", iter(pieces), headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    assert client.get_object(Bucket="objects", Key="key")["Body"].read() == b"hello"
