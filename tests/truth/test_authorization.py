"""The kinds against AWS's service authorization reference."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

import authorization
from conftest import Check
from kinds import ROOT, Kind, kinds

CHECKS: dict[str, Check] = {
    "permission": authorization.unknown,
    "implied": authorization.not_asked,
    "operation": authorization.not_stated,
    "uncalled": authorization.not_called,
}


@pytest.mark.parametrize("name", CHECKS)
def test_kinds_agree(name: str, hold: Callable[[str, Check], None]) -> None:
    hold(name, CHECKS[name])


def stating(name: str, **permissions: list[str]) -> Kind:
    """A kind that states other permissions than it does."""
    kind = next(kind for kind in kinds() if kind.name == name)
    return replace(kind, permissions=kind.permissions | permissions)


def test_a_permission_that_does_not_exist_is_found() -> None:
    kind = stating("ec2.Vpc", delete=["ec2:DropVpc", "ec2:deleteVpc"])
    found = {finding.what: finding.aws for finding in authorization.unknown(kind)}
    assert found == {"ec2:DropVpc": "there is none", "ec2:deleteVpc": "ec2:DeleteVpc"}


def test_what_a_call_depends_on_is_found() -> None:
    kind = stating("backup.Selection", create=["backup:CreateBackupSelection"])
    assert "iam:PassRole" in {finding.what for finding in authorization.not_asked(kind)}


def test_what_the_source_calls_without_a_permission_is_found() -> None:
    kind = stating("ec2.Vpc", delete=[])
    assert "ec2:DeleteVpc" in {finding.what for finding in authorization.not_stated(kind)}


def test_what_nothing_calls_is_found() -> None:
    kind = stating("ec2.Vpc", delete=["ec2:DeleteVpc", "ec2:RunInstances"])
    assert {finding.what for finding in authorization.not_called(kind)} == {"ec2:RunInstances"}


def scopes(name: str) -> set[str]:
    """A list of actions in the source of `platctl iam-policy`."""
    text = (ROOT / "crates/stack/src/rights/scopes.rs").read_text()
    listed = text.partition(f"const {name}:")[2].partition("= &[")[2].partition("];")[0]
    return set(re.findall(r'"([a-z0-9-]+:[A-Za-z]+)"', listed))


def unlimited(action: str) -> bool:
    """Whether a policy can name no resource for an action."""
    return not any(authorization.reference()[action]["resource_types"].keys() - {""})


def test_what_aws_does_not_limit_to_resources_is_known() -> None:
    listed = scopes("UNLIMITED")
    assert listed
    assert sorted(action for action in listed if not unlimited(action)) == []
    stated = {action for kind in kinds() for action in kind.actions()} & authorization.reference().keys()
    known = listed | scopes("NEW") | scopes("UNTAGGED")
    beside = {action for action in stated if unlimited(action)} - known
    assert sorted(action for action in beside if not action.startswith("route53:")) == []


def test_actions_in_the_tables_of_policies_exist() -> None:
    leftovers = ("LEFTOVERS_READ", "LEFTOVERS_NAMED", "LEFTOVERS")
    for name in ("RUN", *leftovers, "UNLIMITED", "UNTAGGED", "FOR_SERVICES", "NEW"):
        assert sorted(scopes(name) - authorization.reference().keys()) == [], name
