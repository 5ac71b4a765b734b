"""Profiles by name: what users and tests say instead of single settings."""

from __future__ import annotations

from typing import Any

NAMES = ("calm", "realistic", "strict", "hostile", "cut")
# What may be said of a profile, of whichever it is: no settings, but what these are made from.
PARAMETERS = ("name", "scale", "seed", "unseen", "buckets", "call", "moment")


def settings(name: str, params: dict[str, Any]) -> Any:
    """The settings of a profile, and the faults that come with it."""
    if name not in NAMES:
        raise ValueError(f"unknown profile {name!r}; known: {', '.join(NAMES)}")
    if name == "realistic":
        # States last as long as on AWS, times a factor.
        scale = float(params.get("scale", 0.01))
        return {"time_scale": scale, "propagation": 10 * scale}, []
    if name == "strict":
        return {"quotas": True}, []
    if name == "hostile":
        chaos = hostile(int(params.get("seed", 0))) | {key: params[key] for key in ("unseen",) if key in params}
        settings = {"chaos": chaos, "time_scale": float(params.get("scale", 0.0))}
        # AWS's own buckets, which fill up so many times faster that a run does not take minutes.
        return settings | {"throttle": params.get("buckets", 20)}, []
    if name == "cut":
        moment = params.get("moment", "after")
        if moment not in ("before", "after"):
            raise ValueError("a call is cut before or after its effect")
        return {}, [{"kind": f"reset_{moment}", "mutation": int(params["call"])}]
    return {}, []


def hostile(seed: int) -> dict[str, Any]:
    """All that can go wrong, some of it, by a seed."""
    return {
        "seed": seed,
        # Errors before and after the effect, broken connections, throttling, slow answers: of every call.
        "rate": 0.04,
        "kinds": ["error_before", "error_after", "reset_before", "reset_after", "throttle", "slow"],
        # Refusals that pass, of those calls that AWS is known to refuse so.
        "passing": 0.3,
        # Calls whose items all failed, though they succeeded.
        "partial": 0.2,
        # Of what is new: for how long reads do not see it, and how often.
        "unseen": 0.1,
        "unseen_seconds": 0.3,
        # Reads that tell what was, for up to this many seconds.
        "stale": 0.1,
        "lag": 0.3,
        # NAT gateways, node groups, add-ons and load balancers that end failed.
        "failed": 0.1,
    }
