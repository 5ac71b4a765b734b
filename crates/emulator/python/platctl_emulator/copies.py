"""Copies of this AWS: its process forks, and the copy knows all that was made so far.

A *fork* gets an address of its own and lives beside this one. A *branch* takes over the address while this one waits
for its end: what is done in a branch has never happened once it is over, and addresses that were given out, those of
clusters, stay true."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from typing import Any

from . import builds, inventory
from .faults import Hold
from .timeline import TIMELINE
from .traffic import Traffic

# How a copy ends when everything is to end, the one that it was made from as well.
ALL = 9


class Copies:
    """Makes copies of the process that an application runs in."""

    def __init__(self, app: Any, instance: Any) -> None:
        self._app, self._instance, self._branch = app, instance, False

    def fork(self, path: str) -> Any:
        """A copy at an address of its own, with an instance file of its own; answers what it says of itself."""
        pid, about = self._copy(lambda: self._instance.elsewhere(path))
        threading.Thread(target=os.waitpid, args=(pid, 0), daemon=True).start()
        return about

    def branch(self) -> Any:
        """A copy at this address. This one serves again when it has ended."""
        begun = time.monotonic()
        pid, about = self._copy(self._take_over)
        threading.Thread(target=self._wait, args=(pid, begun), daemon=True).start()
        return about

    def branch_is_over(self) -> Any:
        """Ends this branch, once that is answered; answers whether it is one."""
        return self._over(0)

    def all_is_over(self) -> Any:
        """The same, and ends what it was made from as well."""
        return self._over(ALL)

    def _over(self, status: Any) -> Any:
        if self._branch:
            self._instance.pause()
            self._app.last.then = lambda: self._leave(status)
        return self._branch

    def _leave(self, status: Any) -> None:
        builds.end_all()
        if status == ALL:
            self._instance.remove()
        os._exit(status)

    def _take_over(self) -> None:
        self._branch = True
        self._instance.again()

    def _copy(self, begin: Any) -> Any:
        """Forks. `begin` makes the copy's server."""
        app, stands = self._app, begin == self._take_over
        # Whoever is in the middle of something has no thread in the copy.
        with app.traffic.closed():
            builds.GATE.acquire()
            with app.moto.lock, app.recording.lock, app.faults.lock, app.throttle.lock:
                if stands:
                    # Many copies are made of one, and each is counted at its end.
                    inventory.prepare()
                    builds.pause()
                    self._instance.pause()
                # No other copy gets an end of it, which would keep it open.
                ready = os.pipe()
                pid = os.fork()
                if pid:
                    os.close(ready[1])
            if pid == 0 or not stands:
                builds.GATE.release()
        if pid == 0:
            self._live(ready[1], begin)
        with os.fdopen(ready[0], encoding="utf-8") as pipe:
            said = pipe.read()
        if not said:
            raise ValueError("the copy did not begin; its log says why")
        return pid, json.loads(said)

    def _live(self, ready: Any, begin: Any) -> None:
        """The copy's life. It never comes back from here."""
        status = 1
        try:
            self._app.traffic = Traffic()
            self._app.hold = Hold(self._app.traffic)
            self._instance.let_go()
            begin()
            builds.again(self._app.moto.lock)
            os.write(ready, json.dumps(self._instance.about).encode())
            os.close(ready)
            self._instance.serve()
            status = 0
        finally:
            os._exit(status)

    def _wait(self, pid: Any, begun: Any) -> None:
        """Goes on when a branch has ended; its time has not passed here."""
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) == ALL:
            self._instance.remove()
            os._exit(ALL if self._branch else 0)
        with self._app.moto.lock:
            TIMELINE.lose(time.monotonic() - begun)
        builds.resume()
        self._instance.resume()


def replace_sockets(kept: Any) -> Any:
    """In a copy: connections belong to the one that it was made from. Their numbers stay taken, so that no object that
    remembers one closes what is not its own."""
    null = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/dev/fd"):
        number = int(name)
        try:
            is_socket = stat.S_ISSOCK(os.fstat(number).st_mode)
        except OSError:
            continue
        if is_socket and number != kept:
            os.dup2(null, number)
    return null
