"""CloudFront's policies and origin access controls, and what all of its things share: versions, use, tags."""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..store import STORE
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# Policies of AWS itself.
MANAGED = {
    "CachePolicy": {
        "658327ea-f89d-4fab-a63d-7e88639e58f6": "Managed-CachingOptimized",
        "b2884449-e4de-46a7-ac36-70bc7f1ddd6d": "Managed-CachingOptimizedForUncompressedObjects",
        "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": "Managed-CachingDisabled",
        "08627262-05a9-4f76-9ded-b50ca2e3a84f": "Managed-Elemental-MediaPackage",
        "2e54312d-136d-493c-8eb9-b001f22f67d2": "Managed-Amplify",
        "83da9c7e-98b4-4e11-a168-04f0df8e2c65": "UseOriginCacheControlHeaders",
        "4cc15a8a-d715-48a4-82b8-cc0b614638fe": "UseOriginCacheControlHeaders-QueryStrings",
    },
    "OriginRequestPolicy": {
        "216adef6-5c7f-47e4-b989-5492eafa07d3": "Managed-AllViewer",
        "33f36d7e-f396-46d9-90e0-52428a34d9dc": "Managed-AllViewerAndCloudFrontHeaders-2022-06",
        "b689b0a8-53d0-40ab-baf2-68738e2966ac": "Managed-AllViewerExceptHostHeader",
        "59781a5b-3903-41f3-afcb-af62929ccde1": "Managed-CORS-CustomOrigin",
        "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf": "Managed-CORS-S3Origin",
        "775133bc-15f2-49f9-abea-afb2e0bf67d2": "Managed-Elemental-MediaTailor-PersonalizedManifests",
        "bf0718e1-ba1e-49d1-88b1-f726733018ae": "Managed-HostHeaderOnly",
        "acba4595-bd28-49b8-b9fe-13317c0390fa": "Managed-UserAgentRefererHeaders",
    },
    "ResponseHeadersPolicy": {
        "60669652-455b-4ae9-85a4-c4c02393f86c": "Managed-SimpleCORS",
        "5cc3b908-e619-4b99-88e5-2cf7f45965bd": "Managed-CORS-With-Preflight",
        "67f7725c-6f97-4210-82d7-5512b31e9d03": "Managed-SecurityHeadersPolicy",
        "e61eb60c-9c35-4d20-a928-2b84e02af89c": "Managed-CORS-and-SecurityHeadersPolicy",
        "eaab4381-ed33-4a86-88ca-d9558dc6cd63": "Managed-CORS-with-preflight-and-SecurityHeadersPolicy",
    },
}
PLURALS = {
    "CachePolicy": "ListCachePolicies",
    "OriginRequestPolicy": "ListOriginRequestPolicies",
    "ResponseHeadersPolicy": "ListResponseHeadersPolicies",
    "OriginAccessControl": "ListOriginAccessControls",
}


def things(call: Call, kind: str) -> Any:
    """Everything of a kind. CloudFront is the same in all regions."""
    return STORE.of(call, f"cloudfront.{kind}", "global")


def now() -> Any:
    """The time, as answers carry it."""
    return datetime.now(timezone.utc)


def name_of(prefix: str, length: int = 13) -> Any:
    """A new id."""
    return prefix + "".join(random.choices(string.ascii_uppercase + string.digits, k=length))


def version(thing: Any, call: Call) -> None:
    """Lets only the newest version be changed."""
    stated = call.params.get("IfMatch")
    if not stated:
        raise Refused("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.", 400)
    if stated != thing["ETag"]:
        raise Refused("PreconditionFailed", "The request failed because it didn't meet the preconditions.", 412)


def counted(value: Any, path: str = "") -> None:
    """Every list says how long it is."""
    if isinstance(value, dict):
        if "Quantity" in value and value["Quantity"] != len(value.get("Items") or []):
            raise Refused("InconsistentQuantities", f"The value of Quantity and the size of Items don't match: {path}")
        for key, item in value.items():
            counted(item, f"{path}/{key}")
    elif isinstance(value, list):
        for item in value:
            counted(item, path)


