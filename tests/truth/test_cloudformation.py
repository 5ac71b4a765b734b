"""The kinds against CloudFormation's resource schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest

import cloudformation
from cloudformation import Type, type_of
from conftest import Check
from deviations import Finding
from kinds import Kind, kinds

CHECKS = {
    "property": cloudformation.unknown_fields,
    "replaces": cloudformation.replacements,
    "write-only": cloudformation.written_only,
    "read-only": cloudformation.read_only,
    "required": cloudformation.required,
    "value": cloudformation.values,
}


def without_type(kind: Kind) -> Iterator[Finding]:
    if type_of(kind) is None:
        yield Finding("type", kind.name, "it has no type")


def test_every_kind_has_a_type(hold: Callable[[str, Check], None]) -> None:
    hold("type", without_type)


@pytest.mark.parametrize("name", CHECKS)
def test_kinds_agree(name: str, hold: Callable[[str, Check], None]) -> None:
    def check(kind: Kind) -> Iterable[Finding]:
        type = type_of(kind)
        return CHECKS[name](kind, type) if type else []

    hold(name, check)


def test_every_other_name_is_one_of_a_field() -> None:
    fields = {(kind.name, field.path) for kind in kinds() for field in kind.fields}
    names = cloudformation.NAMES["kinds"].items()
    assert {(kind, path) for kind, entry in names for path in entry.get("fields", {})} <= fields
    assert {kind for kind, _ in names} <= {kind.name for kind in kinds()}


def changed(name: str, **what: object) -> tuple[Kind, Type]:
    """A kind that states something else than it does."""
    kind = next(kind for kind in kinds() if kind.name == name)
    type = type_of(kind)
    assert type
    return replace(kind, **what), type  # type: ignore[arg-type]


def whats(findings: Iterable[Finding]) -> set[str]:
    return {finding.what for finding in findings}


def test_a_field_that_should_replace_is_found() -> None:
    kind, type = changed("ec2.Vpc", replaces=frozenset({"enable_dns_support"}))
    assert whats(cloudformation.replacements(kind, type)) == {"cidr_block", "enable_dns_support"}


def test_fields_are_found_by_their_own_names_and_by_others() -> None:
    kind, type = changed("eks.NodeGroup")
    found = {field.path: property.path for field, property in cloudformation.pairs(kind, type)}
    assert found["cluster_name"] == "ClusterName"
    assert found["min_size"] == "ScalingConfig.MinSize"
    assert found["taints.effect"] == "Taints.Effect"


def test_a_value_that_aws_does_not_know_is_found() -> None:
    kind, type = changed("eks.NodeGroup")
    fields = [replace(f, about="`SPOT` or `CHEAP`.") if f.path == "capacity_type" else f for f in kind.fields]
    assert whats(cloudformation.values(replace(kind, fields=tuple(fields)), type)) == {"capacity_type CHEAP"}


def test_a_field_that_aws_requires_is_found() -> None:
    kind, type = changed("eks.NodeGroup")
    fields = [replace(f, required=f.path not in ("subnets", "min_size")) for f in kind.fields]
    assert whats(cloudformation.required(replace(kind, fields=tuple(fields)), type)) == {"subnets"}
