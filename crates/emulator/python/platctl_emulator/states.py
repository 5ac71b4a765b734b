"""States that things get into by themselves: expired, failed, degraded."""

from __future__ import annotations

from typing import Any

from moto.backends import get_backend

from .rules.backup import plant
from .rules.eks import against, endings
from .store import STORE


def everywhere(service: str) -> list[Any]:
    """moto's stores of a service, of all accounts and regions."""
    return [region for regions in dict(get_backend(service)).values() for region in dict(regions).values()]


def certificates(name: str) -> list[Any]:
    """By ARN."""
    return [region._certificates[name] for region in everywhere("acm") if name in region._certificates]


def clusters(name: str) -> list[Any]:
    """By name."""
    return [region.clusters[name] for region in everywhere("rds") if name in region.clusters]


def instances(name: str) -> list[Any]:
    """By name."""
    return [region.databases[name] for region in everywhere("rds") if name in region.databases]


def node_groups(name: str) -> list[Any]:
    """By name, in whatever cluster."""
    kept = [things for kind, things in STORE.kinds() if kind == "eks.nodegroups"]
    return [thing for things in kept for (_, known), thing in things.items() if known == name]


KINDS = {
    "acm.Certificate": certificates,
    "rds.DbCluster": clusters,
    "rds.DbInstance": instances,
    "eks.NodeGroup": node_groups,
}


# What a code is kept for that an operation is to fail with.
NEXT = {"eks.Update": "update", "eks.Deletion": "deletion"}


def set_state(kind: str, name: str, state: str) -> None:
    """Of all things of that name.

    Of an update or a deletion of EKS: how the next one of that thing ends. Of a recovery point: another one of the
    resource with this ARN, in the vault of this name. Of an insight: what EKS finds against all upgrades of the cluster
    of this name; nothing any more when it is empty.
    """
    if kind == "eks.Insight":
        against()[name] = [state] if state else []
        return
    if kind in NEXT:
        endings()[(NEXT[kind], name)] = state
        return
    if kind == "backup.RecoveryPoint":
        for _, vaults in [one for one in STORE.kinds() if one[0] == "vaults"]:
            if name in vaults:
                plant(vaults[name], state)
        return
    found = KINDS[kind](name)
    if not found:
        raise KeyError(f"no {kind} of the name {name}")
    for thing in found:
        if isinstance(thing, dict):
            thing["status"] = state
            thing["health"] = {
                "issues": [{"code": "NodeCreationFailure", "message": "Unhealthy nodes", "resourceIds": []}]
            }
        else:
            thing.status = state
