"""Whether a request keeps to AWS's own model of its operation: required members, types, enums, lengths, patterns."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calls import Call


TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "structure": dict,
    "map": dict,
    "list": (list, tuple),
    "timestamp": (datetime, str, int, float),
    "blob": (bytes, str),
}

# Classes of characters that Python's expressions do not know.
CLASSES = {
    r"\p{L}": "A-Za-z\u00aa-\uffff",
    r"\p{M}": "\u0300-\u036f",
    r"\p{Z}": r"\s",
    r"\p{N}": "0-9",
    r"\p{S}": "$+<=>^`|~",
    r"\p{P}": "!-#%-*,-/:;?@\\[-\\]_{}",
    r"\p{Alnum}": "A-Za-z0-9",
    r"\p{Digit}": "0-9",
    r"\p{IsLetter}": "A-Za-z",
    r"\p{ASCII}": "\\x00-\\x7f",
    r"\p{Print}": "\\x20-\\x7e",
    r"\p{Graph}": "\\x21-\\x7e",
    r"\p{LD}": "A-Za-z0-9\u00aa-\uffff",
}


def violations(call: Call) -> Any:
    """What is wrong with a request, in words; nothing when it is valid."""
    if call.operation not in call.model.operation_names:
        return [f"{call.name} is no operation of the service"]
    shape = call.model.operation_model(call.operation).input_shape
    found = []
    if shape is not None:
        _walk(shape, call.params or {}, "", found)
    return found


def _walk(shape: Any, value: Any, path: str, found: Any) -> None:
    kind = TYPES.get(shape.type_name)
    if kind and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        found.append(f"{path or '/'} is {type(value).__name__}, not {shape.type_name}")
        return
    if shape.type_name == "structure":
        _structure(shape, value, path, found)
    elif shape.type_name == "list":
        _sized(shape, len(value), path, found)
        for number, item in enumerate(value):
            _walk(shape.member, item, f"{path}/{number}", found)
    elif shape.type_name == "map":
        _sized(shape, len(value), path, found)
        for key, item in value.items():
            _walk(shape.key, key, f"{path}/{key}(key)", found)
            _walk(shape.value, item, f"{path}/{key}", found)
    elif shape.type_name == "string":
        _text(shape, value, path, found)
    elif shape.type_name in ("integer", "long", "float", "double"):
        _sized(shape, value, path, found)


def _structure(shape: Any, value: Any, path: str, found: Any) -> None:
    for name in shape.required_members:
        if value.get(name) is None:
            found.append(f"{path}/{name} is missing")
    for name, item in value.items():
        member = shape.members.get(name)
        if member is None:
            found.append(f"{path}/{name} is unknown")
        elif item is not None:
            _walk(member, item, f"{path}/{name}", found)


def _sized(shape: Any, size: Any, path: str, found: Any) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < float(low)) or (high is not None and size > float(high)):
        found.append(f"{path} is {size}, not from {low} to {high}")


def _text(shape: Any, value: Any, path: str, found: Any) -> None:
    _sized(shape, len(value), path, found)
    if shape.enum and value not in shape.enum:
        found.append(f"{path} is {value!r}, none of {', '.join(shape.enum[:12])}")
    pattern = expression(shape.metadata.get("pattern") or "")
    if pattern and not pattern.search(value):
        found.append(f"{path} is {value[:80]!r}, which is not like {shape.metadata['pattern']}")


@cache
def expression(text: str) -> Any:
    """A model's pattern for Python; nothing when it cannot be said there."""
    for unknown, known in CLASSES.items():
        # Within brackets a class stands for its characters; alone it needs brackets of its own.
        text = re.sub(rf"(?<![\\[\w\-. ]){re.escape(unknown)}(?=[+*?{{]|$)", lambda _, known=known: f"[{known}]", text)
        text = text.replace(unknown, known)
    try:
        return re.compile(text) if text else None
    except re.error:
        return None
