"""What an update loses: members that a read answers and that nobody has stated must be in the request that changes
something else. The kinds are tried with the real binary: `world` has an object of each, `proxy` adds the members to
what is read and records what is sent.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import tomli

from botocore_models import Service, called, own
from carried import CHANGES, READS
from deviations import Deviation, Finding
from kinds import Kind
from members import Members
from proxy import Proxy
from wire import Document
from world import World, named, put

LIST = Path(__file__).with_name("changes.toml")
AT_ONCE = 2
# A run tries the kinds of one share in so many; as many seeds in a row try all of them.
SHARES = 4
# A launch template is changed by a new version of it.
VERSIONS = ("CreateLaunchTemplateVersion",)
CHECKS = ("lost", "patch", "untried")


@dataclass(frozen=True)
class Change:
    """A change of the object of a kind, and the updates that it takes."""

    kind: str
    path: str
    value: Any
    updates: tuple[str, ...]


def changes() -> list[Change]:
    listed = tomli.loads(LIST.read_text())["change"]
    return [Change(row["kind"], row["path"], row["value"], tuple(row["updates"])) for row in listed]


def drawn() -> set[str]:
    """The kinds whose changes this run makes: those of the seed, or all of them."""
    names = sorted({change.kind for change in changes()})
    if os.environ.get("PLATCTL_TEST_POINTS") == "all":
        return set(names)
    return set(names[int(os.environ.get("PLATCTL_TEST_SEED") or 1) % SHARES :: SHARES])


def updates(kind: Kind) -> set[str]:
    """The operations that update the objects of a kind."""
    model = own(kind)
    if model is None:
        return set()
    return {name for name in called(kind)[model.name] if CHANGES.match(name) or name in VERSIONS}


def untried(kind: Kind) -> Iterator[Finding]:
    """Updates that no change of the list makes."""
    made = {update for change in changes() if change.kind == kind.name for update in change.updates}
    for update in updates(kind) - made:
        yield Finding("untried", kind.name, update, "no change in changes.toml makes it")


class Trial:
    """One change, made as often as it takes to tell which members it loses."""

    def __init__(self, world: World, proxy: Proxy, change: Change, known: Callable[[Finding], bool]) -> None:
        self.world, self.proxy, self.change, self.known = world, proxy, change, known
        self.kind = named(change.kind)
        model = own(self.kind)
        if model is None:
            raise LookupError(f"botocore has no model of {change.kind}")
        self.model: Service = model
        self.reads = tuple(sorted(name for name in called(self.kind)[model.name] if READS.match(name)))
        self.spec = deepcopy(world.spec(self.kind))
        put(self.spec, change.path, change.value)
        self.tried: set[str] = set()
        self.made: set[str] = set()
        # Structures of updates of which AWS keeps what is left out.
        self.patched: set[str] = set()

    def findings(self) -> Iterator[Finding]:
        """The members that are lost, those that are known to be, and updates that the change does not make."""
        lost, members = self._run(lambda path: not self.known(self._lost(path)))
        self.tried = set(members.missing)
        yield from self._alone(sorted(members.added), lost)
        listed = {path for path in members.missing if self.known(self._lost(path))}
        if listed:
            again, _ = self._run(listed.__contains__)
            yield from (self._lost(path, why) for path, why in again.items())
        yield from (Finding("patch", self.kind.name, container) for container in self.patched)
        for update in set(self.change.updates) - self.made:
            yield Finding("untried", self.kind.name, update, f"the change of {self.change.path} does not make it")

    def _lost(self, path: str, why: str = "") -> Finding:
        return Finding("lost", self.kind.name, path, why)

    def _alone(self, paths: list[str], lost: dict[str, str]) -> Iterator[Finding]:
        """Those of the members that are lost even if nothing else is added."""
        if not lost:
            return
        if len(paths) == 1:
            yield self._lost(paths[0], f"{lost[paths[0]]}; {self._planned(paths[0])}")
            return
        for half in (paths[: len(paths) // 2], paths[len(paths) // 2 :]):
            again, _ = self._run(frozenset(half).__contains__)
            yield from self._alone(half, again)

    def _planned(self, path: str) -> str:
        """Whether the member alone is a difference from the spec, for whoever reads the message."""
        self.proxy.begin(Members(self.model, path.__eq__), self.reads, self.change.updates)
        ended = self.world.run("plan", self.kind, self.world.spec(self.kind), self.proxy.endpoint)
        changes = [change["path"] for change in ended.step().get("changes", [])]
        return f"the plan changes {', '.join(changes)}" if changes else "the plan does not change it"

    def _run(self, wanted: Callable[[str], bool]) -> tuple[dict[str, str], Members]:
        """Makes the change with some members added to what is read. Those that are lost, and why."""
        members = Members(self.model, wanted)
        self.proxy.begin(members, self.reads, self.change.updates)
        ended = self.world.run("apply", self.kind, self.spec, self.proxy.endpoint)
        lost = {path: f"no update is made: {ended.errors()[:300]}" for path in members.added}
        for request in self.proxy.requests:
            if request.model.name == self.model.name and request.operation in self.change.updates:
                self.made.add(request.operation)
                for path in members.added:
                    if path.startswith(request.operation + "."):
                        lost.pop(path, None)
                        if why := self._missing(members, request.asked(), path):
                            lost[path] = why
        return lost, members

    def _missing(self, members: Members, request: Document, path: str) -> str:
        """Why a request does not keep a member; nothing if it does."""
        if members.is_carried(request, path):
            return ""
        container = members.container(request, path)
        if self.known(Finding("patch", self.kind.name, container)):
            self.patched.add(container)
            return ""
        return f"the update has no such member of {container}"


@dataclass(frozen=True)
class Result:
    """What all trials found, and how many members they tried."""

    findings: list[Finding]
    members: set[tuple[str, str]]


def tried(made: World, deviations: Iterable[Deviation], only: Callable[[Change], bool]) -> Result:
    """Makes the changes, some at the same time."""
    listed = [deviation for deviation in deviations if deviation.check in CHECKS]

    def known(finding: Finding) -> bool:
        return any(deviation.covers(finding) for deviation in listed)

    proxies: SimpleQueue[Proxy] = SimpleQueue()
    for _ in range(AT_ONCE):
        proxies.put(Proxy(made.endpoint))

    def one(change: Change) -> tuple[list[Finding], set[tuple[str, str]]]:
        proxy = proxies.get()
        try:
            trial = Trial(made, proxy, change, known)
            return list(trial.findings()), {(change.kind, path) for path in trial.tried}
        finally:
            proxies.put(proxy)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(one, [change for change in changes() if only(change)]))
    while not proxies.empty():
        proxies.get().close()
    findings = [finding for found, _ in rows for finding in found]
    return Result(findings, set().union(*(members for _, members in rows)))
