"""What the layer itself keeps: things of services that moto does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calls import Call


class Store:
    """Dictionaries by account, region and kind of thing; forgotten at a reset. To be used under moto's lock."""

    def __init__(self) -> None:
        self._things = {}

    def of(self, call: Call, kind: str, region: str | None = None) -> Any:
        """The things of a kind, in the account of a call, and in its region or another one; "" for what has no region,
        such as the users of IAM: whatever region a request is signed for."""
        return self._things.setdefault((call.account, call.region if region is None else region, kind), {})

    def everywhere(self, kind: str) -> Any:
        """The things of a kind that belong to no account and no region."""
        return self._things.setdefault(("", "", kind), {})

    def here(self, call: Call) -> list[Any]:
        """The things of every kind in the account and the region of a call."""
        place = (call.account, call.region)
        return [things for (account, region, _), things in self._things.items() if (account, region) == place]

    def kinds(self) -> list[Any]:
        """Every kind, with its things, of all accounts and regions."""
        return [(kind, things) for (_, _, kind), things in self._things.items()]

    def clear(self) -> None:
        """Forgets everything."""
        self._things.clear()


STORE = Store()
