"""Which members of what a kind reads an update of it could carry, and a value for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore_models import Service
from packages import plain
from wire import Document, structure

# A structure that is that deep in an answer is no object that an update writes.
DEEPEST = 4


@dataclass(frozen=True)
class Anchor:
    """A structure in the answer to a read that is the same as one in an update: where it is, and where that is."""

    read: str
    found: tuple[str, ...]
    shape: str
    update: str
    written: tuple[str, ...]
    input: str


def reachable(model: Service, shape: str, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The structures in a structure, itself included, each once on its way."""
    yield path, shape
    if len(path) < DEEPEST:
        for name, ref in model.shape(shape).get("members", {}).items():
            inner = structure(model, ref["shape"])
            if inner:
                yield from reachable(model, inner, (*path, name))


def likeness(model: Service, one: str, other: str) -> int:
    """How much of a structure is in another one: members of one name, and more where they are of one shape, too."""
    members = {plain(name): ref["shape"] for name, ref in model.shape(other).get("members", {}).items()}
    score = 0
    for name, ref in model.shape(one).get("members", {}).items():
        shape = members.get(plain(name))
        if shape is not None:
            score += 3 if shape == ref["shape"] and structure(model, shape) else 1
    return score


def shares_a_value(model: Service, one: str, other: str) -> bool:
    """Whether two structures have a member in common that is no structure and holds none."""
    members = {plain(name) for name in model.shape(other).get("members", {})}
    values = model.shape(one).get("members", {}).items()
    return any(plain(name) in members and not structure(model, ref["shape"]) for name, ref in values)


@cache
def anchors(model: Service, reads: tuple[str, ...], update: str) -> list[Anchor]:
    """Where what an update writes is in the answers to reads."""
    answers = []
    for read in reads:
        output = model.model["operations"][read].get("output", {}).get("shape")
        if output:
            answers += [(read, path, shape) for path, shape in reachable(model, output)]
    found: list[Anchor] = []

    def look(shape: str, written: tuple[str, ...]) -> None:
        alike = [row for row in answers if row[2] == shape] if written else []
        if not alike:
            # One name in common says nothing, but that of a value in a whole answer.
            likely = [(likeness(model, shape, row[2]), row) for row in answers]
            whole = [row for row in answers if not row[1] and shares_a_value(model, shape, row[2])]
            likely = [(score, row) for score, row in likely if score >= 2 or row in whole]
            best = max((score for score, _ in likely), default=0)
            alike = [row for score, row in likely if score == best]
        found.extend(Anchor(read, path, other, update, written, shape) for read, path, other in alike)
        known = {plain(name) for *_, other in alike for name in model.shape(other).get("members", {})}
        for name, ref in model.shape(shape).get("members", {}).items():
            inner = structure(model, ref["shape"])
            if inner and plain(name) not in known and len(written) < DEEPEST:
                look(inner, (*written, name))

    if taken := model.input(update):
        look(taken, ())
    return found


def at(document: Document, model: Service, shape: str, path: tuple[str, ...]) -> Iterator[tuple[Document, str]]:
    """The structures at a path in a document, with their shape."""
    if not path:
        yield document, shape
        return
    ref = model.shape(shape)["members"][path[0]]
    inner = structure(model, ref["shape"])
    if inner and document.has(path[0], ref):
        for part in document.inside(path[0], ref, model):
            yield from at(part, model, inner, path[1:])


def sample(model: Service, shape: str, name: str, around: tuple[str, ...] = ()) -> Any:
    """A value that nobody has set by chance. None where there is none that is finite."""
    found = model.shape(shape)
    kind = found["type"]
    if kind == "structure":
        return _structure(model, shape, around)
    if kind in ("list", "map"):
        ref = found.get("member") or found["value"]
        inner = sample(model, ref["shape"], name, around)
        if inner is None:
            return None
        return [inner] if kind == "list" else {sample(model, found["key"]["shape"], "key"): inner}
    if kind == "boolean":
        return True
    if kind in ("integer", "long", "float", "double"):
        return _number(found)
    if kind == "timestamp":
        return 1700000000
    if kind == "blob":
        return "a2VwdA=="
    return _text(found, name)


