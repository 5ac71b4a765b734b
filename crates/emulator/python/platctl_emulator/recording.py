"""What was asked, and what was answered."""

import json
import threading
import time

# Members of requests whose values nobody may see.
SECRET = ("password", "secret", "plaintext", "token", "privatekey", "certificate")
KEPT = 50_000


class Recording:
    """The calls since the last reset, how many there were, and how many of each operation at once."""

    def __init__(self):
        self._lock = threading.Lock()
        self._now = {}
        self.clear()

    def clear(self):
        """Starts counting anew."""
        with self._lock:
            self.calls, self.mutating = [], 0
            self.most = {}

    def begin(self, call):
        """Counts a call; answers its entry. Mutating ones are numbered from 1 in the order of arrival."""
        entry = {"service": call.service, "region": call.region, "operation": call.operation, "mutation": None}
        with self._lock:
            if call.mutating:
                self.mutating += 1
                entry["mutation"] = self.mutating
            entry["number"] = len(self.calls) + 1
            if len(self.calls) < KEPT:
                self.calls.append(entry)
            name = entry["operation"]
            self._now[name] = self._now.get(name, 0) + 1
            self.most[name] = max(self.most.get(name, 0), self._now[name])
        entry["begun"] = time.time()
        return entry

    def end(self, entry, status, body):
        """Notes how a call ended."""
        with self._lock:
            self._now[entry["operation"]] -= 1
        entry["status"] = status
        entry["seconds"] = round(time.time() - entry["begun"], 6)
        if status >= 400:
            entry["answer"] = body[:600].decode("utf-8", "replace")

    def since(self, number):
        """The calls after the numbered one."""
        with self._lock:
            return [dict(entry) for entry in self.calls[number:]]


def open_params(params):
    """Parameters that may be recorded: the values of secret ones are left out."""
    return json.loads(json.dumps(_hidden(params), default=str))


def _hidden(value, name=""):
    if isinstance(value, dict):
        return {key: _hidden(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner, name) for inner in value]
    flat = name.lower().replace("_", "")
    return "(hidden)" if flat != "clienttoken" and any(word in flat for word in SECRET) else value
