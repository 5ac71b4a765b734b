"""The one way in which moto's methods are changed."""

import functools


def around(owner, name):
    """Replaces a method by a function that gets the old one first."""

    def replace(function):
        old = getattr(owner, name)

        @functools.wraps(old)
        def new(*args, **kwargs):
            return function(old, *args, **kwargs)

        setattr(owner, name, new)
        return function

    return replace
