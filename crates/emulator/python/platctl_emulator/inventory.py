"""How many things there are of each kind, counted in this AWS itself, whatever anybody claims to have made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.common_models import BaseModel
from moto.ssm.models import ParameterDict

from .kubernetes import KUBERNETES
from .store import STORE

# What happens by itself, or remains of what was: no resource, and of no cost.
TRACES = {
    "cloudwatch:MetricDatum",
    "codebuild:Build",
    "ec2:NetworkAclEntry",
    "kms:Grant",
    "logs:LogEvent",
    "logs:LogStream",
    "s3:FakeAcl",
    "s3:FakeDeleteMarker",
    "s3:FakeGrant",
    "s3:FakeGrantee",
    "s3:FakeKey",
    "layer:builds",
    "layer:cache_snapshots",
    "layer:controllers",
    "layer:deleted_queues",
    "layer:eks.updates",
    "layer:executions",
    "layer:route53.Change",
    "layer:running",
    "layer:tags",
    "layer:updates",
}


def inventory() -> dict[str, Any]:
    """Counts by service and kind. To be called under moto's lock."""
    counts = Counter(KUBERNETES.kinds())
    for accounts in BackendDict._instances:
        for backend in dict.get(accounts, DEFAULT_ACCOUNT_ID, {}).values():
            counts.update(of(accounts.service_name, backend))
            counts.subtract(brought(accounts, backend))
    for what, named in STORE.kinds():
        counts[f"layer:{what}"] += len(named)
    return {name: count for name, count in sorted(counts.items()) if count and name not in TRACES}


def prepare() -> None:
    """Finds out what AWS itself brought, so that a copy does not have to. To be called under moto's lock."""
    for accounts in BackendDict._instances:
        for backend in list(dict.get(accounts, DEFAULT_ACCOUNT_ID, {}).values()):
            brought(accounts, backend)


def of(service: str, backend: Any) -> Any:
    """Counts of one service in one region."""
    return Counter(f"{service}:{type(thing).__name__}" for thing in things(vars(backend)))


BROUGHT = {}


def brought(accounts: Any, backend: Any) -> Any:
    """What AWS itself has there before anybody makes anything: images, default networks, prefix lists. It comes
    into being when a region is first asked, so that it would tell which regions were asked."""
    looked = hasattr(backend, "images_loaded")
    key = (accounts.service_name, backend.region_name, looked)
    if key not in BROUGHT:
        fresh = type(backend)(backend.region_name, backend.account_id)
        if looked:
            fresh.describe_images()
        BROUGHT[key] = of(accounts.service_name, fresh)
    return BROUGHT[key]


def things(value: Any, met: Any = None) -> Iterator[Any]:
    """moto's models within the attributes of a backend, and within each other, each once; what is gone for good
    left out."""
    met = set() if met is None else met
    if isinstance(value, BaseBackend):
        return
    if isinstance(value, BaseModel):
        if id(value) not in met and not gone(value):
            met.add(id(value))
            yield value
            yield from things(vars(value), met)
    elif isinstance(value, ParameterDict):
        # Its versions, of which only the last one counts.
        yield from things([versions[-1] for versions in list(value.values()) if versions], met)
    elif isinstance(value, Mapping):
        for inner in list(value.values()):
            yield from things(inner, met)
    elif isinstance(value, (list, set, tuple)):
        for inner in list(value):
            yield from things(inner, met)


def gone(thing: Any) -> bool:
    """Whether AWS still shows it, though it is no more, or only waits for its end."""
    state = getattr(thing, "state", None) or getattr(thing, "key_state", None)
    return state in ("deleted", "terminated", "PendingDeletion") or getattr(thing, "deleted_date", None) is not None
