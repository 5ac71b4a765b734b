"""What happens later: states that end by themselves."""

import heapq
import itertools
import time


class Timeline:
    """Things to be done when their time has come; looked at before every call, under moto's lock."""

    def __init__(self):
        self.scale = 0.0
        self._queue = []
        self._order = itertools.count()

    def after(self, seconds, action):
        """Does something this much AWS time later; with a scale of zero, before the next call."""
        due = time.monotonic() + seconds * self.scale
        heapq.heappush(self._queue, (due, next(self._order), action))

    def tick(self):
        """Does what is due."""
        now = time.monotonic()
        while self._queue and self._queue[0][0] <= now:
            heapq.heappop(self._queue)[2]()

    def clear(self):
        """Forgets what is to come."""
        self._queue.clear()


TIMELINE = Timeline()
