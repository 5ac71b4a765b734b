"""The index of tags: moto's, with what the layer itself keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..answers import Answer, result
from ..backends import backend
from ..store import STORE
from ..things import mapped, pairs
from .registry import before

if TYPE_CHECKING:
    from ..calls import Call

NAMES = ("arn", "Arn", "ARN")


@before("tagging:GetResources")
def get_resources(call: Call) -> Answer:
    """moto's pages, and on the last one what moto does not know. As in AWS, what was deleted may still be listed."""
    params = call.params
    wanted = params.get("TagFilters") or []
    token, known = backend(call, call.backend).get_resources(
        pagination_token=params.get("PaginationToken") or None,
        resources_per_page=params.get("ResourcesPerPage") or 50,
        tag_filters=wanted,
        resource_type_filters=params.get("ResourceTypeFilters") or [],
        resource_arn_list=params.get("ResourceARNList") or [],
    )
    found = {one.arn: dict(one.tags) for one in known}
    if not token:
        found |= {arn: tags for arn, tags in kept(call) if arn not in found and fits(tags, wanted)}
    listed = [{"ResourceARN": arn, "Tags": pairs(tags)} for arn, tags in found.items()]
    return result(call, {"PaginationToken": token or "", "ResourceTagMappingList": listed})


def fits(tags: Mapping[str, str], wanted: list[dict[str, Any]]) -> bool:
    """Whether all filters let the tags pass."""
    return all(
        one["Key"] in tags and (not one.get("Values") or tags[one["Key"]] in one["Values"]) for one in wanted
    )


def kept(call: Call) -> Iterator[tuple[str, dict[str, str]]]:
    """What the layer keeps in the call's account and region, with its tags."""
    for name, tags in STORE.of(call, "tags", "").items():
        if f":{call.region}:" in name:
            yield name, tags
    for things in STORE.here(call):
        yield from tagged(things)


def listed(tags: list[dict[str, str]]) -> dict[str, str]:
    """Tags from a list, in the spelling of its service: CodeBuild writes `key`."""
    small = any("key" in tag for tag in tags)
    return mapped(tags, "key", "value") if small else mapped(tags)


def tagged(value: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Everything within a thing that has an ARN and tags."""
    if not isinstance(value, Mapping):
        return
    arn = next((value[name] for name in NAMES if isinstance(value.get(name), str)), None)
    tags = value.get("tags")
    if arn and tags:
        yield arn, dict(tags) if isinstance(tags, Mapping) else listed(tags)
    for inner in value.values():
        yield from tagged(inner)
