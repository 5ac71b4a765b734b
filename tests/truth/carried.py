"""What an update leaves out: members that an operation takes, that the kind's reads answer, and that its source never
sets. Where AWS keeps what is left out, that is right; where it resets it, a setting of somebody else is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import source
from botocore_models import Service, called, own
from deviations import Finding
from kinds import Kind
from packages import plain

# Operations that change what there is. Tags, tokens and switches of the call itself are no settings of the object.
CHANGES = re.compile(r"^(Update|Modify|Put|Set|Change|Replace)(?!Tags|RecordSets)")
READS = re.compile(r"^(Describe|Get|List|Head|BatchGet)")
SETTER = re.compile(r"\.(?:set_|r#)?(\w+)\([\w&\"(\[]|\b(\w+): |\.(\w+) = ")


def within(model: Service, name: str, seen: set[str]) -> Iterator[str]:
    """The names of all members of a shape, and of the shapes inside of it."""
    if name in seen:
        return
    seen.add(name)
    for member, inner in model.members(name):
        yield member
        yield from within(model, inner, seen)


def answered(kind: Kind, model: Service) -> set[str]:
    """What the reads of a kind answer, without spelling."""
    seen: set[str] = set()
    found = set()
    for operation in called(kind)[model.name]:
        output = model.model["operations"][operation].get("output", {}).get("shape")
        if READS.match(operation) and output:
            found |= {plain(member) for member in within(model, output, seen)}
    return found


def made(model: Service, text: str, name: str, path: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    """The members of an input, and of the structures in it that the source makes anew, each with its path. What it does
    not make is passed on as it was read.
    """
    if name in seen:
        return
    seen.add(name)
    for member, inner in model.members(name):
        yield member, f"{path}.{member}"
        while model.shape(inner)["type"] in ("list", "map"):
            shape = model.shape(inner)
            inner = (shape.get("member") or shape["value"])["shape"]
        if re.search(rf"\b{inner}::builder\(\)", text):
            yield from made(model, text, inner, f"{path}.{member}", seen)


def left_out(kind: Kind) -> Iterator[Finding]:
    """Members of the updates of a kind that it reads and never sends."""
    model = own(kind)
    if model is None:
        return
    text = source.source(kind)
    sent = {plain(name) for names in SETTER.findall(text) for name in names if name}
    known = answered(kind, model)
    for operation in sorted(called(kind)[model.name]):
        shape = model.input(operation)
        if not CHANGES.match(operation) or shape is None:
            continue
        for member, path in made(model, text, shape, operation, set()):
            if plain(member) in known and plain(member) not in sent:
                yield Finding("left-out", kind.name, path, "read, and never sent")
