"""Answers in the words of each protocol."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.core.serialize import get_serializer_class

from . import cbor

if TYPE_CHECKING:
    from .calls import Call

# Status, headers and body.
Answer = tuple[int, dict[str, str], bytes]


class Refused(Exception):
    """AWS would answer with this error."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def result(call: Call, value: Any) -> Answer:
    """A successful answer."""
    return _cbor(200, value) if call.protocol == "rpc-v2-cbor" else _serialized(call, value)


def not_implemented(what: str) -> Refused:
    """For what the local AWS has no simulation of."""
    return Refused("NotImplemented", f"The local AWS does not know {what}.")


def error(call: Call, refused: Refused) -> Any:
    """An error."""
    if call.protocol == "rpc-v2-cbor":
        return _cbor(refused.status, {"__type": refused.code, "message": refused.message})
    # moto finds the service's error models by the module that its exception comes from.
    kind = type("Refusal", (ServiceException,), {"__module__": f"moto.{call.backend}.exceptions"})
    status, headers, body = _serialized(call, kind(refused.code, refused.message))
    return refused.status or status, headers, body


def _cbor(status: int, value: Any) -> Any:
    headers = {
        "x-amzn-requestid": str(uuid.uuid4()),
        "smithy-protocol": "rpc-v2-cbor",
        "Content-Type": "application/cbor",
    }
    return status, headers, cbor.encode(value)


def _serialized(call: Call, value: Any) -> Any:
    model = call.model
    known = call.operation in model.operation_names
    operation = model.operation_model(call.operation if known else model.operation_names[0])
    serializer = get_serializer_class(model.service_name, call.protocol)
    answer = serializer(operation_model=operation).serialize(value)
    body = answer["body"]
    headers = {"x-amzn-requestid": str(uuid.uuid4()), **answer["headers"]}
    return answer["status_code"], headers, body.encode() if isinstance(body, str) else body


def speaks_xml(environ: dict[str, Any], service: str) -> bool:
    """Whether a client of a service reads XML, as far as its headers tell."""
    forms = "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", "")
    return forms or service in ("s3", "ec2", "cloudfront", "route53")


# What errors of S3 and EC2 stand in, and those of all other services that speak XML.
FORMS = {"s3": "<Error>{}</Error>", "ec2": "<Response><Errors><Error>{}</Error></Errors></Response>"}
FORM = "<ErrorResponse><Error>{}</Error></ErrorResponse>"


def bare(environ: dict[str, Any], service: str, refused: Refused) -> Answer:
    """An error for a request of which nothing but the headers was read."""
    code, message = refused.code, refused.message
    if speaks_xml(environ, service):
        body = FORMS.get(service, FORM).format(f"<Code>{code}</Code><Message>{message}</Message>")
        return refused.status, {"Content-Type": "text/xml"}, body.encode()
    said = {"__type": code, "message": message}
    if "HTTP_SMITHY_PROTOCOL" in environ:
        headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return refused.status, headers, cbor.encode(said)
    return refused.status, {"Content-Type": "application/json", "x-amzn-errortype": code}, json.dumps(said).encode()
