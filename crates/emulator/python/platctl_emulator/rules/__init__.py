"""What AWS refuses and does beyond moto, by operation. A rule is a function of a call."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .registry import AFTER, BEFORE, QUOTAS

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# Every module here registers its rules. By name, so that the rules of an operation always come in the same order.
for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")


def judge(call: Call) -> Any:
    """Lets the rules of an operation refuse it, or answer it; nothing when moto is to answer."""
    if call.profile["quotas"]:
        for rule in QUOTAS.get(call.name, ()):
            rule(call)
    if call.profile["strict"]:
        for rule in BEFORE.get(call.name, ()):
            answer = rule(call)
            if answer is not None:
                return answer
    return None


def follow(call: Call, answer: Answer) -> None:
    """What else a successful call has for effect."""
    if answer[0] < 300:
        for rule in AFTER.get(call.name, ()):
            rule(call)
