"""What goes wrong on demand: errors before and after the effect, broken connections, slow answers, and calls
that are held at a known instant."""

from __future__ import annotations

import random
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from .answers import Refused
from .hostile import HOSTILE
from .throttle import exceeded

if TYPE_CHECKING:
    from .calls import Call


KINDS = ("error_before", "error_after", "reset_before", "reset_after", "slow", "partial")
BEFORE, AFTER = "before", "after"


class Broken(Exception):
    """The connection ends without an answer."""


class Faults:
    """The faults that wait for their call."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self.lock:
            self._waiting, self._numbers = [], {}

    def add(self, fault: dict[str, Any]) -> None:
        """One more fault: kind, and which call: `operation` (ec2:CreateVpc), or `mutation` (its number)."""
        if fault.get("kind") not in KINDS:
            raise ValueError(f"a fault's kind is one of {', '.join(KINDS)}")
        with self.lock:
            self._waiting.append({"times": 1, "skip": 0, **fault})

    def restart(self) -> None:
        """Counts calls from one again: the same seed, the same day."""
        with self.lock:
            self._numbers = {}

    def left(self) -> list[Any]:
        """The faults that have not happened yet."""
        with self.lock:
            return list(self._waiting)

    def chosen(self, call: Call, entry: dict[str, Any], chaos: dict[str, Any]) -> Any:
        """The fault of a call, if it has one."""
        with self.lock:
            for fault in self._waiting:
                if self._meant(fault, call, entry):
                    if fault["skip"] > 0:
                        fault["skip"] -= 1
                        continue
                    fault["times"] -= 1
                    if fault["times"] <= 0:
                        self._waiting.remove(fault)
                    return fault
            return self._by_chance(call, chaos) if chaos else None

    @staticmethod
    def _meant(fault: dict[str, Any], call: Call, entry: dict[str, Any]) -> Any:
        if "mutation" in fault:
            return entry["mutation"] == fault["mutation"]
        return fault.get("operation", "*") in ("*", call.name) and (call.mutating or "operation" in fault)

    def _by_chance(self, call: Call, chaos: dict[str, Any]) -> dict[str, Any] | None:
        """By the seed and by which of the calls of its operation it is: the order among others does not matter."""
        number = self._numbers[call.name] = self._numbers.get(call.name, 0) + 1
        dice = random.Random(f"{chaos.get('seed', 0)}:{call.name}:{number}")
        if dice.random() >= chaos.get("rate", 0.05):
            return None
        kind = dice.choice(chaos.get("kinds", KINDS[:4]))
        HOSTILE.note(kind)
        if kind == "throttle":
            code, message, status = exceeded(call)
            return {"kind": "error_before", "code": code, "message": message, "status": status}
        return {"kind": kind, "seconds": 0.2}


def strike(fault: dict[str, Any], moment: str) -> None:
    """Lets a fault happen, at its moment."""
    kind, _, when = fault["kind"].partition("_")
    if kind == "slow":
        if moment == BEFORE:
            time.sleep(float(fault.get("seconds", 1)))
    elif when == moment:
        if kind == "reset":
            raise Broken
        message = fault.get("message", "An internal error has occurred (a fault on demand)")
        raise Refused(fault.get("code", "InternalError"), message, int(fault.get("status", 500)))


def break_connection(peer: Any) -> None:
    """Ends a connection without an answer. The server notices as it does when a client goes away."""
    try:
        peer.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Hold:
    """Stops mutating calls before or after their effect, one at a time, until each is let go: instants to be killed
    at."""

    def __init__(self, traffic: Any) -> None:
        self._traffic, self._changed = traffic, threading.Condition()
        self._instants: list[tuple[Any, str]] = []
        self._met: set[str] = set()
        self._each: str | None = None
        self._held: dict[str, Any] | None = None

    def set(self, instants: list[tuple[Any, str]], each: str | None = None) -> None:
        """Holds calls by their number, or the first one of an operation (ec2:CreateVpc), each as (which, moment);
        and, where a moment is given, the first one of each operation at that moment."""
        for moment in [moment for _, moment in instants] + ([each] if each else []):
            if moment not in (BEFORE, AFTER):
                raise ValueError(f"a call is held {BEFORE} or {AFTER} its effect")
        with self._changed:
            self._instants, self._each, self._met = list(instants), each, set()

    def reached(self, call: Call, entry: dict[str, Any], moment: str) -> None:
        """Waits here if this call is to be held. Dropped, it ends without an answer, and, when held before
        its effect, without one."""
        with self._changed:
            if not self._meant(call, entry, moment):
                return
        with self._traffic.aside(), self._changed:
            mine = {"operation": call.name, "mutation": entry["mutation"], "moment": moment}
            self._changed.wait_for(lambda: self._held is None)
            self._held = mine
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._held is not mine)
            if mine.get("drop"):
                raise Broken

    def _meant(self, call: Call, entry: dict[str, Any], moment: str) -> Any:
        if entry["mutation"] is None:
            return False
        first = moment == self._each and call.name not in self._met
        if first:
            self._met.add(call.name)
        for which in (entry["mutation"], call.name):
            if (which, moment) in self._instants:
                self._instants.remove((which, moment))
                return True
        return first

    def held(self, seconds: float) -> Any:
        """The held call; waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._held is not None, timeout=seconds)
            return self._held

    def release(self, drop: bool, others: bool = False) -> None:
        """Lets the held call go on, or drops it. Unless others are still to be, nothing is held any more."""
        with self._changed:
            if not others:
                self._instants, self._each = [], None
            if self._held is not None:
                self._held["drop"] = drop
            self._held = None
            self._changed.notify_all()
