"""The process as platctl starts it: its instance file, copies of it, builds that run, its end."""

import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from platctl_emulator import builds
from platctl_emulator.__main__ import announce
from platctl_emulator.guard import GUARD

from harness import CONFIG
from things import role

PACKAGE = Path(__file__).parents[2] / "crates/emulator/python"


class Process:
    """One that listens."""

    def __init__(self, about):
        self.endpoint, self.pid, self.key = about["endpoint"], about["pid"], about["key"]

    def control(self, request, body=None):
        """A control request; its answer."""
        method, _, path = request.partition(" ")
        data = json.dumps(body or {}).encode() if method == "POST" else None
        with urllib.request.urlopen(
            urllib.request.Request(
                f"{self.endpoint}/_platctl/{path}", data, {"X-Platctl-Key": self.key}, method=method
            )
        ) as answer:
            return json.load(answer)

    def client(self, service):
        """A client with connections of its own: one that was made before a copy speaks to the original."""
        session = boto3.Session(self.key, "emulator")
        return session.client(service, "eu-west-1", endpoint_url=self.endpoint, config=CONFIG)

    @property
    def ec2(self):
        """Its EC2."""
        return self.client("ec2")

    @property
    def iam(self):
        """Its IAM."""
        return self.client("iam")

    def vpcs(self):
        """How many there are."""
        return len(self.ec2.describe_vpcs()["Vpcs"])


@pytest.fixture(scope="module")
def server_path(tmp_path_factory):
    """Where its instance file is."""
    return tmp_path_factory.mktemp("emulator") / "instance.json"


@pytest.fixture(scope="module")
def server(server_path):
    """One for all tests here."""
    path, folder = server_path, server_path.parent
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
    # The secret of one opens no other.
    assert copy.key != real.key
    assert copy.vpcs() == before + 1
    copy.ec2.create_vpc(CidrBlock="10.1.0.0/16")
    real.control("POST reset")
    assert (copy.vpcs(), real.vpcs()) == (before + 2, before)
    copy.control("POST stop")


def test_what_was_done_in_a_branch_has_never_happened(real):
    before = real.vpcs()
    branch = Process(real.control("POST branch"))
    assert (branch.endpoint, branch.key) == (real.endpoint, real.key) and branch.pid != real.pid
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


def test_a_client_that_stops_in_the_middle_of_a_request_holds_up_nobody(real):
    host = real.endpoint.removeprefix("http://")
    address, _, port = host.partition(":")
    with socket.create_connection((address, int(port))) as half:
        line = "PATCH /_platctl/kubernetes/one/api/v1/namespaces/two HTTP/1.1"
        half.sendall(f"{line}\r\nHost: {host}\r\nContent-Length: 10\r\n\r\nhalf".encode())
        # The server gives up a silent connection after a minute: whoever waited for that would get an answer then.
        patient = CONFIG.merge(Config(read_timeout=50))
        session = boto3.Session(real.key, "emulator")
        ec2 = session.client("ec2", "eu-west-1", endpoint_url=real.endpoint, config=patient)
        assert ec2.describe_vpcs()["Vpcs"]
        real.control("POST branch")
        real.control("POST back")


def test_the_builds_of_the_original_stand_while_a_branch_lives(real, tmp_path):
    done = tmp_path / "done"
    done.touch()
    # A build's parent is the process that runs it.
    spec = {"version": 0.2, "phases": {"build": {"commands": [f"echo $PPID >> {done}"] * 150}}}
    arn = role(real, "codebuild.amazonaws.com")
    real.client("codebuild").create_project(
        name="one", serviceRole=arn, artifacts={"type": "NO_ARTIFACTS"},
        source={"type": "NO_SOURCE", "buildspec": json.dumps(spec)},
        environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
    )  # fmt: skip
    number = real.client("codebuild").start_build(projectName="one")["build"]["id"]

    def status():
        """How it ended. There is nothing else that tells when."""
        for _ in range(3000):
            found = real.client("codebuild").batch_get_builds(ids=[number])["builds"][0]["buildStatus"]
            if found != "IN_PROGRESS":
                return found
            time.sleep(0.02)
        raise AssertionError("it does not end")

    def by(process):
        return done.read_text().split().count(str(process))

    branch = real.control("POST branch")["pid"]
    stood = by(real.pid)
    assert (status(), by(branch)) == ("SUCCEEDED", 150)
    # One may have been stopped within the call that wrote.
    assert by(real.pid) - stood <= 1
    real.control("POST back")
    assert (status(), by(real.pid)) == ("SUCCEEDED", 150)


def test_a_connection_that_breaks(real):
    real.control("POST faults", {"faults": [{"kind": "reset_after", "operation": "ec2:CreateVpc"}]})
    before = real.vpcs()

    with pytest.raises(ConnectionClosedError):
        real.ec2.create_vpc(CidrBlock="10.0.0.0/16")
    assert real.vpcs() == before + 1


