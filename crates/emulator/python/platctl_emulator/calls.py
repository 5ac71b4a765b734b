"""What an HTTP request asks for: service, region, operation, parameters. From botocore's own models."""

from __future__ import annotations

import json
import re
from functools import cache, cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.utils import get_service_model
from moto.iam.models import get_account_id_from

from . import cbor

# Signing names whose model has another name.
MODELS = {
    "monitoring": "cloudwatch",
    "elasticloadbalancing": "elbv2",
    "tagging": "resourcegroupstaggingapi",
    "states": "stepfunctions",
}
# Signing names whose host has another name.
HOSTS = {"ecr": "api.ecr"}

COPIES = ("CopyObject", "UploadPartCopy")

# A protocol that moto does not speak.
CBOR = "rpc-v2-cbor"
# Those whose requests are forms. An object of S3 may be one, too.
FORMS = ("ec2", "query")

READS = ("Describe", "Get", "List", "Search", "Head", "Lookup", "BatchGet", "Simulate", "Select", "Filter")
SIGNATURE = re.compile(r"Credential=([^/]+)/[^/]+/([^/]+)/([^/]+)/aws4_request")


class Unsigned(Exception):
    """The request carries no signature, so it is nobody's and for no service."""


def signature(environ: dict[str, Any]) -> Any:
    """The access key, the region and the service that a request is signed for."""
    found = SIGNATURE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not found:
        raise Unsigned
    return found.groups()


class Call:
    """One request to one operation."""

    def __init__(self, environ: dict[str, Any], profile: dict[str, Any]) -> None:
        self.key, self.region, self.service = signature(environ)
        self.profile = profile
        self.socket = environ.get("platctl.socket")
        self.request = self._request(environ)
        self.operation = self._operation()
        self.mutating = not self.operation.startswith(READS)
        self.name = f"{self.service}:{self.operation}"

    def _request(self, environ: dict[str, Any]) -> Any:
        """The request as AWS's own host would get it."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        host = f"{HOSTS.get(self.service, self.service)}.{self.region}.amazonaws.com"
        environ["wsgi.url_scheme"] = "https"
        environ["HTTP_HOST"] = host
        environ["RAW_URI"] = environ.get("REQUEST_URI") or environ["PATH_INFO"]
        environ["CONTENT_LENGTH"] = str(length)
        request = Request(environ)
        # Read while the connection is ours; handlers run later, one at a time.
        request.get_data(parse_form_data=False)
        return request

    @property
    def backend(self) -> Any:
        """The service's name among botocore's and moto's."""
        return MODELS.get(self.service, self.service)

    @property
    def model(self) -> Any:
        """botocore's model of the service."""
        return get_service_model(self.backend)

    def _operation(self) -> Any:
        if self.protocol == CBOR:
            return self.request.path.rpartition("/")[2]
        target = self.request.headers.get("X-Amz-Target")
        if target:
            return target.rpartition(".")[2]
        if self.protocol in FORMS:
            return self.request.values.get("Action", "")
        return routed(self.backend, self.request)

    @cached_property
    def protocol(self) -> Any:
        """The protocol that the client speaks."""
        if self.request.headers.get("smithy-protocol") == CBOR:
            return CBOR
        return determine_request_protocol(self.model, self.request.content_type)

    @cached_property
    def params(self) -> Any:
        """The parameters, named as in AWS's API reference."""
        if self.operation not in self.model.operation_names:
            return {}
        if self.protocol == CBOR:
            return cbor.decode(self.request.get_data())
        if self.protocol == "json":
            # moto takes what is no JSON for nothing.
            json.loads(self.request.get_data() or b"{}")
        parser = PROTOCOL_PARSERS[self.protocol](self.model.operation_model(self.operation))
        request = self.request
        return parser.parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.get_data(),
                "url_path": request.path,
                "url_params": path_params(self.backend, self.operation, request.raw_path),
            }
        )

    @property
    def account(self) -> Any:
        """The account whose credentials signed it."""
        return get_account_id_from(self.key)


@cache
def routes(service: str) -> Any:
    """The REST operations of a service: method, path, wanted query, name; the most particular first."""
    model = get_service_model(service)
    table = []
    for name in model.operation_names:
        # S3's old lifecycle and notification calls look like the ones that took their place.
        if model.operation_model(name).deprecated:
            continue
        http = model.operation_model(name).http
        path, _, query = http.get("requestUri", "/").partition("?")
        # A model's path may end with a slash that not every SDK sends.
        pattern = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", re.escape(path.rstrip("/")))
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern)
        # S3's parts of an upload look like whole objects, but for what they have to say in the query.
        wanted = dict.fromkeys(required_query(model.operation_model(name)), "")
        wanted |= dict(parse_qsl(query, keep_blank_values=True))
        table.append((http.get("method", "POST"), re.compile(f"{pattern}/?$"), wanted, name))
    table.sort(key=lambda row: (-len(row[2]), row[1].pattern.count("(?P<"), len(row[1].pattern)))
    return table


def required_query(operation: Any) -> list[str]:
    """The names of an operation's required parameters that are in the query."""
    shape = operation.input_shape
    members = [shape.members[name] for name in shape.required_members] if shape else []
    return [one.serialization["name"] for one in members if one.serialization.get("location") == "querystring"]


def routed(service: str, request: Any) -> Any:
    """The name of the REST operation that a request is for, or nothing."""
    query = dict(request.args)
    if "x-id" in query:
        return query["x-id"]
    copies = "x-amz-copy-source" in request.headers
    # A slash within a parameter, such as an ARN, is encoded.
    for method, path, wanted, name in routes(service):
        # What copies an object of S3 looks like what writes one, but for a header.
        if name in COPIES and not copies:
            continue
        if method == request.method and path.match(request.raw_path):
            if all(query.get(key) == value or (not value and key in query) for key, value in wanted.items()):
                return name
    return ""


@cache
def patterns(service: str) -> dict[str, Any]:
    """The pattern of each operation's path."""
    return {name: pattern for _, pattern, _, name in routes(service)}


def path_params(service: str, operation: Any, path: str) -> dict[str, Any]:
    """The parts of a path that are parameters."""
    pattern = patterns(service).get(operation)
    match = pattern and pattern.match(path)
    return {key: unquote(value) for key, value in match.groupdict().items()} if match else {}
