"""The one way in which moto's methods are changed."""

from __future__ import annotations

import functools
from typing import Any


def around(owner: Any, name: str) -> Any:
    """Replaces a method by a function that gets the old one first."""

    def replace(function: Any) -> Any:
        old = getattr(owner, name)

        @functools.wraps(old)
        def new(*args: Any, **kwargs: Any) -> Any:
            return function(old, *args, **kwargs)

        setattr(owner, name, new)
        return function

    return replace
