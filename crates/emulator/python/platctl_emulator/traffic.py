"""Requests that are being answered, and the moment at which none is."""

import threading
from contextlib import contextmanager


class Traffic:
    """Lets requests in, or keeps them out. A thread that is in the middle of one may hold any lock of any library,
    which a copy of the process would never get back."""

    def __init__(self):
        self._changed = threading.Condition()
        self._inside, self._closed = 0, False

    @contextmanager
    def inside(self):
        """While a request is answered."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def aside(self):
        """While one that is being answered only waits."""
        self._leave()
        try:
            yield
        finally:
            self._enter()

    @contextmanager
    def closed(self):
        """While none is being answered: those that have begun come to their end before, others wait."""
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._closed = True
            self._changed.wait_for(lambda: self._inside == 0)
        try:
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()

    def _enter(self):
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1

    def _leave(self):
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()
