"""What AWS does on its worse days: refusals that pass, reads that lag behind, and things that end failed.

Everything is drawn from a seed and from the call itself, so that the order of calls that are made side by side
does not matter."""

from __future__ import annotations

import hashlib
import json
import random
import time
from typing import TYPE_CHECKING, Any

from . import partial
from .answers import Refused
from .passing import PASSING, refusals
from .unseen import UNSEEN, made

if TYPE_CHECKING:
    from .answers import Answer
    from .calls import Call


# Services whose reads are of what was written.
STRONG = ("s3", "sts", "codecommit", "logs", "kms", "codebuild", "acm", "route53")


class Hostile:
    """What a seed has in store."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """A new day."""
        self._met, self._seen, self._made, self.counts = set(), {}, set(), {}
        UNSEEN.clear()

    def note(self, what: str) -> None:
        """Counts what was done to the caller."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def refuse(self, call: Call, setting: dict[str, Any]) -> None:
        """Refuses a call once, by chance, in a way that passes."""
        if call.name not in PASSING or not setting.get("passing"):
            return
        possible = refusals(call, self._made)
        if not possible or not self._strikes(call, setting, "passing"):
            return
        code, message, status = random.Random(f"{setting.get('seed', 0)}:{call.name}:{digest(call)}").choice(possible)
        raise Refused(code, message, status)

    def partial(self, call: Call, setting: dict[str, Any]) -> Any:
        """The answer to a call whose items all failed, once, by chance."""
        if call.name not in partial.FAILED or not setting.get("partial"):
            return None
        return partial.answer(call) if self._strikes(call, setting, "partial") else None

    def _strikes(self, call: Call, setting: dict[str, Any], what: str) -> bool:
        """By chance, and for the same parameters never twice."""
        key = (what, call.name, digest(call))
        if key in self._met:
            return False
        self._met.add(key)
        if chance(setting, *key) >= setting[what]:
            return False
        self.note(what)
        return True

    def stale(self, call: Call, setting: dict[str, Any]) -> Any:
        """What the same read was answered a moment ago, by chance."""
        if call.mutating or call.service in STRONG or not setting.get("stale"):
            return None
        key = (call.name, call.region, digest(call))
        answer, at, times = self._seen.get(key, (None, 0.0, 0))
        fresh = answer is not None and time.monotonic() - at < setting.get("lag", 0.5)
        if fresh and chance(setting, *key, times) < setting["stale"]:
            self._seen[key] = (answer, at, times + 1)
            self.note("stale")
            return answer
        return None

    def remember(self, call: Call, setting: dict[str, Any], answer: Answer) -> None:
        """Keeps what a read was answered, for as long as it may be told again, and what a call has made."""
        if call.mutating:
            names = set(made(call, answer)) - self._made
            self._made.update(names)
            if (
                names
                and setting.get("unseen")
                and chance(setting, "unseen", call.name, digest(call)) < setting["unseen"]
            ):
                self.note("unseen")
                UNSEEN.note(call, answer, setting.get("unseen_seconds", 0.3))
        if call.mutating or call.service in STRONG or not setting.get("stale"):
            return
        key = (call.name, call.region, digest(call))
        _, _, times = self._seen.get(key, (None, 0.0, 0))
        self._seen[key] = (answer, time.monotonic(), times + 1)


HOSTILE = Hostile()


def fails(setting: dict[str, Any] | None, *about: Any) -> bool:
    """Whether a thing that is being made ends failed: by chance, and never twice."""
    setting, key = setting or {}, ("fails", *about)
    if not setting.get("failed") or key in HOSTILE._met:
        return False
    HOSTILE._met.add(key)
    if chance(setting, *key) >= setting["failed"]:
        return False
    HOSTILE.note("failed")
    return True


def chance(setting: dict[str, Any], *about: Any) -> Any:
    """A number from 0 to 1, always the same for the same seed and matter."""
    return random.Random(f"{setting.get('seed', 0)}:{about}").random()


def digest(call: Call) -> Any:
    """What a call asks for, without what differs from try to try."""
    params = {key: value for key, value in call.params.items() if "token" not in key.lower()}
    return hashlib.sha256(json.dumps(params, sort_keys=True, default=str).encode()).hexdigest()[:16]
