"""What all checks share: the list of deviations, and the counts at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

import authorization
import botocore_models
import cloudformation
import kept
from deviations import Deviation, Finding, complaints, listed
from kinds import Kind, kinds

Check = Callable[[Kind], Iterable[Finding]]
# How many kinds had their changes tried, with how many members.
TRIED = pytest.StashKey[tuple[int, int]]()


@pytest.fixture(scope="session")
def known() -> list[Deviation]:
    return listed()


@pytest.fixture
def hold(known: list[Deviation]) -> Callable[[str, Check], None]:
    """Holds all kinds against a check: every difference is in the list, and the list has no other."""

    def all_kinds(name: str, check: Check) -> None:
        wrong = complaints(name, [finding for kind in kinds() for finding in check(kind)], known)
        assert not wrong, "\n".join(["", *wrong])

    return all_kinds


def counts() -> list[tuple[int, str]]:
    types = {kind: type for kind in kinds() if (type := cloudformation.type_of(kind))}
    pairs = [pair for kind, type in types.items() for pair in cloudformation.pairs(kind, type)]
    called = [botocore_models.called(kind) for kind in kinds()]
    operations = {(service, name) for calls in called for service, names in calls.items() for name in names}
    states = [set().union(*botocore_models.final_states(kind).values()) for kind in kinds()]
    actions = {action for kind in kinds() for action in kind.actions()}
    told = [action for kind in kinds() for action in authorization.depended(kind) | authorization.handlers(kind)]
    return [
        (len(kinds()), "kinds"),
        (len(types), "of them with a CloudFormation type"),
        (sum(len(kind.fields) for kind in kinds()), "fields"),
        (len(pairs), "of them found in CloudFormation"),
        (sum(bool(property.values()) for _, property in pairs), "of them with values that CloudFormation lists"),
        (sum(len(botocore_models.enumerated(kind)) for kind in kinds()), "of them with values that botocore lists"),
        (len(actions), "permissions"),
        (len(told), "permissions that these need, or CloudFormation asks for"),
        (len(operations), "operations"),
        (sum(map(len, states)), "states that do not end by themselves"),
        (sum(len(kept.updates(kind)) for kind in kinds()), "updates"),
        (len(kept.changes()), "changes"),
        (len(listed()), "deviations in the list"),
        (sum(one.reason.startswith("to mend") for one in listed()), "of them to mend"),
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tried, members = terminalreporter.config.stash.get(TRIED, (0, 0))
    whole = len({change.kind for change in kept.changes()})
    rows = [*counts(), (members, f"members that were added, of {tried} of {whole} kinds with changes")]
    for count, what in rows:
        terminalreporter.write_line(f"{count:5} {what}")
