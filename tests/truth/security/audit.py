"""Runs the scanners, and holds what they find against the list of what is meant, or is not the platform's."""

from __future__ import annotations

import sys
from pathlib import Path

from applied import applied
from deviations import Deviation, complaints, listed
from scanners import SCANNERS, Counts

LIST = Path(__file__).with_name("deviations.toml")
# Where a finding belongs. What is "to mend" is known, and no choice.
REASONS = ("account-level: ", "emulator: ", "choice: ", "to mend: ")


def unreasoned(deviations: list[Deviation]) -> list[str]:
    """Entries whose reason does not say where they belong."""
    return [
        f"the reason must begin with one of {', '.join(map(repr, REASONS))}: {one.check}: {one.kind}: {one.what}"
        for one in deviations
        if not one.reason.startswith(REASONS)
    ]


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(SCANNERS)
    if unknown:
        print(f"unknown scanner: {', '.join(sorted(unknown))}. Known: {', '.join(SCANNERS)}", file=sys.stderr)
        return 2
    known = listed(LIST)
    wrong = unreasoned(known)
    with applied() as platform:
        for name in wanted or SCANNERS:
            counts: Counts = {}
            findings = list(SCANNERS[name](platform, counts))
            wrong += complaints(name, findings, known)
            print(f"{name}: {', '.join(f'{count} {what}' for what, count in sorted(counts.items()))}", flush=True)
            reasons = [one.reason.split(":")[0] for one in known for found in set(findings) if one.covers(found)]
            told = ", ".join(f"{reasons.count(reason)} {reason}" for reason in sorted(set(reasons)))
            print(f"  {len(set(findings))} different findings: {told or 'none'}", flush=True)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
