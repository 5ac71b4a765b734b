"""SQS: what moto loses of queues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.sqs.models import Queue, SQSBackend

from .wrap import around


def apply() -> None:
    """Changes the SQS backend."""
    Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
    Queue.redrive_allow_policy = None

    @around(Queue, "_set_attributes")
    def changed(old: Callable[..., Any], self: Any, attributes: dict[str, Any], now: Any = None) -> None:
        # moto forgets the policy when other attributes are changed.
        kept = {} if "Policy" in attributes else {"Policy": self.policy}
        old(self, {**kept, **attributes}, now)

    @around(SQSBackend, "create_queue")
    def create(old: Callable[..., Any], self: Any, name: str, tags: Any = None, **attributes: Any) -> Any:
        # A queue that is there already is answered as it is; moto gives it the tags of the request.
        return old(self, name, None if name in self.queues else tags, **attributes)
