"""Changes of moto itself: states that take their time, and what it keeps or answers wrongly."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any


def apply(profile: Any) -> None:
    """Applies all, once, before the first call: those of every module here that has any, by name."""
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        module = import_module(f"{__name__}.{name}")
        if hasattr(module, "apply"):
            module.apply(profile)
