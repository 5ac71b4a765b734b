"""What services that moto does not know, or knows wrongly, have in common: named things with tags."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .answers import Refused
from .store import STORE

if TYPE_CHECKING:
    from .calls import Call


def now() -> datetime:
    """The time of a change."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def arn(call: Call, resource: Any, service: str | None = None, region: str | None = None) -> str:
    """An ARN of the call's account."""
    region = call.region if region is None else region
    return f"arn:aws:{service or call.service}:{region}:{call.account}:{resource}"


def tags_of(call: Call, name: str) -> Any:
    """The tags of a thing, by its ARN."""
    return STORE.of(call, "tags", "").setdefault(name, {})


def pairs(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as a list."""
    return [{key: name, value: text} for name, text in sorted(tags.items())]


def mapped(tags: list[dict[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Tags from a list."""
    return {tag[key]: tag.get(value, "") for tag in tags or []}


def found(things: Any, name: Any, code: str, message: str, status: int = 400) -> Any:
    """The thing of this name, or the error that says that there is none."""
    if name not in things:
        raise Refused(code, message, status)
    return things[name]
