"""What happens later: states that end by themselves."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any


class Timeline:
    """Things to be done when their time has come; looked at before every call, under moto's lock."""

    def __init__(self) -> None:
        self.scale = 0.0
        # The operation that is being answered: what begins a state.
        self.operation = ""
        self._queue: list[tuple[float, int, Callable[[], Any]]] = []
        self._order = itertools.count()
        self._lost = 0.0
        self._stood: float | None = None
        self._stop_at: frozenset[str] = frozenset()
        # How often each operation has begun something that takes time; where the time stands, since it does.
        self.begun: dict[str, int] = {}

    def now(self) -> float:
        """The time here: it can be stopped."""
        return (time.monotonic() if self._stood is None else self._stood) - self._lost

    def after(self, seconds: float, action: Callable[[], Any]) -> None:
        """Does something this much AWS time later; with a scale of zero, before the next call."""
        if seconds * self.scale > 0:
            self._begin()
        heapq.heappush(self._queue, (self.now() + seconds * self.scale, next(self._order), action))

    def _begin(self) -> None:
        """Counts what takes time, and stops it where that was asked for."""
        self.begun[self.operation] = self.begun.get(self.operation, 0) + 1
        if self.operation in self._stop_at:
            self.stop()

    def stop_at(self, operations: Iterable[str]) -> None:
        """Stops the time when one of these operations begins something that takes time."""
        self._stop_at, self.begun = frozenset(operations), {}

    def stop(self) -> None:
        """Nothing that is under way ends any more."""
        if self._stood is None:
            self._stood = time.monotonic()
            self.begun = {self.operation: 1}
        self._stop_at = frozenset()

    def go_on(self, until: Iterable[str] = ()) -> None:
        """Time goes on where it stood, until one of these operations begins something that takes time."""
        if self._stood is not None:
            self._lost += time.monotonic() - self._stood
        self._stood = None
        self.stop_at(until)

    def run_out(self) -> None:
        """Does all that is still to come, as if so much time had passed."""
        while self._queue:
            heapq.heappop(self._queue)[2]()

    def lose(self, seconds: float) -> None:
        """So much time has not passed."""
        if self._stood is None:
            self._lost += seconds

    def standing(self) -> bool:
        """Whether the time stands."""
        return self._stood is not None

    def tick(self) -> None:
        """Does what is due."""
        now = self.now()
        while self._queue and self._queue[0][0] <= now:
            heapq.heappop(self._queue)[2]()

    def clear(self) -> None:
        """Forgets what is to come; time goes on."""
        self._queue.clear()
        self.go_on()


TIMELINE = Timeline()
