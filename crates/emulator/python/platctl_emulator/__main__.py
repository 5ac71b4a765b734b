"""Serves until it is told to stop. Usage: python -m platctl_emulator INSTANCE_FILE LAYER."""

import json
import os
import sys
import threading

from cheroot import wsgi

from .app import App
from .kubernetes import KUBERNETES

THREADS = 48


class Gateway(wsgi.Gateway_10):
    """Lets the application reach the socket: a fault may be a connection that breaks."""

    def get_environ(self):
        return super().get_environ() | {"platctl.socket": self.req.conn.socket}


class Server(wsgi.Server):
    """Gives a new connection to a thread once it says something: clients open more than they use, and silent ones
    would each keep a thread from working."""

    def process_conn(self, conn):
        if conn.last_used is None:
            self._connections.put(conn)
        else:
            super().process_conn(conn)


def announce(path, about):
    """Writes the instance file in one step, readable by its owner only."""
    new = f"{path}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(about, file)
    os.replace(new, path)


def main():
    path, layer = sys.argv[1:3]
    # A Ctrl-C that is meant for platctl must not end it, nor the end of the terminal.
    os.setsid()
    app = App()
    server = Server(("127.0.0.1", 0), app, numthreads=THREADS, request_queue_size=1024, timeout=60)
    server.gateway = Gateway
    server.keep_alive_conn_limit = 1024
    app.stop = lambda: threading.Thread(target=stop, args=(server,)).start()
    server.prepare()
    port = server.bind_addr[1]
    # Builds run platctl, which has to find this one.
    os.environ["PLATCTL_EMULATOR_HOME"] = os.path.dirname(os.path.abspath(path))
    KUBERNETES.base = f"http://127.0.0.1:{port}"
    announce(path, {"endpoint": f"http://127.0.0.1:{port}", "pid": os.getpid(), "layer": layer})
    threading.Thread(target=app.moto.warm_up, daemon=True).start()
    try:
        server.serve()
    finally:
        server.stop()
        remove_own(path)


def stop(server):
    """Ends the process even when some request never does."""
    threading.Timer(3, os._exit, (0,)).start()
    server.stop()


def remove_own(path):
    """Removes the instance file unless a successor has replaced it."""
    try:
        with open(path, encoding="utf-8") as file:
            if json.load(file).get("pid") == os.getpid():
                os.remove(path)
    except (OSError, ValueError):
        pass


if __name__ == "__main__":
    main()
