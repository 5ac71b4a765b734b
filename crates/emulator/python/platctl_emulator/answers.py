"""Answers in the words of each protocol."""

import uuid

from moto.core.exceptions import ServiceException
from moto.core.serialize import get_serializer_class

from . import cbor


class Refused(Exception):
    """AWS would answer with this error."""

    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def result(call, value):
    """A successful answer."""
    return _cbor(200, value) if call.protocol == "rpc-v2-cbor" else _serialized(call, value)


def error(call, refused):
    """An error."""
    if call.protocol == "rpc-v2-cbor":
        return _cbor(refused.status, {"__type": refused.code, "message": refused.message})
    # moto finds the service's error models by the module that its exception comes from.
    kind = type("Refusal", (ServiceException,), {"__module__": f"moto.{call.backend}.exceptions"})
    status, headers, body = _serialized(call, kind(refused.code, refused.message))
    return refused.status or status, headers, body


def _cbor(status, value):
    headers = {
        "x-amzn-requestid": str(uuid.uuid4()),
        "smithy-protocol": "rpc-v2-cbor",
        "Content-Type": "application/cbor",
    }
    return status, headers, cbor.encode(value)


def _serialized(call, value):
    model = call.model
    known = call.operation in model.operation_names
    operation = model.operation_model(call.operation if known else model.operation_names[0])
    serializer = get_serializer_class(model.service_name, call.protocol)
    answer = serializer(operation_model=operation).serialize(value)
    body = answer["body"]
    headers = {"x-amzn-requestid": str(uuid.uuid4()), **answer["headers"]}
    return answer["status_code"], headers, body.encode() if isinstance(body, str) else body
