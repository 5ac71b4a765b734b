"""What was asked, and what was answered."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calls import Call


# Members of requests whose values nobody may see.
SECRET = ("password", "secret", "plaintext", "token", "privatekey", "certificate")
KEPT = 50_000


class Recording:
    """The calls since the last reset, how many there were, and how many of each operation at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._now = {}
        self.clear()

    def clear(self) -> None:
        """Starts counting anew."""
        with self.lock:
            self.calls, self.mutating, self.reads = [], 0, 0
            self.most = {}
            # What had been read when a call that is under way began.
            self._before: dict[int, int] = {}

    def begin(self, call: Call) -> Any:
        """Counts a call; answers its entry. Mutating ones are numbered from 1 in the order of arrival."""
        entry = {"service": call.service, "region": call.region, "operation": call.operation, "mutation": None}
        with self.lock:
            if call.mutating:
                self.mutating += 1
                entry["mutation"] = self.mutating
                before, self.reads = self.reads, 0
            else:
                before = 0
                self.reads += 1
            entry["number"] = len(self.calls) + 1
            if len(self.calls) < KEPT:
                self.calls.append(entry)
            name = entry["operation"]
            self._now[name] = self._now.get(name, 0) + 1
            self.most[name] = max(self.most.get(name, 0), self._now[name])
            self._before[id(entry)] = before
        entry["begun"] = time.time()
        return entry

    def end(self, entry: dict[str, Any], status: int, body: bytes) -> None:
        """Notes how a call ended. One that was refused changed nothing: who repeats it is waiting."""
        with self.lock:
            self._now[entry["operation"]] -= 1
            before = self._before.pop(id(entry), 0)
            if entry["mutation"] and status >= 400:
                self.reads += before + 1
        entry["status"] = status
        entry["seconds"] = round(time.time() - entry["begun"], 6)
        if status >= 400:
            entry["answer"] = body[:600].decode("utf-8", "replace")

    def since(self, number: int) -> list[Any]:
        """The calls after the numbered one."""
        with self.lock:
            return [dict(entry) for entry in self.calls[number:]]


def open_params(params: dict[str, Any]) -> Any:
    """Parameters that may be recorded: the values of secret ones are left out."""
    return json.loads(json.dumps(_hidden(params), default=str))


def _hidden(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _hidden(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner, name) for inner in value]
    flat = name.lower().replace("_", "")
    return "(hidden)" if flat != "clienttoken" and any(word in flat for word in SECRET) else value