def _structure(model: Service, shape: str, around: tuple[str, ...]) -> Any:
    if shape in around:
        return None
    found = model.shape(shape)
    values: dict[str, Any] = {}
    for name in [*found.get("required", []), *found.get("members", {})]:
        # What has to be there; if nothing has to, one thing, so that it is something at all.
        if name not in values and (name in found.get("required", []) or not values):
            value = sample(model, found["members"][name]["shape"], name, (*around, shape))
            if value is not None:
                values[name] = value
            elif name in found.get("required", []):
                return None
    return values


def _number(found: dict[str, Any]) -> int:
    low, high = int(found.get("min", 0)), int(found.get("max", 1 << 30))
    return min(low + 7, high)


def _text(found: dict[str, Any], name: str) -> str:
    if found.get("enum"):
        return str(found["enum"][-1])
    if name.lower().endswith("arn"):
        return "arn:aws:iam::123456789012:role/kept"
    return "kept".ljust(int(found.get("min", 0)), "x")[: int(found.get("max", 64))]


@dataclass
class Members:
    """The members that updates could carry: which of them an answer does not have, and which are to be added."""

    model: Service
    wanted: Callable[[str], bool]

    def __post_init__(self) -> None:
        self.missing: dict[str, int] = {}
        self.added: dict[str, int] = {}

    def add(self, anchor: Anchor, answer: Document, output: str) -> None:
        """Adds the members that are wanted, where the answer has a place for them."""
        missing: dict[str, int] = {}
        for document, shape in at(answer, self.model, output, anchor.found):
            self._walk(document, shape, anchor.input, ".".join((anchor.update, *anchor.written)), missing)
        for path, count in missing.items():
            self.missing[path] = max(count, self.missing.get(path, 0))
            if self.wanted(path):
                self.added[path] = max(count, self.added.get(path, 0))

    def _walk(self, document: Document, read: str, written: str, path: str, missing: dict[str, int]) -> None:
        has = {plain(name): (name, ref) for name, ref in self.model.shape(read)["members"].items()}
        for name, ref in self.model.shape(written)["members"].items():
            own, there = f"{path}.{name}", has.get(plain(name))
            if there is None or self.kind(there[1]) != self.kind(ref):
                continue
            if not document.has(*there):
                value = sample(self.model, there[1]["shape"], name)
                if value is None:
                    continue
                missing[own] = missing.get(own, 0) + 1
                if self.wanted(own):
                    document.put(*there, self.model, value)
            elif inner := structure(self.model, ref["shape"]):
                other = structure(self.model, there[1]["shape"])
                for part in document.inside(*there, self.model) if other else []:
                    self._walk(part, other or "", inner, own, missing)

    def kind(self, ref: dict[str, Any]) -> str:
        """What a member is. One with a place of its own in the request is no setting."""
        found: str = self.model.shape(ref["shape"])["type"]
        return "named" if ref.get("location") in ("uri", "querystring") else found

    def is_carried(self, document: Document, path: str) -> bool:
        """Whether a request has a member with the value that was added, in every structure of it that has to."""
        update, *names = path.split(".")
        parts = list(at(document, self.model, self.model.input(update) or "", tuple(names[:-1])))
        found = 0
        for part, shape in parts:
            ref = self.model.shape(shape)["members"][names[-1]]
            found += part.has(names[-1], ref) and self._same(part, names[-1], ref)
        # The answer may be about other objects, too.
        return 0 < found >= min(len(parts), self.added[path])

    def container(self, document: Document, path: str) -> str:
        """The structure, or the operation itself, that does not have the member, or what the member is in."""
        update, *names = path.split(".")
        parts, shape, way = [document], self.model.input(update), [update]
        for name in names:
            ref = self.model.shape(shape or "")["members"][name]
            if not any(part.has(name, ref) for part in parts):
                break
            shape = structure(self.model, ref["shape"])
            parts = [inner for part in parts if part.has(name, ref) for inner in part.inside(name, ref, self.model)]
            way.append(name)
            if shape is None:
                break
        return ".".join(way)

    def _same(self, document: Document, name: str, ref: dict[str, Any]) -> bool:
        value = sample(self.model, ref["shape"], name)
        if isinstance(value, (dict, list)) or self.model.shape(ref["shape"])["type"] in ("timestamp", "blob"):
            return True
        text = document.text(name, ref)
        if isinstance(value, bool):
            return text.lower() == "true"
        return float(text) == value if isinstance(value, int) else text == value