def page(call: Call, items: Any) -> Any:
    """The part of a list that a call asks for."""
    marker, most = call.params.get("Marker"), int(call.params.get("MaxItems") or 100)
    names = [item.get("Id") for item in items]
    start = names.index(marker) if marker in names else 0
    rest = items[start:]
    answer = {"Marker": marker or "", "MaxItems": most, "IsTruncated": len(rest) > most, "Items": rest[:most]}
    answer["Quantity"] = len(answer["Items"])
    if answer["IsTruncated"]:
        answer["NextMarker"] = rest[most]["Id"]
    return answer


def in_force(call: Call) -> Iterator[Any]:
    """The configurations of all distributions, with those that an update has not replaced everywhere yet."""
    for distribution in things(call, "Distribution").values():
        yield distribution["Config"]
        yield from distribution["Before"]


def behaviors(config: dict[str, Any]) -> list[Any]:
    """The default behaviour and all others."""
    return [config["DefaultCacheBehavior"], *(config.get("CacheBehaviors", {}).get("Items") or [])]


def origins(config: dict[str, Any]) -> Any:
    """All origins."""
    return config["Origins"].get("Items") or []


def used(call: Call, noun: str, name: str) -> bool:
    """Whether a distribution refers to it."""
    for config in in_force(call):
        if noun == "OriginAccessControl":
            found = [origin.get("OriginAccessControlId") for origin in origins(config)]
        elif noun == "VpcOrigin":
            found = [(origin.get("VpcOriginConfig") or {}).get("VpcOriginId") for origin in origins(config)]
        else:
            found = [behavior.get(f"{noun}Id") for behavior in behaviors(config)]
        if name in found:
            return True
    return False


def shown(noun: str, thing: Any) -> Any:
    """One as an answer shows it."""
    answer = {"Id": thing["Id"], f"{noun}Config": thing["Config"]}
    if noun != "OriginAccessControl":
        answer["LastModifiedTime"] = thing["Time"]
    return answer


def managed(noun: str, name: str) -> dict[str, Any]:
    """A policy of AWS itself; only its name is kept."""
    config: dict[str, Any] = {"Name": MANAGED[noun][name], "Comment": ""}
    if noun == "CachePolicy":
        config["MinTTL"] = 0
    if noun == "OriginRequestPolicy":
        config["HeadersConfig"] = {"HeaderBehavior": "none"}
        config["CookiesConfig"] = {"CookieBehavior": "none"}
        config["QueryStringsConfig"] = {"QueryStringBehavior": "none"}
    return {"Id": name, "Config": config, "ETag": "E23ZP02F085DFQ", "Time": datetime(2021, 1, 1, tzinfo=timezone.utc)}


def named(call: Call, noun: str, config: dict[str, Any], but: Any = None) -> None:
    """Names are unique."""
    taken = [thing["Id"] for thing in things(call, noun).values() if thing["Config"]["Name"] == config["Name"]]
    if any(name != but for name in taken):
        raise Refused(f"{noun}AlreadyExists", f"The {noun} with the name {config['Name']} already exists.", 409)


def found(call: Call, noun: str, changing: bool = False) -> Any:
    """The one that a call is about."""
    name = call.params["Id"]
    if name in MANAGED.get(noun, {}):
        if changing:
            raise Refused("IllegalUpdate" if call.operation.startswith("Update") else "IllegalDelete", "Managed.")
        return managed(noun, name)
    if name not in things(call, noun):
        raise Refused(f"NoSuch{noun}", f"The {noun} does not exist.", 404)
    return things(call, noun)[name]


def completed(noun: str, config: dict[str, Any]) -> Any:
    """What AWS adds to what it gets."""
    counted(config)
    if noun == "CachePolicy":
        config.setdefault("MinTTL", 0)
        config.setdefault("DefaultTTL", max(86400, config["MinTTL"]))
        config.setdefault("MaxTTL", max(31536000, config["DefaultTTL"]))
        if not config["MinTTL"] <= config["DefaultTTL"] <= config["MaxTTL"]:
            raise Refused("InvalidArgument", "The parameter MinTTL, DefaultTTL and MaxTTL are not in order.")
        parameters = config.get("ParametersInCacheKeyAndForwardedToOrigin") or {}
        key = [
            parameters.get("EnableAcceptEncodingGzip"),
            parameters.get("EnableAcceptEncodingBrotli"),
            parameters.get("HeadersConfig", {}).get("HeaderBehavior", "none") != "none",
            parameters.get("CookiesConfig", {}).get("CookieBehavior", "none") != "none",
            parameters.get("QueryStringsConfig", {}).get("QueryStringBehavior", "none") != "none",
        ]
        if config["MaxTTL"] == 0 and any(key):
            message = "The parameter HeaderBehavior is invalid for policy with caching disabled."
            raise Refused("InvalidArgument", message)
    if noun != "OriginAccessControl":
        config.setdefault("Comment", "")
    else:
        config.setdefault("Description", "")
    return config


