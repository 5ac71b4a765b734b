"""What services that moto does not know, or knows wrongly, have in common: named things with tags."""

from datetime import datetime, timezone

from .answers import Refused
from .store import STORE


def now():
    """The time of a change."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def arn(call, resource, service=None, region=None):
    """An ARN of the call's account."""
    region = call.region if region is None else region
    return f"arn:aws:{service or call.service}:{region}:{call.account}:{resource}"


def tags_of(call, name):
    """The tags of a thing, by its ARN."""
    return STORE.of(call, "tags", "").setdefault(name, {})


def pairs(tags, key="Key", value="Value"):
    """Tags as a list."""
    return [{key: name, value: text} for name, text in sorted(tags.items())]


def mapped(tags, key="Key", value="Value"):
    """Tags from a list."""
    return {tag[key]: tag.get(value, "") for tag in tags or []}


def found(things, name, code, message, status=400):
    """The thing of this name, or the error that says that there is none."""
    if name not in things:
        raise Refused(code, message, status)
    return things[name]
