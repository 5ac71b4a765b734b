"""Runs the health check of Applications in Lua, with the libraries that Argo CD gives it."""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from lupa import lua51  # type: ignore[import-untyped]

SOURCE = Path(__file__).resolve().parents[2] / "crates/gitops/src/components/argo_cd.rs"
NOW, LATER, LONG_AGO = (
    (datetime.now(timezone.utc) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ") for minutes in (1, 0, 60)
)


def script() -> str:
    """The check as it is installed."""
    found = re.search(r'const WELL: &str = r#"(.*?)"#;', SOURCE.read_text(), re.DOTALL)
    if not found:
        sys.exit(f"{SOURCE} has no health check")
    return found[1].replace("LAST_WAVE", "1")


def check(status: Any, wave: str) -> str:
    """The health of an Application with this status in a wave."""
    lua = lua51.LuaRuntime()
    # The library for texts is not there, and that of the system has two functions.
    lua.execute("string, io, debug = nil, nil, nil")
    lua.execute("package.loaded.os = {time = os.time, date = os.date} os = nil")
    annotations = {"argocd.argoproj.io/sync-wave": wave}
    obj = {"metadata": {"annotations": annotations}}
    if status is not None:
        obj["status"] = status
    lua.globals().obj = lua.table_from(obj, recursive=True)
    return str(lua.execute(script())["status"])


def synced(health: str, since: str = NOW, **more: Any) -> Any:
    """An Application whose last sync was carried out."""
    return {
        "operationState": {"phase": "Succeeded", "startedAt": since, "finishedAt": since},
        "sync": {"status": "Synced"},
        "health": {"status": health, **more},
    }


CASES = {
    "never synced": (None, "Progressing", "Healthy"),
    "syncing": ({"operationState": {"phase": "Running", "startedAt": NOW}}, "Progressing", "Healthy"),
    "syncing for long": (
        {"operationState": {"phase": "Running", "startedAt": LONG_AGO, "message": "waiting"}},
        "Degraded",
        "Healthy",
    ),
    "well": (synced("Healthy"), "Healthy", "Healthy"),
    "well for long": (synced("Healthy", LONG_AGO), "Healthy", "Healthy"),
    "to be promoted": (synced("Suspended", LONG_AGO), "Healthy", "Healthy"),
    "on its way": (synced("Progressing"), "Progressing", "Healthy"),
    "on its way for long": (synced("Progressing", LONG_AGO), "Degraded", "Healthy"),
    "on its way again": (synced("Progressing", LONG_AGO, lastTransitionTime=NOW), "Progressing", "Healthy"),
    "unwell": (synced("Degraded"), "Degraded", "Degraded"),
    "seen before its sync": (
        {**synced("Healthy"), "sync": {"status": "OutOfSync"}, "reconciledAt": LONG_AGO},
        "Progressing",
        "Healthy",
    ),
    "seen after its sync": (
        {**synced("Healthy"), "sync": {"status": "OutOfSync"}, "reconciledAt": LATER},
        "Healthy",
        "Healthy",
    ),
}


def main() -> int:
    """Every case in a wave that others wait for, and in the last one."""
    failed = 0
    for name, (status, waited_for, last) in CASES.items():
        for wave, expected in (("-2", waited_for), ("1", last)):
            found = check(status, wave)
            if found != expected:
                print(f"{name}, wave {wave}: {found} instead of {expected}", file=sys.stderr)
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
