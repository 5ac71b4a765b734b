"""How strict and how hostile this AWS is. Everything can be changed while it runs."""

from __future__ import annotations

from typing import Any

from .timeline import TIMELINE

DEFAULTS = {
    # Real seconds for each second that AWS takes; zero ends every state at the next look.
    "time_scale": 0.0,
    # Refuse what AWS refuses and moto does not.
    "strict": True,
    # A new account's quotas; {"L-0263D0A3": 20} for those with some of them raised, by AWS's codes.
    "quotas": False,
    # Refuse what the policies of the user or role do not allow, whose access key signed a call.
    "authorize": False,
    # Answer a second NAT gateway, endpoint… of the same token with the first.
    "tokens": True,
    # Seconds that every answer takes.
    "latency": 0.0,
    # Token buckets: true for AWS's own, a number for those that refill so many times faster, or
    # {"ec2:CreateVpc": [burst, refill per second]}.
    "throttle": False,
    # For how many seconds a new role is unknown to other services.
    "propagation": 0.0,
    # Availability zones that are not in order: {"eu-west-1c": "impaired"}.
    "zones": {},
    # Random faults: {"seed": 7, "rate": 0.05}.
    "chaos": None,
    # Keep the parameters of every recorded call, not just its name.
    "record_params": False,
    # Note where a request does not keep to AWS's model of its operation.
    "validate": True,
}


class Profile(dict):
    """The present settings."""

    def __init__(self) -> None:
        super().__init__(DEFAULTS)

    @staticmethod
    def check(changes: dict[str, Any]) -> None:
        """Settings that nobody knows are an error."""
        unknown = sorted(set(changes) - set(DEFAULTS))
        if unknown:
            raise ValueError(f"unknown setting: {', '.join(unknown)}; known: {', '.join(sorted(DEFAULTS))}")

    def change(self, changes: dict[str, Any]) -> None:
        """Takes some settings over, if all of them are known."""
        self.check(changes)
        self.update(changes)
        TIMELINE.scale = float(self["time_scale"])

    def restore(self) -> None:
        """Back to the defaults."""
        self.change(DEFAULTS)
