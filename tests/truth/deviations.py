"""What is found to differ, and the list of differences that are meant, or are known and to be mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import tomli

LIST = Path(__file__).with_name("deviations.toml")


@dataclass(frozen=True, order=True)
class Finding:
    """One difference."""

    check: str
    kind: str
    what: str
    aws: str = ""  # What AWS says, for whoever reads the message.

    def __str__(self) -> str:
        return f"{self.check}: {self.kind}: {self.what}" + (f" (AWS: {self.aws})" if self.aws else "")


@dataclass(frozen=True)
class Deviation:
    """One difference, or several of one reason, that the list knows. `*` stands for anything."""

    check: str
    kind: str
    what: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        return (
            self.check == finding.check
            and fnmatchcase(finding.kind, self.kind)
            and fnmatchcase(finding.what, self.what)
        )


def listed(path: Path = LIST) -> list[Deviation]:
    """The list: each entry is a difference of one check, with one kind or several, one `what` or several."""
    entries = []
    for check, rows in tomli.loads(path.read_text()).items():
        for row in rows:
            kinds, whats = (value if isinstance(value, list) else [value] for value in (row["kind"], row["what"]))
            entries += [Deviation(check, kind, what, row["reason"]) for kind in kinds for what in whats]
    return entries


def complaints(check: str, findings: Iterable[Finding], deviations: Iterable[Deviation]) -> list[str]:
    """Everything that is wrong with the findings of a check: not listed, or listed and no longer seen, or twice."""
    deviations = [deviation for deviation in deviations if deviation.check == check]
    seen: Counter[Deviation] = Counter()
    wrong = []
    for finding in sorted(set(findings)):
        covering = [deviation for deviation in deviations if deviation.covers(finding)]
        seen.update(covering)
        if not covering:
            wrong.append(f"not in {LIST.name}: {finding}")
        elif len(covering) > 1:
            wrong.append(f"listed more than once: {finding}")
    for deviation in deviations:
        if not seen[deviation]:
            wrong.append(f"listed, but no longer seen: {check}: {deviation.kind}: {deviation.what}")
        if not deviation.reason.strip():
            wrong.append(f"listed without a reason: {check}: {deviation.kind}: {deviation.what}")
    return wrong
