"""The kinds as platctl itself states them: what `platctl kinds --json` prints."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Schema = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Field:
    """A field of a spec, or a field inside of one: `origins.domain_name`."""

    path: str
    schema: Schema
    about: str
    required: bool

    def values(self) -> set[str]:
        """The values that it takes as its type says; none where it takes any."""
        return {part["const"] for part in parts(self.schema) if "const" in part} | {
            value for part in parts(self.schema) for value in part.get("enum", [])
        }

    def documented(self) -> set[str]:
        """The values that its type or its documentation names."""
        return self.values() | set(re.findall(r"`([^`\s]+)`", self.about))


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind."""

    name: str
    fields: tuple[Field, ...]
    replaces: frozenset[str]
    write_only: frozenset[str]
    create_only: frozenset[str]
    permissions: dict[str, list[str]]
    example: dict[str, Any]

    def actions(self) -> set[str]:
        """Every permission that it states, for whatever it is needed."""
        return {action for actions in self.permissions.values() for action in actions}

    def names(self) -> set[str]:
        """The words in its documentation that are no values: names of its fields and of kinds."""
        return {name for field in self.fields for name in field.path.split(".")} | {kind.name for kind in kinds()}


def parts(schema: Schema) -> Iterator[Schema]:
    """The schema and its alternatives, without those that stand for a reference to another resource or for null."""
    if schema.get("type") == "null" or "pattern" in schema:
        return
    yield schema
    for word in ("anyOf", "oneOf"):
        for alternative in schema.get(word, []):
            yield from parts(alternative)


def fields_of(schema: Schema, prefix: str = "") -> Iterator[Field]:
    """The fields of a schema, and those inside of them, of the items of its lists and of the values of its maps."""
    seen: set[str] = set()
    for part in parts(schema):
        for name, inner in part.get("properties", {}).items():
            path = prefix + name
            if path in seen:
                continue
            seen.add(path)
            about = inner.get("description") or next((p["description"] for p in parts(inner) if "description" in p), "")
            required = name in part.get("required", []) and "default" not in inner
            yield Field(path, inner, about, required)
            yield from fields_of(inner, path + ".")
        for word in ("items", "additionalProperties"):
            if isinstance(inner := part.get(word), dict):
                yield from fields_of(inner, prefix)


def binary() -> Path:
    """The platctl to ask, which has to be built."""
    if stated := os.environ.get("PLATCTL_BIN"):
        return Path(stated)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "platctl"


def paths(pointers: list[str]) -> frozenset[str]:
    return frozenset(pointer.lstrip("/").replace("/", ".") for pointer in pointers)


@cache
def kinds() -> tuple[Kind, ...]:
    """All kinds."""
    command = [str(binary()), "kinds", "--json"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout
    lines = [json.loads(line) for line in printed.splitlines()]
    return tuple(
        Kind(
            name=line["kind"],
            fields=tuple(fields_of(line["spec"])),
            replaces=paths(line["replaces"]),
            write_only=paths(line["write_only"]),
            create_only=paths(line["create_only"]),
            permissions=line["permissions"],
            example=line["example"],
        )
        for line in lines
        if line["type"] == "kind"
    )
