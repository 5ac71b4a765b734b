"""An emulator with an object of every kind, and each object in a stack of its own.

The objects are made once, in one stack: the example of each kind, with the objects that the conformance tests make for
the names in it. Then a state and a stack file are cut out for each of them, so that a trial reads nothing else.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from kinds import ROOT, Kind, binary, kinds

PLACEHOLDERS = ROOT / "tests" / "e2e" / "conformance" / "placeholders.rs"
PLACEHOLDER = re.compile(r'one\(\s*"([^"]*)",\s*"([\w.]+)",\s*"(\w+)",\s*"(\w+)",\s*&\[(.*?)\],?\s*\)', re.S)
CHANGE = re.compile(r'\(\s*"([^"]+)",\s*(?:r#"(.*?)"#|"([^"]*)")', re.S)
COMPANION = re.compile(r'\(\s*"([\w.]+)",\s*"([\w.]+)",\s*r#"(.*?)"#,\s*\)', re.S)
# Their objects are no resources of AWS.
ELSEWHERE = ("github", "gitlab", "kubernetes")
REGION = "eu-west-1"
# For how long a trial may run, in seconds. One takes less than a second, or repeats a call for minutes.
LONGEST = 60
Spec = dict[str, Any]


@dataclass(frozen=True)
class Placeholder:
    """A name in examples, and the object that it stands for."""

    text: str
    kind: str
    output: str
    address: str
    changes: tuple[tuple[str, Any], ...]


@cache
def placeholders() -> tuple[Placeholder, ...]:
    table = PLACEHOLDERS.read_text().partition("const PLACEHOLDERS")[2].partition("const COMPANIONS")[0]
    rows = PLACEHOLDER.findall(table)
    if len(rows) != table.count("one("):
        raise ValueError(f"{PLACEHOLDERS.name} is written in another way than it is read here")
    return tuple(
        Placeholder(text, kind, output, address, tuple(_changes(changes)))
        for text, kind, output, address, changes in rows
    )


def _changes(text: str) -> Iterator[tuple[str, Any]]:
    for path, raw, plain in CHANGE.findall(text):
        yield path, json.loads(raw or plain)


@cache
def companions() -> tuple[tuple[str, str, Spec], ...]:
    """Kinds, the kinds of what their objects need beside them, and its spec."""
    rows = COMPANION.findall(PLACEHOLDERS.read_text().partition("const COMPANIONS")[2])
    return tuple((of, kind, json.loads(spec)) for of, kind, spec in rows)


def named(name: str) -> Kind:
    return next(kind for kind in kinds() if kind.name == name)


def put(spec: Any, path: str, value: Any) -> None:
    """Sets the value at a JSON pointer; null removes it."""
    *parents, last = path.strip("/").split("/")
    for name in parents:
        spec = spec[int(name)] if isinstance(spec, list) else spec.setdefault(name, {})
    if isinstance(spec, list):
        spec[int(last)] = value
    elif value is None:
        spec.pop(last, None)
    else:
        spec[last] = value


class Stack:
    """The stack of all objects while it is put together."""

    def __init__(self) -> None:
        self.resources: dict[str, Spec] = {}

    def make(self, address: str, kind: str, changes: tuple[tuple[str, Any], ...] = ()) -> None:
        """Adds an object, and what it refers to."""
        if address in self.resources:
            return
        # Its place is taken first: an object has its own name, and no reference to itself.
        self.resources[address] = {}
        spec = deepcopy(named(kind).example)
        for path, value in changes:
            put(spec, path, value)
        self.resources[address] = {"kind": kind, **self._referring(spec)}
        for of, companion, beside in companions():
            if of == kind:
                self._accompany(address, companion, beside)

    def _accompany(self, address: str, kind: str, spec: Spec) -> None:
        made = self._referring(json.loads(json.dumps(spec).replace("SELF", address)))
        beside = next((name for name, other in self.resources.items() if other == {"kind": kind, **made}), None)
        # The gateway of a VPC is there already, if anything else needs it: there cannot be another one.
        if kind == "ec2.InternetGateway":
            self._replaced("igw-0123456789abcdef0")
            beside = "igw"
        if beside is None:
            beside = f"{address}_companion"
            self.resources[beside] = {"kind": kind, **made}
        if f"${{{address}." not in json.dumps(made):
            self.resources[address]["depends_on"] = [beside]

    def _referring(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._replaced(key): self._referring(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._referring(inner) for inner in value]
        return self._replaced(value) if isinstance(value, str) else value

    def _replaced(self, text: str) -> str:
        for one in placeholders():
            before, found, after = text.partition(one.text)
            # What is being made has its own name; `example-gitops` is not `example-git`.
            if self.resources.get(one.address) != {} and found and not after[:1].isalpha():
                self.make(one.address, one.kind, one.changes)
                return f"{before}${{{one.address}.{one.output}}}{self._replaced(after)}"
        return text


def whole() -> tuple[Spec, dict[str, str]]:
    """The stack of all kinds, and the address of the object that stands for each."""
    stack, subjects = Stack(), {}
    for kind in kinds():
        if kind.name.split(".")[0] in ELSEWHERE:
            continue
        known = next((one for one in placeholders() if one.kind == kind.name), None)
        subjects[kind.name] = known.address if known else kind.name.replace(".", "_").lower()
        stack.make(subjects[kind.name], kind.name, known.changes if known else ())
    return {"stack": "kept", "region": REGION, "resources": stack.resources}, subjects


@dataclass(frozen=True)
class Ended:
    """How a command ended, with the lines that it printed."""

    code: int
    lines: list[dict[str, Any]]
    stderr: str

    def step(self) -> dict[str, Any]:
        """What is to be done with the only object, if anything."""
        steps = [line["step"] for line in self.lines if line["type"] == "step"]
        return steps[0] if steps else {}

    def errors(self) -> str:
        said = [str(line.get("error") or line.get("message")) for line in self.lines if "error" in line["type"]]
        return " ".join(said) or self.stderr


@dataclass(frozen=True)
class World:
    """The emulator, and where the states of the objects are."""

    folder: Path
    endpoint: str
    key: str
    resources: dict[str, Any]
    about: dict[str, Any]
    subjects: dict[str, str]

    def spec(self, kind: Kind) -> Spec:
        """The spec of the object of a kind, without references. What AWS does not return is taken from the example."""
        record = self.resources[self.subjects[kind.name]]
        hidden = {name: kind.example[name] for name in kind.write_only if name in kind.example}
        return {**record["object"]["spec"], **hidden}

    def run(self, command: str, kind: Kind, spec: Spec, endpoint: str) -> Ended:
        """A command with a stack of this object alone, whose state is what it was when the object was made."""
        address = self.subjects[kind.name]
        folder = self.folder / urlsplit(endpoint).netloc
        (folder / "state").mkdir(parents=True, exist_ok=True)
        for old in (folder / "state").iterdir():
            old.unlink()
        record = self.resources[address]
        state = {**self.about, "region": record["scope"], "resources": {address: {**record, "dependencies": []}}}
        region = record["scope"] if record["scope"] != "global" else REGION
        state["region"] = region
        # `${` in a value is no reference.
        text = json.dumps({"kind": kind.name, **spec}).replace("${", "$${")
        stack = f'{{"stack": "kept", "region": "{region}", "resources": {{"{address}": {text}}}}}'
        (folder / "state" / "kept.json").write_text(json.dumps(state))
        (folder / "stack.yaml").write_text(stack)
        line = [str(binary()), *command.split(), "stack.yaml", "--json", "--state", "state"]
        line += ["--endpoint-url", endpoint, "--region", region]
        if command.startswith("apply"):
            line.append("--yes")
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true"}
        environment |= {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": "emulator"}
        try:
            ended = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            return Ended(-1, [], f"it did not end in {LONGEST} seconds")
        lines = [json.loads(row) for row in ended.stdout.splitlines() if row.startswith("{")]
        return Ended(ended.returncode, lines, ended.stderr)


@contextmanager
def world() -> Iterator[World]:
    """Makes all objects, and stops the emulator at the end."""
    with TemporaryDirectory(prefix="platctl-truth-") as name:
        folder = Path(name)
        own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PLATCTL_"))}
        own |= {key: os.environ[key] for key in ("PLATCTL_CACHE_DIR", "PLATCTL_PYTHON") if key in os.environ}
        own["PLATCTL_EMULATOR_HOME"] = str(folder / "emulator")
        stack, subjects = whole()
        (folder / "all.yaml").write_text(json.dumps(stack))
        try:
            line = [str(binary()), "apply", "all.yaml", "--emulator", "--yes", "--state", "state"]
            ended = subprocess.run(line, cwd=folder, env=own, capture_output=True, text=True, timeout=300)
            if ended.returncode:
                raise RuntimeError(f"{' '.join(line)} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
            instance = json.loads((folder / "emulator" / "instance.json").read_text())
            about = json.loads((folder / "state" / "kept.json").read_text())
            resources = about.pop("resources")
            yield World(folder, instance["endpoint"], instance["key"], resources, about, subjects)
        finally:
            subprocess.run([str(binary()), "emulator", "stop"], env=own, capture_output=True)
