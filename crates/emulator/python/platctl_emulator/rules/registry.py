"""Where rules register themselves."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

BEFORE, AFTER, QUOTAS = defaultdict(list), defaultdict(list), defaultdict(list)


def _register(table: Any, names: Any) -> Any:
    def register(rule: Any) -> Any:
        for name in names:
            table[name].append(rule)
        return rule

    return register


def before(*names: Any) -> Any:
    """The rule runs before these operations; it may raise Refused, or answer."""
    return _register(BEFORE, names)


def after(*names: Any) -> Any:
    """The rule runs after these operations, when they succeeded."""
    return _register(AFTER, names)


def quota(*names: Any) -> Any:
    """The rule runs before these operations where quotas hold."""
    return _register(QUOTAS, names)
