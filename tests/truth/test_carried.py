"""What updates of the kinds carry, against all members that AWS's models of the operations have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import carried
import source
from conftest import Check
from kinds import Kind, kinds

CHECKS: dict[str, Check] = {"left-out": carried.left_out}


@pytest.mark.parametrize("name", CHECKS)
def test_kinds_agree(name: str, hold: Callable[[str, Check], None]) -> None:
    hold(name, CHECKS[name])


def named(name: str) -> Kind:
    return next(kind for kind in kinds() if kind.name == name)


def found(name: str) -> set[str]:
    return {finding.what for finding in carried.left_out(named(name))}


def test_a_member_that_is_no_longer_sent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = "PutRule.RoleArn"
    assert lost not in found("events.Rule")
    whole = source.source(named("events.Rule"))
    monkeypatch.setattr(source, "source", lambda kind: whole.replace("role_arn", "other_thing"))
    assert lost in found("events.Rule")


def test_structures_that_are_made_anew_are_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = "UpdateNodegroupConfig.updateConfig.updateStrategy"
    assert lost not in found("eks.NodeGroup")
    whole = source.source(named("eks.NodeGroup"))
    monkeypatch.setattr(source, "source", lambda kind: whole.replace("update_strategy", "other_thing"))
    assert lost in found("eks.NodeGroup")