def register(noun: str) -> None:
    """The operations of policies and origin access controls are alike."""

    @before(f"cloudfront:Create{noun}")
    def create(call: Call) -> Answer:
        config = completed(noun, call.params[f"{noun}Config"])
        named(call, noun, config)
        name = name_of("E") if noun == "OriginAccessControl" else str(uuid.uuid4())
        thing = {"Id": name, "Config": config, "ETag": name_of("E"), "Time": now()}
        things(call, noun)[name] = thing
        location = f"https://cloudfront.amazonaws.com/2020-05-31/{noun}/{name}"
        return result(call, {noun: shown(noun, thing), "ETag": thing["ETag"], "Location": location})

    @before(f"cloudfront:Get{noun}", f"cloudfront:Get{noun}Config")
    def get(call: Call) -> Answer:
        thing = found(call, noun)
        if call.operation.endswith("Config"):
            return result(call, {f"{noun}Config": thing["Config"], "ETag": thing["ETag"]})
        return result(call, {noun: shown(noun, thing), "ETag": thing["ETag"]})

    @before(f"cloudfront:Update{noun}")
    def update(call: Call) -> Answer:
        thing = found(call, noun, changing=True)
        version(thing, call)
        config = completed(noun, call.params[f"{noun}Config"])
        named(call, noun, config, but=thing["Id"])
        thing.update(Config=config, ETag=name_of("E"), Time=now())
        return result(call, {noun: shown(noun, thing), "ETag": thing["ETag"]})

    @before(f"cloudfront:Delete{noun}")
    def delete(call: Call) -> Answer:
        thing = found(call, noun, changing=True)
        version(thing, call)
        if used(call, noun, thing["Id"]):
            raise Refused(f"{noun}InUse", f"The {noun} is attached to one or more distributions.", 409)
        del things(call, noun)[thing["Id"]]
        return result(call, {})

    @before(f"cloudfront:{PLURALS[noun]}")
    def listing(call: Call) -> Answer:
        own = list(things(call, noun).values())
        if noun == "OriginAccessControl":
            return result(call, {f"{noun}List": page(call, [{"Id": one["Id"], **one["Config"]} for one in own])})
        theirs = [managed(noun, name) for name in MANAGED[noun]]
        kinds = {"custom": own, "managed": theirs}
        asked = call.params.get("Type")
        items = [
            {"Id": one["Id"], "Type": kind, noun: shown(noun, one)}
            for kind, ones in kinds.items()
            if asked in (None, kind)
            for one in ones
        ]
        return result(call, {f"{noun}List": page(call, items)})


for one in PLURALS:
    register(one)


@before("cloudfront:ListTagsForResource", "cloudfront:TagResource", "cloudfront:UntagResource")
def tags(call: Call) -> Answer | None:
    """Tags of distributions and VPC origins; those of functions and stores are moto's."""
    arn = call.params["Resource"]
    if not any(f":{kind}/" in arn for kind in ("distribution", "vpcorigin")):
        return None
    if arn not in things(call, "Tags"):
        raise Refused("NoSuchResource", "The specified resource does not exist.", 404)
    mine = things(call, "Tags")[arn]
    if call.operation == "ListTagsForResource":
        return result(call, {"Tags": {"Items": [{"Key": key, "Value": value} for key, value in mine.items()]}})
    if call.operation == "TagResource":
        mine.update({tag["Key"]: tag.get("Value", "") for tag in call.params["Tags"].get("Items") or []})
    else:
        for key in call.params["TagKeys"].get("Items") or []:
            mine.pop(key, None)
    return result(call, {})
