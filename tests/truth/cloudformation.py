"""CloudFormation's resource schemas, as the package cfn-lint has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import tomli

from deviations import Finding
from kinds import Field, Kind
from packages import folder, plain, read

Schema = dict[str, Any]
NAMES = tomli.loads(Path(__file__).with_name("names.toml").read_text())


@dataclass(frozen=True)
class Property:
    """A property of a type: its path, `ScalingConfig.MinSize`, and what the schema says of it."""

    path: str
    schemas: tuple[Schema, ...]
    required: tuple[bool, ...]  # Of every step of the path: whether what it is in requires it.

    def values(self) -> set[str]:
        """The values that it takes; none where it takes any."""
        return {
            str(value)
            for schema in self.schemas
            for word in ("enum", "enumCaseInsensitive")
            for value in schema.get(word, [])
        }


@dataclass(frozen=True)
class Type:
    """A resource type."""

    name: str
    schema: Schema

    def paths(self, word: str) -> set[str]:
        """The properties in one of the lists that a schema has beside its properties."""
        pointers = [pointer.removeprefix("/properties/") for pointer in self.schema.get(word, [])]
        return {pointer.replace("/*/", "/").replace("/properties/", "/").replace("/", ".") for pointer in pointers}

    def alternatives(self, schema: Schema) -> Iterator[Schema]:
        """The schema itself, what it refers to, its items and its alternatives."""
        yield schema
        if "$ref" in schema:
            yield from self.alternatives(self.schema["definitions"][schema["$ref"].rsplit("/", 1)[1]])
        if isinstance(schema.get("items"), dict):
            yield from self.alternatives(schema["items"])
        for word in ("anyOf", "oneOf", "allOf"):
            for alternative in schema.get(word, []):
                yield from self.alternatives(alternative)

    def property(self, path: str) -> Property | None:
        """The property at a path, in whatever spelling."""
        schemas, names, required = [self.schema], [], []
        for step in path.split("."):
            for schema in schemas:
                name = next((name for name in schema.get("properties", {}) if plain(name) == plain(step)), None)
                if name:
                    break
            else:
                return None
            found = [schema["properties"][name] for schema in schemas if name in schema.get("properties", {})]
            required.append(any(name in schema.get("required", []) for schema in schemas))
            schemas = [inner for schema in found for inner in self.alternatives(schema)]
            names.append(name)
        return Property(".".join(names), tuple(schemas), tuple(required))


@cache
def types() -> dict[str, str]:
    """The types of a region that has all services, by name without spelling, and the names of their files."""
    data = folder("cfnlint") / "data" / "schemas"
    return {plain(name.removeprefix("AWS::")): name for name in read(data / "providers" / "us-east-1.json")}


def type_of(kind: Kind) -> Type | None:
    """The type of a kind. None where CloudFormation has none."""
    service, name = kind.name.split(".")
    name = plain(NAMES["services"].get(service, service) + name)
    full = NAMES["kinds"].get(kind.name, {}).get("type") or types().get(name)
    if full is None:
        return None
    data = folder("cfnlint") / "data" / "schemas"
    file = read(data / "providers" / "us-east-1.json")[full]
    return Type(full, read(data / "resources" / f"{file}.json"))


def property_of(kind: Kind, type: Type, field: Field) -> Property | None:
    """The property that a field is: by the longest part of its path that has another name, else by its own name."""
    names = NAMES["kinds"].get(kind.name, {})
    steps = field.path.split(".")
    for length in range(len(steps), 0, -1):
        renamed = names.get("fields", {}).get(".".join(steps[:length]))
        if renamed:
            return type.property(".".join([renamed, *steps[length:]]))
    if "root" in names and (found := type.property(f"{names['root']}.{field.path}")):
        return found
    return type.property(field.path)


def pairs(kind: Kind, type: Type) -> list[tuple[Field, Property]]:
    """The fields that are properties too."""
    found = [(field, property_of(kind, type, field)) for field in kind.fields]
    return [(field, property) for field, property in found if property]


def is_in(path: str, paths: set[str]) -> bool:
    """Whether the path or something that it is inside of is among the paths."""
    return any(path == outer or path.startswith(outer + ".") for outer in paths)


def outermost(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings without those of fields inside of a field that is found, too."""
    found = list(findings)
    places = {finding.what for finding in found}
    return (finding for finding in found if not is_in(finding.what.rpartition(".")[0], places))


def unknown_fields(kind: Kind, type: Type) -> Iterator[Finding]:
    """Fields that no property is found for."""
    lost = [field for field in kind.fields if property_of(kind, type, field) is None]
    return outermost(Finding("property", kind.name, field.path, type.name) for field in lost)


def replacements(kind: Kind, type: Type) -> Iterator[Finding]:
    """Fields whose change replaces the object with us, and not with CloudFormation, or the other way round."""
    always, sometimes = type.paths("createOnlyProperties"), type.paths("conditionalCreateOnlyProperties")
    findings = []
    for field, property in pairs(kind, type):
        ours, theirs = is_in(field.path, set(kind.replaces)), is_in(property.path, always)
        if ours != theirs and not is_in(property.path, sometimes):
            said = "replaces" if theirs else "is updated"
            findings.append(Finding("replaces", kind.name, field.path, f"{property.path} {said}"))
    return outermost(findings)


def written_only(kind: Kind, type: Type) -> Iterator[Finding]:
    """Fields that CloudFormation cannot read back and that we read, or the other way round."""
    ours = set(kind.write_only | kind.create_only)
    findings = []
    for field, property in pairs(kind, type):
        theirs = is_in(property.path, type.paths("writeOnlyProperties"))
        if is_in(field.path, ours) != theirs:
            said = "cannot be read" if theirs else "can be read"
            findings.append(Finding("write-only", kind.name, field.path, f"{property.path} {said}"))
    return outermost(findings)


def read_only(kind: Kind, type: Type) -> Iterator[Finding]:
    """Fields that nobody can set."""
    for field, property in pairs(kind, type):
        if is_in(property.path, type.paths("readOnlyProperties")):
            yield Finding("read-only", kind.name, field.path, property.path)


def required(kind: Kind, type: Type) -> Iterator[Finding]:
    """Fields that may be left out with us only. Whoever leaves them out is told by AWS, when it is too late."""
    depths = {field.path: len(property.required) for field, property in pairs(kind, type)}
    for field, property in pairs(kind, type):
        steps = property.required[depths.get(field.path.rpartition(".")[0], 0) :]
        if steps and all(steps) and not field.required and "default" not in field.schema:
            yield Finding("required", kind.name, field.path, property.path)


def values(kind: Kind, type: Type) -> Iterator[Finding]:
    """Values that we name and AWS does not know, and values of AWS that a closed list of ours lacks."""
    for field, property in pairs(kind, type):
        theirs = property.values()
        if not theirs or field.schema.get("type") == "boolean":
            continue
        for value in field.documented() - theirs - kind.names():
            yield Finding("value", kind.name, f"{field.path} {value}", f"{property.path}: {sorted(theirs)}")
        for value in theirs - field.values() if field.values() else ():
            yield Finding("value", kind.name, f"{field.path} lacks {value}", property.path)
