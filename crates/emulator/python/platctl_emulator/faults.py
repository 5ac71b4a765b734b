"""What goes wrong on demand: errors before and after the effect, broken connections, slow answers, and calls
that are held at a known instant."""

import random
import socket
import threading
import time

from .answers import Refused
from .hostile import HOSTILE
from .throttle import exceeded

KINDS = ("error_before", "error_after", "reset_before", "reset_after", "slow", "partial")
BEFORE, AFTER = "before", "after"


class Broken(Exception):
    """The connection ends without an answer."""


class Faults:
    """The faults that wait for their call."""

    def __init__(self):
        self._lock = threading.Lock()
        self.clear()

    def clear(self):
        """Nothing goes wrong any more."""
        with self._lock:
            self._waiting, self._numbers = [], {}

    def add(self, fault):
        """One more fault: kind, and which call: `operation` (ec2:CreateVpc), or `mutation` (its number)."""
        if fault.get("kind") not in KINDS:
            raise ValueError(f"a fault's kind is one of {', '.join(KINDS)}")
        with self._lock:
            self._waiting.append({"times": 1, "skip": 0, **fault})

    def restart(self):
        """Counts calls from one again: the same seed, the same day."""
        with self._lock:
            self._numbers = {}

    def left(self):
        """The faults that have not happened yet."""
        with self._lock:
            return list(self._waiting)

    def chosen(self, call, entry, chaos):
        """The fault of a call, if it has one."""
        with self._lock:
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
    def _meant(fault, call, entry):
        if "mutation" in fault:
            return entry["mutation"] == fault["mutation"]
        return fault.get("operation", "*") in ("*", call.name) and (call.mutating or "operation" in fault)

    def _by_chance(self, call, chaos):
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


def strike(fault, moment):
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


def break_connection(peer):
    """Ends a connection without an answer. The server notices as it does when a client goes away."""
    try:
        peer.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Hold:
    """Stops one mutating call before or after its effect, until it is let go: an instant to be killed at."""

    def __init__(self):
        self._changed = threading.Condition()
        self.clear()

    def clear(self):
        """Holds nothing, and lets go what is held."""
        with self._changed:
            self._at = self._moment = self._held = None
            self._drop = False
            self._changed.notify_all()

    def set(self, which, moment):
        """Holds the mutating call of this number, or the first one of this operation (ec2:CreateVpc)."""
        if moment not in (BEFORE, AFTER):
            raise ValueError(f"a call is held {BEFORE} or {AFTER} its effect")
        with self._changed:
            self._at, self._moment, self._held, self._drop = which, moment, None, False

    def reached(self, call, entry, moment):
        """Waits here if this call is to be held. Dropped, it ends without an answer, and, when held before
        its effect, without one."""
        with self._changed:
            meant = entry["mutation"] is not None and self._at in (entry["mutation"], call.name)
            if not meant or moment != self._moment or self._held is not None:
                return
            self._held = {"operation": call.name, "mutation": entry["mutation"], "moment": moment}
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._held is None)
            if self._drop:
                raise Broken

    def held(self, seconds):
        """The held call; waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._held is not None, timeout=seconds)
            return self._held

    def release(self, drop):
        """Lets the held call go on, or drops it. Nothing is held any more."""
        with self._changed:
            self._at = self._moment = self._held = None
            self._drop = drop
            self._changed.notify_all()
