"""The reference platform, applied to an emulator of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

STACK = Path(__file__).resolve().parents[3] / "stacks" / "prod.yaml"


@dataclass(frozen=True)
class Applied:
    """The platform: how to speak to its AWS, and what platctl knows of it."""

    folder: Path
    environment: dict[str, str]
    resources: dict[str, dict[str, Any]]
    _names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for address, resource in self.resources.items():
            made = resource.get("object") or {}
            outputs = made.get("outputs") or {}
            arns = [value for name, value in outputs.items() if name == "arn" and isinstance(value, str)]
            for name in [made.get("id"), *arns]:
                if name:
                    self._names.setdefault(str(name), address)

    def name(self, resource: str) -> str:
        """What a scanner calls a resource, in a way that is the same in every run: its address, if it is one of the
        platform's, or else what it is called without what AWS makes up."""
        resource = resource.removesuffix(":*")
        ends = [resource, re.split(r"[:/]", resource)[-1], resource.split(":", 5)[-1], resource.split("log-group:")[-1]]
        known = [self._names[end] for end in ends if end in self._names]
        if known:
            return known[0]
        short = resource.split(":", 5)[-1] if resource.startswith("arn:") else resource
        if short.startswith("secret:"):
            short = short[: -len("-AbCdEf")]
        # Random parts of names, and the digits of the account.
        return re.sub(r"\b(?=\w*\d)[0-9a-zA-Z]{6,}\b(-[0-9a-f]{4}){0,3}(-[0-9a-fA-F]{12})?", "*", short)


def _run(line: list[str], environment: dict[str, str], folder: Path) -> str:
    command = [os.environ["PLATCTL_BIN"], *line]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout


@contextmanager
def applied() -> Iterator[Applied]:
    """Applies the platform, and stops its emulator at the end."""
    with TemporaryDirectory(prefix="platctl-security-") as name:
        folder = Path(name)
        own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PLATCTL_"))}
        if "PLATCTL_CACHE_DIR" in os.environ:
            own["PLATCTL_CACHE_DIR"] = os.environ["PLATCTL_CACHE_DIR"]
        own["PLATCTL_EMULATOR_HOME"] = str(folder / "emulator")
        try:
            _run(["apply", str(STACK), "--emulator", "--yes", "--state", str(folder / "state")], own, folder)
            # The first line tells the version of the format.
            answer = json.loads(_run(["emulator", "status", "--env", "--json"], own, folder).splitlines()[-1])
            state = json.loads((folder / "state" / "prod.json").read_text())
            # Scanners look for settings in the home folder, and for roles of a machine.
            scanners = {key: value for key, value in own.items() if not key.startswith("PLATCTL_")}
            scanners |= answer["variables"] | {"HOME": name, "AWS_EC2_METADATA_DISABLED": "true"}
            yield Applied(folder, scanners, state["resources"])
        finally:
            subprocess.run([os.environ["PLATCTL_BIN"], "emulator", "stop"], env=own, capture_output=True)
