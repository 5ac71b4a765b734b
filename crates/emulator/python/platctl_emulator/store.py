"""What the layer itself keeps: things of services that moto does not know."""


class Store:
    """Dictionaries by account, region and kind of thing; forgotten at a reset. To be used under moto's lock."""

    def __init__(self):
        self._things = {}

    def of(self, call, kind, region=None):
        """The things of a kind, in the account of a call, and in its region or another one."""
        return self._things.setdefault((call.account, region or call.region, kind), {})

    def kinds(self):
        """Every kind, with its things, of all accounts and regions."""
        return [(kind, things) for (_, _, kind), things in self._things.items()]

    def clear(self):
        """Forgets everything."""
        self._things.clear()


STORE = Store()
