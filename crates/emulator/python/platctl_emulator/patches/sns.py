"""SNS: a listing hides the ARNs of subscriptions that nobody has agreed to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from moto.sns.models import SNSBackend

from .wrap import around


def hidden(subscription: Any) -> Any:
    """As a listing shows it."""
    if subscription.attributes.get("PendingConfirmation") is not True:
        return subscription
    shown = copy.copy(subscription)
    shown.arn = "PendingConfirmation"
    return shown


def apply(_profile: Any) -> None:
    """Changes the SNS backend."""
    for name in ("list_subscriptions", "list_subscriptions_by_topic"):

        @around(SNSBackend, name)
        def listed(old: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
            found, token = old(self, *args, **kwargs)
            return [hidden(subscription) for subscription in found], token
