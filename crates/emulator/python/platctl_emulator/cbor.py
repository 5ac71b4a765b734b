"""RFC 8949, as much of it as AWS's CBOR protocol uses."""

from __future__ import annotations

import struct
from datetime import datetime, timezone
from typing import Any


def encode(value: Any) -> Any:
    """A value as bytes."""
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, datetime):
        return b"\xc1" + encode(value.replace(tzinfo=value.tzinfo or timezone.utc).timestamp())
    if isinstance(value, (bytes, bytearray)):
        return _head(2, len(value)) + bytes(value)
    if isinstance(value, str):
        text = value.encode()
        return _head(3, len(text)) + text
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join(encode(item) for item in value)
    if isinstance(value, dict):
        items = [(key, item) for key, item in value.items() if item is not None]
        return _head(5, len(items)) + b"".join(encode(key) + encode(item) for key, item in items)
    raise TypeError(f"CBOR has no {type(value).__name__}")


def _head(major: Any, number: int) -> Any:
    if number < 24:
        return bytes([major << 5 | number])
    for size, (code, form) in {1: (24, ">B"), 2: (25, ">H"), 4: (26, ">I"), 8: (27, ">Q")}.items():
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + struct.pack(form, number)
    raise ValueError("the number is too large")


def decode(data: bytes) -> Any:
    """The value of some bytes; an empty map of none."""
    return _value(memoryview(data), 0)[0] if data else {}


def _value(data: Any, at: Any) -> Any:
    major, low = data[at] >> 5, data[at] & 31
    if major == 7:
        return _simple(data, at, low)
    if low == 31:
        return _endless(data, at + 1, major)
    number, at = _number(data, at, low)
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        raw = bytes(data[at : at + number])
        return (raw if major == 2 else raw.decode()), at + number
    if major == 4:
        return _items(data, at, number)
    if major == 5:
        flat, at = _items(data, at, 2 * number)
        return dict(zip(flat[::2], flat[1::2], strict=False)), at
    return _value(data, at)


def _number(data: Any, at: Any, low: Any) -> Any:
    if low < 24:
        return low, at + 1
    size = 1 << low - 24
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size


def _items(data: Any, at: Any, count: int) -> Any:
    items = []
    for _ in range(count):
        item, at = _value(data, at)
        items.append(item)
    return items, at


def _endless(data: Any, at: Any, major: Any) -> Any:
    items = []
    while data[at] != 0xFF:
        item, at = _value(data, at)
        items.append(item)
    at += 1
    if major == 2:
        return b"".join(items), at
    if major == 3:
        return "".join(items), at
    return (items if major == 4 else dict(zip(items[::2], items[1::2], strict=False))), at


def _simple(data: Any, at: Any, low: Any) -> Any:
    if low in (20, 21):
        return low == 21, at + 1
    if low in (25, 26, 27):
        size = {25: 2, 26: 4, 27: 8}[low]
        form = {25: ">e", 26: ">f", 27: ">d"}[low]
        return struct.unpack(form, bytes(data[at + 1 : at + 1 + size]))[0], at + 1 + size
    return None, at + 1
