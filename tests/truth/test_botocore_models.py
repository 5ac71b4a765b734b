"""The kinds against AWS's own models of its services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import botocore_models
from conftest import Check
from kinds import Kind, kinds

CHECKS: dict[str, Check] = {
    "model-value": botocore_models.values,
    "state": botocore_models.unknown_states,
    "states": botocore_models.without_states,
}


@pytest.mark.parametrize("name", CHECKS)
def test_kinds_agree(name: str, hold: Callable[[str, Check], None]) -> None:
    hold(name, CHECKS[name])


def named(name: str) -> Kind:
    return next(kind for kind in kinds() if kind.name == name)


def test_calls_of_helpers_and_of_other_services_are_found() -> None:
    found = botocore_models.called(named("eks.NodeGroup"))
    assert {"CreateNodegroup", "TagResource"} <= found["eks"]
    assert "DescribeScalingActivities" in found["autoscaling"]


def test_the_states_of_waiters_and_of_types_are_found() -> None:
    states = botocore_models.final_states(named("eks.NodeGroup"))
    assert states["NodegroupActive"] == {"ACTIVE", "CREATE_FAILED"}
    assert states["NodegroupDeleted"] == {"DELETE_FAILED"}
    assert "DEGRADED" in states["NodegroupStatus"] and "CREATING" not in states["NodegroupStatus"]


def test_states_that_stand_in_the_documentation_alone_are_found() -> None:
    assert botocore_models.final_states(named("ec2.FlowLog")) == {"FlowLog.DeliverLogsStatus": {"SUCCESS", "FAILED"}}
    assert "impaired" in botocore_models.final_states(named("rds.DbCluster"))["MasterUserSecret.SecretStatus"]


def test_what_waits_for_a_reboot_does_not_end_by_itself() -> None:
    states = ("creating", "IN_PROGRESS", "pending-acceptance", "pending-reboot", "failed")
    assert [botocore_models.is_passing(state) for state in states] == [True, True, True, False, False]


def test_a_value_that_aws_does_not_know_is_found() -> None:
    kind = named("eks.NodeGroup")
    fields = [replace(f, about="`NO_SCHEDULE` or `NEVER`.") if f.path == "taints.effect" else f for f in kind.fields]
    found = botocore_models.values(replace(kind, fields=tuple(fields)))
    assert {finding.what for finding in found} == {"taints.effect NEVER"}


def test_values_inside_of_a_structure_of_aws_are_found() -> None:
    listed = {field.path: values for field, values in botocore_models.enumerated(named("eks.Cluster"))}
    assert listed["authentication_mode"] == {"API", "API_AND_CONFIG_MAP", "CONFIG_MAP"}
