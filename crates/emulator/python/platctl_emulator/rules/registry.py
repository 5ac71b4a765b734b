"""Where rules register themselves."""

from collections import defaultdict

BEFORE, AFTER, QUOTAS = defaultdict(list), defaultdict(list), defaultdict(list)


def _register(table, names):
    def register(rule):
        for name in names:
            table[name].append(rule)
        return rule

    return register


def before(*names):
    """The rule runs before these operations; it may raise Refused, or answer."""
    return _register(BEFORE, names)


def after(*names):
    """The rule runs after these operations, when they succeeded."""
    return _register(AFTER, names)


def quota(*names):
    """The rule runs before these operations where quotas hold."""
    return _register(QUOTAS, names)
