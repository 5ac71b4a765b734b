"""The way of a request: counted, throttled, struck by faults, held, judged, and answered by moto."""

from __future__ import annotations

import io
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import UnknownServiceError

from . import answers, authorization, faults, guard, partial, patches, regions, rules
from .answers import Refused
from .backends import Moto
from .calls import Call, Unsigned, signature
from .control import Control
from .faults import AFTER, BEFORE, Broken, Faults, Hold
from .guard import GUARD
from .hostile import HOSTILE
from .hosts import HOSTS
from .kubernetes import KUBERNETES
from .profile import Profile
from .recording import Recording, open_params
from .store import STORE
from .throttle import Throttle
from .timeline import TIMELINE
from .tokens import Tokens
from .traffic import Traffic
from .unseen import UNSEEN
from .validation import violations

if TYPE_CHECKING:
    from .calls import Call


UNSIGNED = 403, {"Content-Type": "text/plain"}, b"Requests to the emulator must be signed."


LAST = {f"/_platctl/{path}" for path in ("fork", "branch", "back", "stop")}


def whole_body(environ: dict[str, Any]) -> Any:
    """The body of a request, which says how long it is or comes in chunks."""
    if environ.get("HTTP_TRANSFER_ENCODING") == "chunked":
        return environ["wsgi.input"].read()
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


class Body:
    """An answer's body, with what comes when it has been sent."""

    def __init__(self, body: bytes, then: Any) -> None:
        self._body, self._then = body, then

    def __iter__(self) -> Iterator[Any]:
        yield self._body

    def close(self) -> None:
        """Called by the server at the end."""
        if self._then is not None:
            self._then()


class App:
    """The WSGI application."""

    def __init__(self) -> None:
        self.moto = Moto()
        self.profile, self.recording, self.throttle = Profile(), Recording(), Throttle()
        self.traffic = Traffic()
        self.faults, self.hold, self.tokens = Faults(), Hold(self.traffic), Tokens()
        self.control = Control(self)
        self.stop = lambda: None
        # Of a thread: what it does when its answer has been sent, where that is the last one.
        self.last = threading.local()
        self.copies: Any = None
        patches.apply(self.profile)
        guard.harder_to_guess()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        reason = GUARD.wrong(environ)
        if not reason:
            # Before anything is locked: a client may be stopped in the middle of what it sends.
            environ["wsgi.input"] = io.BytesIO(whole_body(environ))
        if reason:
            status, headers, body = guard.refusal(reason)
        elif environ["PATH_INFO"].startswith("/_platctl/kubernetes/"):
            with self.traffic.inside(), self.moto.lock:
                status, headers, body = KUBERNETES.answer(environ)
        elif environ["PATH_INFO"].startswith("/_platctl/hosts/"):
            with self.traffic.inside(), self.moto.lock:
                status, headers, body = HOSTS.answer(environ)
        elif environ["PATH_INFO"].startswith("/_platctl/"):
            status, headers, body = self.control.answer(environ)
        else:
            with self.traffic.inside():
                status, headers, body = self._aws(environ)
        headers = [(str(name), str(value)) for name, value in headers.items() if name.lower() != "content-length"]
        # Who answers next is another one, where a copy begins or ends.
        last = [("Connection", "close")] if environ["PATH_INFO"] in LAST else []
        start_response(f"{status} -", [*headers, *last, ("Content-Length", str(len(body)))])
        return Body(b"" if environ["REQUEST_METHOD"] == "HEAD" else body, getattr(self.last, "then", None))

    def _aws(self, environ: dict[str, Any]) -> Any:
        try:
            key, _, service = signature(environ)
        except Unsigned:
            return UNSIGNED
        if not GUARD.knows(key):
            return guard.unknown_key(environ, service)
        try:
            call = Call(environ, self.profile)
            # Read here.
            _ = call.params
        except UnknownServiceError:
            return answers.bare(environ, service, answers.not_implemented(f"the service {service}"))
        except Exception as error:
            # Not what it says: that may be a part of the body, which may be a secret.
            message = f"The request cannot be read ({type(error).__name__})."
            print(f"{service}: {message}", file=sys.stderr, flush=True)
            return answers.bare(environ, service, Refused("SerializationException", message))
        entry = self.recording.begin(call)
        if self.profile["record_params"]:
            entry["params"] = open_params(call.params)
        if self.profile["validate"] and (wrong := violations(call)):
            entry["violations"] = wrong
        try:
            answer = self._serve(call, entry)
        except Refused as refused:
            answer = answers.error(call, refused)
        except Broken:
            faults.break_connection(call.socket)
            answer = 500, {}, b""
        except (NotImplementedError, ModuleNotFoundError):
            # moto, or a package that moto needs for this service and that is not installed. Not a server's error,
            # which would be worth another try.
            answer = answers.error(call, answers.not_implemented(call.name))
        except Exception as error:
            traceback.print_exc()
            message = f"The local AWS failed at {call.name}: {error!r}"
            answer = answers.error(call, Refused("InternalError", message, 500))
        self.recording.end(entry, answer[0], answer[2])
        return answer

    def _serve(self, call: Call, entry: dict[str, Any]) -> Any:
        regions.refuse(call)
        if self.profile["authorize"]:
            with self.moto.lock:
                authorization.refuse(call)
        if self.profile["latency"]:
            time.sleep(self.profile["latency"])
        if self.profile["throttle"]:
            self.throttle.take(call, self.profile["throttle"])
        chaos = self.profile["chaos"] or {}
        fault = self.faults.chosen(call, entry, chaos)
        self._moment(call, entry, fault, BEFORE)
        answer = self._instead(call, fault, chaos)
        if answer is None:
            answer = self._effect(call)
            HOSTILE.remember(call, chaos, answer)
        self._moment(call, entry, fault, AFTER)
        return answer

    @staticmethod
    def _instead(call: Call, fault: dict[str, Any] | None, chaos: dict[str, Any]) -> Any:
        """What is answered without looking."""
        if fault and fault["kind"] == "partial":
            return partial.answer(call)
        return HOSTILE.stale(call, chaos) if chaos else None

    def _moment(self, call: Call, entry: dict[str, Any], fault: dict[str, Any] | None, moment: str) -> None:
        self.hold.reached(call, entry, moment)
        if fault:
            faults.strike(fault, moment)

    def _effect(self, call: Call) -> Any:
        with self.moto.lock:
            TIMELINE.tick()
            TIMELINE.operation = call.name
            if self.profile["tokens"] and (earlier := self.tokens.earlier(call)):
                return earlier
            chaos = self.profile["chaos"] or {}
            HOSTILE.refuse(call, chaos)
            if chaos and (failed := HOSTILE.partial(call, chaos)):
                return failed
            UNSEEN.refuse(call)
            answer = rules.judge(call)
            if answer is None:
                answer = self.moto.answer(call.request)
            rules.follow(call, answer)
            self.tokens.keep(call, answer)
            return UNSEEN.without(call, answer)

    def reset(self) -> None:
        """A new, empty, friendly AWS."""
        self.hold.release(drop=True)
        with self.moto.lock:
            self.moto.reset()
            TIMELINE.clear()
            STORE.clear()
            KUBERNETES.clear()
            HOSTS.clear()
            self.tokens.clear()
            HOSTILE.clear()
        self.profile.restore()
        self.faults.clear()
        self.throttle.clear()
        self.recording.clear()
