"""The local AWS in this process: boto3's requests go into its application without a network, by a clock that only
tests move."""

import io
import json
from contextlib import contextmanager
from functools import cache
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from platctl_emulator import app as application
from platctl_emulator import faults, hostile, throttle, timeline, unseen
from platctl_emulator.guard import GUARD

# One for all: models take long to read. moto reads its own, because boto3 changes those that it has.
GUARD.open(9)
SESSION = boto3.Session(GUARD.key, "emulator")
ENDPOINT = "http://127.0.0.1:9"
CONFIG = Config(
    retries={"total_max_attempts": 1},
    s3={"addressing_style": "path"},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)

# Codes of AWS's common errors, which no model lists at its operations.
COMMON = {
    "IdempotentParameterMismatch",
    "InternalError",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "InvalidSignatureException",
    "NotImplemented",
    "SignatureDoesNotMatch",
    "Throttling",
    "ThrottlingException",
    "ValidationError",
    "ValidationException",
}
# Codes that AWS answers though its model does not list them there: by the operation, with what says so.
BEYOND_THE_MODEL = {
    # terraform-aws-modules/terraform-aws-eks, pull request 866; eksctl-io/eksctl, issue 2591.
    ("eks", "CreateFargateProfile"): {"ResourceInUseException"},
    ("eks", "DeleteFargateProfile"): {"ResourceInUseException"},
    # What hashicorp/terraform-provider-aws waits for while a certificate is new.
    ("elbv2", "CreateListener"): {"UnsupportedCertificate"},
    ("elbv2", "ModifyListener"): {"UnsupportedCertificate"},
    # The list of error codes in S3's API reference.
    ("s3", "CreateBucket"): {"TooManyBuckets"},
    ("s3", "PutObject"): {"BadDigest"},
    # SQS keeps the codes of its older protocol, in the header x-amzn-query-error, which the SDKs read.
    ("sqs", "CreateQueue"): {"AWS.SimpleQueueService.QueueDeletedRecently", "QueueAlreadyExists"},
    ("sqs", "GetQueueAttributes"): {"AWS.SimpleQueueService.NonExistentQueue"},
    ("sqs", "GetQueueUrl"): {"AWS.SimpleQueueService.NonExistentQueue"},
}


class Clock:
    """Stands in for the module `time`."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def monotonic(self):
        """Moves by `pass_by` and `sleep` alone."""
        return self.now

    time = monotonic

    def sleep(self, seconds):
        """Takes no time, and is remembered."""
        self.slept.append(seconds)
        self.now += seconds


class Socket:
    """A client's connection."""

    broken = False

    def shutdown(self, _how):
        """The emulator breaks a connection so."""
        self.broken = True


class Raw(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_):
        """All of it."""
        yield self.read()


class Aws:
    """An AWS and its clients."""

    def __init__(self):
        self.clock = Clock()
        for module in (application, faults, hostile, throttle, timeline, unseen):
            module.time = self.clock
        self.app = application.App()
        self._clients = {}
        self._last = None

    def __getattr__(self, service):
        return self.client(service)

    def client(self, service, region="eu-west-1"):
        """A client, made once."""
        service = {"autoscaling": "application-autoscaling"}.get(service, service)
        key = (service, region)
        if key not in self._clients:
            client = SESSION.client(service, region, endpoint_url=ENDPOINT, config=CONFIG)
            client.meta.events.register("before-send", self._send)
            client.meta.events.register("before-call", lambda model, **_: self._note(service, model))
            self._clients[key] = client
        return self._clients[key]

    def _note(self, service, model):
        self._last = (service, model)

    def _send(self, request, **_):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else body.read()
        headers = {
            name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
        }
        status, sent, text, peer = self.raw(request.method, request.url, headers, body)
        if peer.broken:
            raise ConnectionClosedError(endpoint_url=request.url)
        return AWSResponse(request.url, status, sent, Raw(text))

    def raw(self, method, url, headers=None, body=b""):
        """One request, as the server hands it over: status, headers, body, and the connection."""
        parts = urlsplit(url)
        peer, said = Socket(), {}
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote(parts.path) or "/",
            "QUERY_STRING": parts.query,
            "REQUEST_URI": (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "9",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
            "platctl.socket": peer,
        }
        for name, value in {"Host": parts.netloc, **(headers or {})}.items():
            name = name.upper().replace("-", "_")
            environ[name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"] = value
        chunks = self.app(environ, lambda status, headers: said.update(status=int(status.split()[0]), headers=headers))
        return said["status"], dict(said["headers"]), b"".join(chunks), peer

    def control(self, request, body=None):
        """A control request, such as `POST profile`; its answer."""
        method, _, path = request.partition(" ")
        headers = {"X-Platctl-Key": GUARD.key}
        status, _, text, _ = self.raw(method, f"{ENDPOINT}/_platctl/{path}", headers, json.dumps(body or {}).encode())
        answer = json.loads(text)
        if status != 200:
            raise ValueError(answer["error"])
        return answer

    def profile(self, **changes):
        """Changes settings."""
        return self.control("POST profile", changes)

    def slow(self):
        """From now on things take as long as on AWS, by this test's clock."""
        self.profile(time_scale=1)

    def pass_by(self, seconds):
        """So much time passes."""
        self.clock.now += seconds

    def forgive(self):
        """Forgets the calls so far: they were meant to be against AWS's models."""
        self.control("POST counters")

    def reset(self):
        """A new AWS."""
        self.app.reset()
        self.clock.slept.clear()

    @contextmanager
    def refused(self, code, words=""):
        """What is called within is refused with this code, which AWS's own model has to know at that operation."""
        with pytest.raises(ClientError) as caught:
            yield caught
        said = caught.value.response["Error"]
        assert said["Code"] == code, caught.value
        assert words in said["Message"]
        service, model = self._last
        known = known_codes(service, model.name)
        allowed = COMMON | BEYOND_THE_MODEL.get((service, model.name), set())
        assert not known or code in known | allowed, (
            f"AWS's model of {service}:{model.name} has no {code}: {sorted(known)}"
        )


@cache
def service_model(service):
    """botocore's model of a service."""
    return SESSION._session.get_service_model(service)


@cache
def known_codes(service, operation):
    """The error codes that AWS's model lists at an operation; none of services that list none."""
    return {shape.error_code for shape in service_model(service).operation_model(operation).error_shapes}