def as_nobody(work):
    """What some work answers in a process of another user."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(writing, work().encode())
        except BaseException as error:
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        return pipe.read()


def start_build(endpoint, key):
    """Asks for a build, as whoever runs this; answers the status and what was said."""
    scope = f"Credential={key}/20260101/eu-west-1/codebuild/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
        "X-Amz-Target": "CodeBuild_20161006.StartBuild",
        "Content-Type": "application/x-amz-json-1.1",
    }
    request = urllib.request.Request(endpoint, b'{"projectName": "one"}', headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return f"{answer.status} {answer.read().decode()}"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_reads_no_secret_and_starts_no_build(real, server_path):
    path = str(server_path)
    assert "PermissionError" in as_nobody(lambda: Path(path).read_text())
    said = as_nobody(lambda: start_build(real.endpoint, "test"))
    assert said.startswith("403") and "UnrecognizedClientException" in said
    # The project is not there, which is told to those alone who know the secret.
    assert "ResourceNotFoundException" in as_nobody(lambda: start_build(real.endpoint, real.key))


def test_the_secret_is_never_written_into_a_file_that_was_there(tmp_path):
    waiting = tmp_path / "instance.json.new"
    victim = tmp_path / "victim"
    victim.write_text("precious")
    waiting.symlink_to(victim)
    announce(str(tmp_path / "instance.json"), {"key": "secret"})
    assert victim.read_text() == "precious"
    assert (tmp_path / "instance.json").stat().st_mode & 0o777 == 0o600


def test_keys_that_this_aws_gives_out_are_known_and_no_others(real):
    session = boto3.Session(real.key, "emulator")
    sts = session.client("sts", "eu-west-1", endpoint_url=real.endpoint, config=CONFIG)
    arn = "arn:aws:iam::123456789012:role/some"
    given = sts.assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    others = [sts.assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]["AccessKeyId"] for _ in range(9)]
    assert len({key[4:8] for key in others}) > 1, "moto's begin alike"
    assumed = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    sts = assumed.client("sts", "eu-west-1", endpoint_url=real.endpoint, config=CONFIG)
    assert sts.get_caller_identity()["Arn"].endswith("assumed-role/some/me")
    sts = boto3.Session("test", "test").client("sts", "eu-west-1", endpoint_url=real.endpoint, config=CONFIG)
    with pytest.raises(ClientError, match="InvalidClientTokenId.*emulator status --env"):
        sts.get_caller_identity()


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


def test_a_build_sees_no_credentials_but_the_emulators_own(aws, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-key")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "canary-token")
    monkeypatch.setenv("GITHUB_TOKEN", "canary-git")
    status, log = build(aws, "env", 'test "$HOME" = "$PWD"')
    key = next(line for line in log.splitlines() if line.startswith("AWS_ACCESS_KEY_ID=")).partition("=")[2]
    assert status == "SUCCEEDED" and key.startswith("PLATCTL") and "canary" not in log
    # It is one of its own, with which nobody can do anything once the build has ended.
    assert key != GUARD.key and not GUARD.knows(key)


def test_a_build_may_take_so_much(aws):
    status, log = build(aws, "ulimit -t", "ulimit -f", "ulimit -v", "ulimit -c")
    limits = [line for line in log.splitlines() if not line.startswith("Running")]
    assert status == "SUCCEEDED" and "unlimited" not in limits and limits[-1] == "0", log


def test_a_build_that_takes_too_long(aws, monkeypatch):
    monkeypatch.setattr(builds, "LONGEST", 0)
    assert build(aws, "exec sleep 100")[0] == "TIMED_OUT"


def test_a_build_that_is_stopped(aws):
    assert build(aws, "exec sleep 100", stop=True)[0] == "STOPPED"


def objects(real):
    """An S3 client as boto3 makes it, with its own defaults, and a bucket."""
    session = boto3.Session(real.key, "emulator")
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
        "Authorization": f"AWS4-HMAC-SHA256 Credential={real.key}/20260101/eu-west-1/s3/aws4_request",
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


def git(folder, *words, **more):
    """What a command of Git prints, without the settings of whoever runs the tests."""
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", "-C", str(folder), "-c", "user.name=me", "-c", "user.email=me@example.com", *words]
    return subprocess.run(command, env=os.environ | quiet, capture_output=True, text=True, **more)


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no Git")
def test_what_is_committed_by_an_api_is_what_git_clones_and_the_other_way_round(real, tmp_path):
    name = "acme/prod-gitops"
    for value, level in (("glpat-one", 40), ("glpat-two", 30)):
        real.control("POST hosts", {"token": {"value": value, "repositories": [name], "role": level}})
    real.control("POST hosts", {"commit": {"repository": name, "files": {"a/ü.md": "first\n", "b": "1"}}})
    real.control("POST hosts", {"commit": {"repository": name, "files": {"b": None, "c d": "2"}}})
    key = f"http.extraHeader=X-Platctl-Key: {real.key}"
    place = real.endpoint.removeprefix("http://") + f"/_platctl/hosts/gitlab.com/{name}.git"

    def clone(token, folder):
        return git(tmp_path, "-c", key, "clone", f"http://argo:{token}@{place}", folder)

    assert clone("glpat-one", "mine").returncode == 0
    mine = tmp_path / "mine"
    found = {path.relative_to(mine).as_posix() for path in mine.rglob("*") if path.is_file()}
    assert {path for path in found if not path.startswith(".git/")} == {"a/ü.md", "c d"}
    assert (mine / "a/ü.md").read_text() == "first\n"
    assert git(mine, "rev-list", "--count", "HEAD").stdout.strip() == "2"
    (mine / "values.yaml").write_text("tag: develop-1234567\n")
    git(mine, "add", "--all", check=True)
    git(mine, "commit", "--message", "build: a new image", check=True)
    pushed = git(mine, "-c", key, "push")
    assert pushed.returncode == 0, pushed.stderr
    seen = real.control(f"GET hosts?repository={name}")
    assert seen["files"] == {"a/ü.md": "first\n", "c d": "2", "values.yaml": "tag: develop-1234567\n"}
    assert seen["commits"][0] == "build: a new image"
    # Who may only read, and who may not even do that.
    assert clone("glpat-two", "theirs").returncode == 0
    git(tmp_path / "theirs", "commit", "--allow-empty", "--message", "x", check=True)
    assert "403" in git(tmp_path / "theirs", "-c", key, "push").stderr
    assert clone("wrong", "nobodys").returncode != 0
