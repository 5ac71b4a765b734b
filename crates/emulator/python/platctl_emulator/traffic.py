"""Requests that are being answered, and the moment at which none is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Traffic:
    """Lets requests in, or keeps them out. A thread that is in the middle of one may hold any lock of any library,
    which a copy of the process would never get back."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside, self._closed = 0, False

    @contextmanager
    def inside(self) -> Iterator[None]:
        """While a request is answered."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While one that is being answered only waits."""
        self._leave()
        try:
            yield
        finally:
            self._enter()

    @contextmanager
    def closed(self) -> Iterator[None]:
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

    def _enter(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1

    def _leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()
