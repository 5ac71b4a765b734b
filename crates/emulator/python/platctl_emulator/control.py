"""The way to change this AWS, and to look at what it was asked: JSON under /_platctl/."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from . import guard, profiles
from .controllers import start
from .guard import GUARD
from .hostile import HOSTILE
from .hosts import HOSTS
from .inventory import inventory
from .states import set_state
from .timeline import TIMELINE

# For what builds would fetch from the internet.
STAND_IN = Path(__file__).with_name("stand_in.yaml")


class Control:
    """Answers the control requests."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def answer(self, environ: dict[str, Any]) -> Any:
        """Status, headers and body."""
        if not GUARD.controls(environ):
            return guard.refusal("control requests carry the access key in the header X-Platctl-Key")
        path = environ["PATH_INFO"].removeprefix("/_platctl/")
        if path == "manifest":
            return 200, {"Content-Type": "application/yaml"}, STAND_IN.read_bytes()
        handler = getattr(self, f"{environ['REQUEST_METHOD'].lower()}_{path}", None)
        if handler is None:
            return self._json(404, {"error": f"there is no {environ['REQUEST_METHOD']} {path}"})
        try:
            body = json.loads(environ["wsgi.input"].read() or b"{}")
            query = {key: values[-1] for key, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
            return self._json(200, handler(query if environ["REQUEST_METHOD"] == "GET" else body))
        except (ValueError, KeyError, TypeError) as error:
            return self._json(400, {"error": str(error)})

    @staticmethod
    def _json(status: int, value: Any) -> Any:
        return status, {"Content-Type": "application/json"}, json.dumps(value).encode()

    def get_status(self, _: Any) -> dict[str, Any]:
        """Whether it lives, and how it is set."""
        recording = self._app.recording
        return {
            "pid": os.getpid(),
            "profile": self._app.profile,
            "calls": len(recording.calls),
            "mutations": recording.mutating,
            "most": dict(recording.most),
            "reads_since": recording.reads,
            "faults": self._app.faults.left(),
            "struck": HOSTILE.counts,
        }

    def get_inventory(self, _: Any) -> dict[str, Any]:
        """How many things there are of each kind."""
        with self._app.moto.lock:
            TIMELINE.tick()
            return {"inventory": inventory()}

    def post_profile(self, changes: dict[str, Any]) -> Any:
        """Changes some settings, or takes on a profile by its name, with some of them changed; answers all."""
        if "name" in changes:
            # What is said beside the name is meant more than what the name brings.
            own = {key: value for key, value in changes.items() if key not in profiles.PARAMETERS}
            self._app.profile.check(own)
            changes, faults = profiles.settings(changes["name"], changes)
            changes |= own
            self._app.profile.restore()
            self._app.faults.clear()
            for fault in faults:
                self._app.recording.clear()
                self._app.faults.add(fault)
        self._app.profile.change(changes)
        self._app.throttle.clear()
        self._app.faults.restart()
        HOSTILE.clear()
        return self._app.profile

    def post_state(self, body: dict[str, Any]) -> dict[str, Any]:
        """Puts a thing into a state that no call leads to."""
        with self._app.moto.lock:
            TIMELINE.tick()
            set_state(str(body["kind"]), str(body["id"]), str(body["state"]))
        return {}

    def post_controllers(self, body: dict[str, Any]) -> dict[str, Any]:
        """Programs begin to work in a cluster; answers what they make in AWS."""
        with self._app.moto.lock:
            TIMELINE.tick()
            flags = {name: bool(body.get(name)) for name in ("denied", "retains")}
            return {"made": start(str(body["cluster"]), body.get("zone"), **flags)}

    def post_hosts(self, body: dict[str, Any]) -> dict[str, Any]:
        """Does what only people do at hosts of repositories."""
        with self._app.moto.lock:
            return HOSTS.set(body)

    def get_hosts(self, query: dict[str, str]) -> dict[str, Any]:
        """What is in a repository of a host."""
        with self._app.moto.lock:
            return HOSTS.get(query)

    def post_reset(self, _: Any) -> dict[str, Any]:
        """Forgets everything."""
        self._app.reset()
        return {}

    def post_faults(self, body: dict[str, Any]) -> dict[str, Any]:
        """Adds faults; an empty list removes all."""
        if not body["faults"]:
            self._app.faults.clear()
        for fault in body["faults"]:
            self._app.faults.add(fault)
        return {"faults": self._app.faults.left()}

    def post_counters(self, _: Any) -> dict[str, Any]:
        """Starts counting and recording anew."""
        self._app.recording.clear()
        return {}

    def get_calls(self, query: dict[str, str]) -> dict[str, Any]:
        """The recorded calls."""
        return {"calls": self._app.recording.since(int(query.get("since", 0)))}

    def post_hold(self, body: dict[str, Any]) -> dict[str, Any]:
        """Holds mutating calls, counted from now, before or after their effect."""
        instants = body.get("instants") or ([] if "each" in body else [body])
        held = [
            (str(one["operation"]) if "operation" in one else int(one["mutation"]), one["moment"]) for one in instants
        ]
        self._app.recording.clear()
        self._app.hold.set(held, body.get("each"))
        return {}

    def get_held(self, query: dict[str, str]) -> dict[str, Any]:
        """The held call, waiting for it for some seconds."""
        return {"held": self._app.hold.held(float(query.get("seconds", 0)))}

    def post_release(self, body: dict[str, Any]) -> dict[str, Any]:
        """Lets the held call go, or drops it."""
        self._app.hold.release(bool(body.get("drop")), bool(body.get("others")))
        return {}

    def get_timed(self, _: Any) -> dict[str, Any]:
        """How often each operation has begun something that takes time, and whether the time stands."""
        with self._app.moto.lock:
            return {"begun": TIMELINE.begun, "standing": TIMELINE.standing()}

    def post_time(self, body: dict[str, Any]) -> dict[str, Any]:
        """Stops the time when one of some operations begins what takes time; lets it go on; or runs it out.

        Answers what had begun until then.
        """
        until = list(map(str, body.get("until") or []))
        with self._app.moto.lock:
            begun = TIMELINE.begun
            if body.get("run_out"):
                TIMELINE.run_out()
            elif body.get("go_on"):
                TIMELINE.go_on(until)
            else:
                TIMELINE.stop_at(until)
        return {"begun": begun}

    def post_fork(self, body: dict[str, Any]) -> Any:
        """A copy of this AWS, at another address."""
        return self._app.copies.fork(str(body["instance"]))

    def post_branch(self, _: Any) -> Any:
        """A copy of this AWS in its place, until it is over."""
        return self._app.copies.branch()

    def post_back(self, _: Any) -> dict[str, Any]:
        """Ends this copy, and all that was done in it."""
        if not self._app.copies.branch_is_over():
            raise ValueError("this AWS is no branch of another")
        return {}

    def post_stop(self, _: Any) -> dict[str, Any]:
        """Ends the process, and what it is a branch of."""
        if not self._app.copies.all_is_over():
            self._app.stop()
        return {}
