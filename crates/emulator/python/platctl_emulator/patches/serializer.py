"""Serialisation: what takes most of moto's time, done once for each name instead of for each value."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from moto.core import serialize

from .wrap import around

_keys = {}


def apply(_profile: Any) -> None:
    """Changes the way to an attribute's possible names, and the writing of XML."""

    @around(serialize.XFormedAttributePicker, "get_possible_keys")
    def possible_keys(old: Callable[..., Any], self: Any, context: Any) -> Any:
        # A model's shapes are made once.
        name = (type(context.obj), context.key, context.shape)
        if name not in _keys:
            _keys[name] = tuple(old(self, context))
        return _keys[name]

    serialize.xmltodict = SimpleNamespace(unparse=unparse)


def unparse(content: Any, full_document: bool = True, **_: Any) -> str:
    """XML of nested dictionaries: `@name` is an attribute, `#text` the text, a list a repeated element."""
    parts = ['<?xml version="1.0" encoding="utf-8"?>\n'] if full_document else []
    for name, value in content.items():
        _element(parts, name, value)
    return "".join(parts)


def _element(parts: Any, name: str, value: Any) -> None:
    if isinstance(value, (list, tuple)):
        for item in value:
            _element(parts, name, item)
        return
    if not isinstance(value, dict):
        text = _text(value)
        parts.append(f"<{name}>{text}</{name}>" if text else f"<{name}/>")
        return
    attributes, inner = "", []
    for key, item in value.items():
        if key.startswith("@"):
            attributes += _attribute(key[1:], item)
        elif key == "#text":
            inner.append(_text(item))
        else:
            _element(inner, key, item)
    body = "".join(inner)
    parts.append(f"<{name}{attributes}>{body}</{name}>" if body else f"<{name}{attributes}/>")


def _attribute(name: str, value: Any) -> str:
    # A namespace may come as a map of prefixes.
    if isinstance(value, dict):
        return "".join(_attribute(f"xmlns:{key}" if key else "xmlns", item) for key, item in value.items())
    return f" {name}={quoteattr(str(value))}"


def _text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))
