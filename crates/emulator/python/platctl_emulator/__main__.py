"""Serves until it is told to stop. Usage: python -m platctl_emulator INSTANCE_FILE LAYER."""

from __future__ import annotations

import json
import os
import select
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from cheroot import wsgi

from .app import App
from .copies import Copies, replace_sockets
from .guard import GUARD
from .kubernetes import KUBERNETES

THREADS = 48


class Gateway(wsgi.Gateway_10):
    """Lets the application reach the socket: a fault may be a connection that breaks."""

    def get_environ(self) -> Any:
        return super().get_environ() | {"platctl.socket": self.req.conn.socket}


class Server(wsgi.Server):
    """Gives a new connection to a thread once it says something: clients open more than they use, and silent ones
    would each keep a thread from working."""

    # cheroot's own.
    _connections: Any
    keep_alive_conn_limit: Any

    def __init__(self, app: Any, listening: Any = None) -> None:
        super().__init__(("127.0.0.1", 0), app, numthreads=THREADS, request_queue_size=1024, timeout=60)
        # No limit: connections are not counted, which would need the selector's lock for every answer.
        self.gateway, self.keep_alive_conn_limit = Gateway, None
        self._listening = listening

    def bind(self, family: Any, type: Any, proto: Any = 0) -> Any:
        """Of a copy: the socket that is bound already."""
        if self._listening is None:
            return super().bind(family, type, proto)
        self.socket = self._listening
        self.bind_addr = self.socket.getsockname()
        return self.socket

    def process_conn(self, conn: Any) -> None:
        if conn.last_used is None:
            self._connections.put(conn)
        else:
            super().process_conn(conn)

    def take_waiting(self) -> None:
        """Accepts whoever waits, and would otherwise be answered by a copy."""
        while select.select([self.socket], [], [], 0)[0]:
            connection = self._connections._from_server_socket(self.socket)
            if connection is not None:
                self.process_conn(connection)

    @property
    def selector(self) -> Any:
        """What waits for connections."""
        return self._connections._selector


class Instance:
    """The process: its server, and the file that says where it is."""

    def __init__(self, app: Any, path: str, layer: str) -> None:
        self._app, self._path, self._layer = app, path, layer
        # Whether it ends with the process that started it.
        self._owned = bool(os.environ.pop("PLATCTL_EMULATOR_OWNED", None))
        self._server: Any = None
        self._former: list[Server] = []
        self.about: dict[str, Any] = {}

    def listen(self, listening: Any = None) -> None:
        """Begins to listen, and says so."""
        self._server = Server(self._app, listening)
        self._app.stop = self._stop
        self._server.prepare()
        endpoint = f"http://127.0.0.1:{self._server.bind_addr[1]}"
        # Builds run platctl, which has to find this one.
        os.environ["PLATCTL_EMULATOR_HOME"] = os.path.dirname(os.path.abspath(self._path))
        KUBERNETES.base = endpoint
        GUARD.open(self._server.bind_addr[1])
        self.about = {"endpoint": endpoint, "pid": os.getpid(), "layer": self._layer, "key": GUARD.key}
        announce(self._path, self.about)

    def elsewhere(self, path: str) -> None:
        """Of a copy: listens at an address of its own."""
        self._path = path
        self.listen()

    def again(self) -> None:
        """Of a copy: listens where the one that it was made from did."""
        self.listen(self._former[-1].socket)

    def let_go(self) -> None:
        """Of a copy: nothing of the server that it was made from is used any more."""
        former = self._server
        # Kept: what is thrown away would close connections by their numbers.
        self._former.append(former)
        null = replace_sockets(former.socket.fileno())
        os.dup2(null, former.selector._selector.fileno())

    def pause(self) -> None:
        """Takes no more connections than those that there are."""
        self._server.selector.unregister(self._server.socket.fileno())
        self._server.take_waiting()

    def resume(self) -> None:
        """Takes connections again."""
        announce(self._path, self.about)
        self._server.selector.register(self._server.socket.fileno(), 1, data=self._server)

    def serve(self) -> None:
        """Until it is stopped, or nobody is left who wants it."""
        if self._owned:
            threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
        try:
            self._server.serve()
        finally:
            self._server.stop()
            self.remove()

    def remove(self) -> None:
        """Takes back what was said of it."""
        remove_own(self._path)

    def _stop(self) -> None:
        threading.Thread(target=stop, args=(self._server,)).start()


def announce(path: str, about: Any) -> None:
    """Writes the instance file in one step, readable by its owner only: it has the secret in it. What lies at the other
    name is somebody else's, and is never written into."""
    new = f"{path}.new"
    with suppress(FileNotFoundError):
        os.unlink(new)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(about, file)
    os.replace(new, path)


def end_with(parent: Any) -> None:
    """Ends this process when the one that started it has ended."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def main() -> None:
    path, layer = sys.argv[1:3]
    # A Ctrl-C that is meant for platctl must not end it, nor the end of the terminal.
    os.setsid()
    app = App()
    instance = Instance(app, path, layer)
    app.copies = Copies(app, instance)
    instance.listen()
    threading.Thread(target=app.moto.warm_up, daemon=True).start()
    instance.serve()


def stop(server: Any) -> None:
    """Ends the process even when some request never does."""
    threading.Timer(3, os._exit, (0,)).start()
    server.stop()


def remove_own(path: str) -> None:
    """Removes the instance file unless a successor has replaced it."""
    try:
        with open(path, encoding="utf-8") as file:
            if json.load(file).get("pid") == os.getpid():
                os.remove(path)
    except (OSError, ValueError):
        pass


if __name__ == "__main__":
    main()
