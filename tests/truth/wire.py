"""Requests and answers as AWS's protocols write them, read with botocore's models: whether a member is there, what is
inside of it, and, of an answer, how it is added.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, Protocol
from urllib.parse import parse_qs, parse_qsl, urlsplit
from xml.etree import ElementTree

from botocore_models import Service, Shape, service
from kinds import ROOT

CBOR = "rpc-v2-cbor"
SIGNED = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/aws4_request")
# Services by the name that requests are signed for, where it is not the name of the model.
SIGNING = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2", "autoscaling": "application-autoscaling"}


def _loaded(name: str) -> Any:
    """A module of the emulator, which is no package here."""
    spec = spec_from_file_location(name, ROOT / "crates" / "emulator" / "python" / "platctl_emulator" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise LookupError(f"the emulator has no {name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cbor = _loaded("cbor")


class Document(Protocol):
    """A part of a request or answer whose shape is a structure."""

    def has(self, name: str, ref: Shape) -> bool:
        """Whether the member is there."""

    def text(self, name: str, ref: Shape) -> str:
        """The value of a member that is no structure, list or map."""

    def inside(self, name: str, ref: Shape, model: Service) -> list[Document]:
        """The structures in a member: itself, the items of a list, or the values of a map."""

    def put(self, name: str, ref: Shape, model: Service, value: Any) -> None:
        """Adds a member."""


def is_structure(model: Service, shape: str) -> bool:
    """Whether it is a structure, or holds some."""
    return structure(model, shape) is not None


def structure(model: Service, shape: str) -> str | None:
    """The structure that a shape is, or that its items or values are."""
    found = model.shape(shape)
    while found["type"] in ("list", "map"):
        shape = (found.get("member") or found["value"])["shape"]
        found = model.shape(shape)
    return shape if found["type"] == "structure" else None


class Json:
    """An object of JSON or CBOR."""

    def __init__(self, node: dict[str, Any]) -> None:
        self.node = node

    def has(self, name: str, ref: Shape) -> bool:
        return self.node.get(ref.get("locationName", name)) is not None

    def text(self, name: str, ref: Shape) -> str:
        return as_text(self.node[ref.get("locationName", name)])

    def inside(self, name: str, ref: Shape, model: Service) -> list[Document]:
        return [Json(node) for node in self._objects(self.node[ref.get("locationName", name)], ref["shape"], model)]

    def _objects(self, value: Any, shape: str, model: Service) -> Iterator[dict[str, Any]]:
        found = model.shape(shape)
        if found["type"] == "structure":
            yield value
        elif found["type"] in ("list", "map"):
            inner = (found.get("member") or found["value"])["shape"]
            for item in value if isinstance(value, list) else value.values():
                yield from self._objects(item, inner, model)

    def put(self, name: str, ref: Shape, model: Service, value: Any) -> None:
        self.node[ref.get("locationName", name)] = self._written(ref["shape"], model, value)

    def _written(self, shape: str, model: Service, value: Any) -> Any:
        found = model.shape(shape)
        if found["type"] == "structure":
            own = Json({})
            for member, inner in value.items():
                own.put(member, found["members"][member], model, inner)
            return own.node
        if found["type"] == "list":
            return [self._written(found["member"]["shape"], model, item) for item in value]
        if found["type"] == "map":
            return {key: self._written(found["value"]["shape"], model, inner) for key, inner in value.items()}
        return value


class Xml:
    """An element of XML."""

    def __init__(self, node: ElementTree.Element) -> None:
        self.node = node

    def _named(self, name: str) -> list[ElementTree.Element]:
        return [child for child in self.node if child.tag.rpartition("}")[2] == name]

    def _members(self, name: str, ref: Shape, model: Service | None) -> list[ElementTree.Element]:
        names = {ref.get("locationName", name)}
        if model and model.shape(ref["shape"]).get("flattened"):
            item = model.shape(ref["shape"]).get("member", {})
            names = {item.get("locationName", *names)}
        return [child for one in names for child in self._named(one)]

    def has(self, name: str, ref: Shape) -> bool:
        return bool(self._named(ref.get("locationName", name)))

    def text(self, name: str, ref: Shape) -> str:
        return self._named(ref.get("locationName", name))[0].text or ""

    def inside(self, name: str, ref: Shape, model: Service) -> list[Document]:
        found, nodes = model.shape(ref["shape"]), self._members(name, ref, model)
        if found["type"] == "structure":
            return [Xml(node) for node in nodes]
        if not found.get("flattened"):
            nodes = [item for node in nodes for item in node]
        if found["type"] == "map":
            values = found["value"].get("locationName", "value")
            nodes = [inner for node in nodes for inner in node if inner.tag.rpartition("}")[2] == values]
        return [Xml(node) for node in nodes]

    def put(self, name: str, ref: Shape, model: Service, value: Any) -> None:
        self._add(ref.get("locationName", name), ref["shape"], model, value)

    def _add(self, name: str, shape: str, model: Service, value: Any) -> None:
        found = model.shape(shape)
        space = re.match(r"\{.*\}", self.node.tag)
        if found["type"] == "list" and found.get("flattened"):
            for item in value:
                self._add(found["member"].get("locationName", name), found["member"]["shape"], model, item)
            return
        child = Xml(ElementTree.SubElement(self.node, (space[0] if space else "") + name))
        if found["type"] == "structure":
            for member, inner in value.items():
                child.put(member, found["members"][member], model, inner)
        elif found["type"] == "list":
            for item in value:
                child._add(found["member"].get("locationName", "member"), found["member"]["shape"], model, item)
        elif found["type"] == "map":
            for key, inner in value.items():
                entry = child if found.get("flattened") else Xml(ElementTree.SubElement(child.node, "entry"))
                entry._add(found["key"].get("locationName", "key"), found["key"]["shape"], model, key)
                entry._add(found["value"].get("locationName", "value"), found["value"]["shape"], model, inner)
        elif found["type"] == "timestamp":
            child.node.text = datetime.fromtimestamp(value, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        else:
            child.node.text = as_text(value)


class Form:
    """The parameters of a form whose names begin in the same way."""

    def __init__(self, values: dict[str, str], prefix: str, ec2: bool) -> None:
        self.values, self.prefix, self.ec2 = values, prefix, ec2

    def _name(self, name: str, ref: Shape) -> str:
        own: str = ref.get("locationName", name)
        if self.ec2:
            own = ref.get("queryName") or own[0].upper() + own[1:]
        return self.prefix + own

    def has(self, name: str, ref: Shape) -> bool:
        own = self._name(name, ref)
        return any(key == own or key.startswith(own + ".") for key in self.values)

    def text(self, name: str, ref: Shape) -> str:
        return self.values[self._name(name, ref)]

    def inside(self, name: str, ref: Shape, model: Service) -> list[Document]:
        own = self._name(name, ref)
        if model.shape(ref["shape"])["type"] == "structure":
            return [Form(self.values, own + ".", self.ec2)]
        items = re.compile(re.escape(own) + r"\.(?:[A-Za-z]\w*\.)?\d+\.")
        prefixes = {found[0]: None for key in self.values if (found := items.match(key))}
        return [Form(self.values, prefix, self.ec2) for prefix in prefixes]

    def put(self, name: str, ref: Shape, model: Service, value: Any) -> None:
        raise TypeError("nothing is added to a request")


class Headers:
    """A document some of whose members are headers."""

    def __init__(self, body: Document, headers: dict[str, str]) -> None:
        self.body, self.headers = body, headers

    def _header(self, ref: Shape) -> str | None:
        return ref["locationName"].lower() if ref.get("location") == "header" else None

    def has(self, name: str, ref: Shape) -> bool:
        if "location" in ref:
            return self._header(ref) in self.headers
        return self.body.has(name, ref)

    def text(self, name: str, ref: Shape) -> str:
        header = self._header(ref)
        return self.headers[header] if header else self.body.text(name, ref)

    def inside(self, name: str, ref: Shape, model: Service) -> list[Document]:
        return self.body.inside(name, ref, model)

    def put(self, name: str, ref: Shape, model: Service, value: Any) -> None:
        header = self._header(ref)
        if header:
            self.headers[header] = as_text(value)
        elif "location" not in ref:
            self.body.put(name, ref, model, value)


class Payload:
    """A document whose only member is the body itself."""

    def __init__(self, member: str, body: Document) -> None:
        self.member, self.body = member, body

    def has(self, name: str, ref: Shape) -> bool:
        return name == self.member

    def text(self, name: str, ref: Shape) -> str:
        return ""

    def inside(self, name: str, ref: Shape, model: Service) -> list[Document]:
        return [self.body] if name == self.member else []

    def put(self, name: str, ref: Shape, model: Service, value: Any) -> None:
        """What stands beside the body cannot be added to it."""


def dated(model: Service, shape: str, value: Any) -> Any:
    """The value with its timestamps as such: CBOR has a type for them, and its reader takes them for numbers."""
    found = model.shape(shape)
    if found["type"] == "structure":
        members = found["members"]
        return {name: dated(model, members[name]["shape"], inner) for name, inner in value.items() if name in members}
    if found["type"] == "list":
        return [dated(model, found["member"]["shape"], item) for item in value]
    return datetime.fromtimestamp(value, timezone.utc) if found["type"] == "timestamp" else value


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


class Message:
    """A request, or the answer to one, with the operation that it is for."""

    def __init__(self, model: Service, operation: str, protocol: str, headers: dict[str, str], body: bytes) -> None:
        self.model, self.operation, self.protocol, self.body = model, operation, protocol, body
        self.headers = {name.lower(): value for name, value in headers.items()}

    def _around(self, shape: str | None, body: Document) -> Document:
        """The body as a structure of a shape."""
        payload = self.model.shape(shape).get("payload") if shape else None
        return Headers(Payload(payload, body) if payload else body, self.headers)

    def asked(self) -> Document:
        """What the request asks for."""
        shape = self.model.input(self.operation)
        if self.protocol in ("query", "ec2"):
            values = dict(parse_qsl(self.body.decode(), keep_blank_values=True))
            return Form(values, "", self.protocol == "ec2")
        if self.protocol == CBOR:
            return Json(cbor.decode(self.body))
        if self.protocol == "rest-xml":
            # A body that is no XML is one text, such as a policy.
            is_xml = self.body.lstrip().startswith(b"<")
            root = ElementTree.fromstring(self.body) if is_xml else ElementTree.Element("text")
            return self._around(shape, Xml(root))
        return self._around(shape, Json(json.loads(self.body or b"{}")))

    def changed(self, body: bytes, headers: dict[str, str], change: Any) -> bytes:
        """The answer's body after a change of it; `change` gets it as a structure of the operation's output."""
        output = self.model.model["operations"][self.operation].get("output", {})
        answer = Message(self.model, self.operation, self.protocol, headers, body)
        if not output or not body:
            return body
        if self.protocol in (CBOR, "json", "rest-json"):
            node = cbor.decode(body) if self.protocol == CBOR else json.loads(body)
            change(answer._around(output["shape"], Json(node)))
            if self.protocol == CBOR:
                return bytes(cbor.encode(dated(self.model, output["shape"], node)))
            return json.dumps(node).encode()
        root = ElementTree.fromstring(body)
        wrapper = output.get("resultWrapper")
        inner = next((child for child in root if child.tag.rpartition("}")[2] == wrapper), root)
        change(answer._around(output["shape"], Xml(inner)))
        headers.update({name: value for name, value in answer.headers.items() if name.startswith("x-amz")})
        return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def read(method: str, url: str, headers: dict[str, str], body: bytes) -> Message | None:
    """The request that a client has sent; None if it is for no service that there is a model of."""
    headers = {name.lower(): value for name, value in headers.items()}
    signed = SIGNED.search(headers.get("authorization", ""))
    model = service(SIGNING.get(signed[1], signed[1])) if signed else None
    if model is None:
        return None
    path, query = urlsplit(url).path, dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    protocol = model.model["metadata"]["protocol"]
    if headers.get("smithy-protocol") == CBOR:
        return Message(model, path.rpartition("/")[2], CBOR, headers, body)
    if target := headers.get("x-amz-target"):
        return Message(model, target.rpartition(".")[2], "json", headers, body)
    if protocol in ("query", "ec2"):
        return Message(model, parse_qs(body.decode())["Action"][0], protocol, headers, body)
    operation = query.get("x-id") or routed(model, method, path, query)
    return Message(model, operation, protocol, headers, body) if operation else None


@cache
def routes(model: Service) -> list[tuple[str, re.Pattern[str], dict[str, str], str]]:
    """Methods, paths, what the query needs, and operations; the most particular first."""
    table = []
    for name, operation in model.model["operations"].items():
        if operation.get("deprecated"):
            continue
        path, _, query = operation["http"]["requestUri"].partition("?")
        pattern = re.sub(r"\\\{\w+\\\+\\\}", ".+", re.escape(path.rstrip("/")))
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
        wanted = dict(parse_qsl(query, keep_blank_values=True))
        table.append((operation["http"]["method"], re.compile(f"{pattern}/?$"), wanted, name))
    return sorted(table, key=lambda row: (-len(row[2]), row[1].pattern.count("+"), -len(row[1].pattern)))


def routed(model: Service, method: str, path: str, query: dict[str, str]) -> str | None:
    """The operation of a REST request."""
    for wanted, pattern, needed, name in routes(model):
        has = all(query.get(key) == value if value else key in query for key, value in needed.items())
        if method == wanted and pattern.match(path) and has:
            return name
    return None
