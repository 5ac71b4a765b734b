"""CloudFront's VPC origins, which moto does not know: states, and what may be done in each."""

from __future__ import annotations

import random
import string
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..timeline import TIMELINE
from .cloudfront import counted, name_of, now, page, things, used, version
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# AWS seconds, as usually seen.
VPC_ORIGIN = 300


def vpc_origin(call: Call) -> Any:
    """The VPC origin that a call is about."""
    thing = things(call, "VpcOrigin").get(call.params["Id"])
    if thing is None:
        raise Refused("EntityNotFound", "The specified VPC origin does not exist.", 404)
    return thing


def vpc_origin_shown(thing: Any) -> dict[str, Any]:
    """A VPC origin as an answer shows it."""
    return {
        "Id": thing["Id"],
        "Arn": thing["Arn"],
        "Status": thing["Status"],
        "CreatedTime": thing["Created"],
        "LastModifiedTime": thing["Time"],
        "VpcOriginEndpointConfig": thing["Config"],
    }


def deploying(thing: Any) -> None:
    """It takes a while until a change is everywhere."""
    thing.update(Status="Deploying", ETag=name_of("E"), Time=now())
    changed = thing["ETag"]

    def over() -> None:
        if thing["ETag"] == changed:
            thing["Status"] = "Deployed"

    TIMELINE.after(VPC_ORIGIN, over)


def endpoint(call: Call) -> Any:
    """The endpoint of a VPC origin."""
    config = call.params["VpcOriginEndpointConfig"]
    counted(config)
    if not any(f":{service}:" in config["Arn"] for service in ("elasticloadbalancing", "ec2")):
        raise Refused("InvalidArgument", "The parameter Arn is not that of a load balancer or an instance.")
    config.setdefault("HTTPPort", 80)
    config.setdefault("HTTPSPort", 443)
    config.setdefault("OriginSslProtocols", {"Quantity": 1, "Items": ["TLSv1.2"]})
    return config


@before("cloudfront:CreateVpcOrigin")
def create_vpc_origin(call: Call) -> Answer:
    """moto has none."""
    name = "vo_" + "".join(random.choices(string.ascii_letters + string.digits, k=22))
    arn = f"arn:aws:cloudfront::{call.account}:vpcorigin/{name}"
    thing = {"Id": name, "Arn": arn, "Config": endpoint(call), "Created": now()}
    deploying(thing)
    things(call, "VpcOrigin")[name] = thing
    tags = (call.params.get("Tags") or {}).get("Items") or []
    things(call, "Tags")[arn] = {tag["Key"]: tag.get("Value", "") for tag in tags}
    location = f"https://cloudfront.amazonaws.com/2020-05-31/vpc-origin/{name}"
    return result(call, {"VpcOrigin": vpc_origin_shown(thing), "ETag": thing["ETag"], "Location": location})


@before("cloudfront:GetVpcOrigin")
def get_vpc_origin(call: Call) -> Answer:
    """moto has none."""
    thing = vpc_origin(call)
    return result(call, {"VpcOrigin": vpc_origin_shown(thing), "ETag": thing["ETag"]})


@before("cloudfront:UpdateVpcOrigin")
def update_vpc_origin(call: Call) -> Answer:
    """Not while it is used or on its way."""
    thing = vpc_origin(call)
    version(thing, call)
    if used(call, "VpcOrigin", thing["Id"]):
        raise Refused("CannotUpdateEntityWhileInUse", "The entity cannot be updated while it is in use.", 409)
    if thing["Status"] != "Deployed":
        raise Refused("IllegalUpdate", "The VPC origin is being deployed.")
    thing["Config"] = endpoint(call)
    deploying(thing)
    return result(call, {"VpcOrigin": vpc_origin_shown(thing), "ETag": thing["ETag"]})


@before("cloudfront:DeleteVpcOrigin")
def delete_vpc_origin(call: Call) -> Answer:
    """It is to be seen until it is gone."""
    thing = vpc_origin(call)
    version(thing, call)
    if used(call, "VpcOrigin", thing["Id"]):
        raise Refused("CannotDeleteEntityWhileInUse", "The entity cannot be deleted while it is in use.", 409)
    if thing["Status"] != "Deployed":
        raise Refused("IllegalDelete", "The VPC origin is being deployed.")
    thing.update(Status="Deploying", ETag=name_of("E"), Time=now())

    def gone() -> None:
        things(call, "VpcOrigin").pop(thing["Id"], None)
        things(call, "Tags").pop(thing["Arn"], None)

    TIMELINE.after(VPC_ORIGIN, gone)
    return result(call, {"VpcOrigin": vpc_origin_shown(thing), "ETag": thing["ETag"]})


@before("cloudfront:ListVpcOrigins")
def list_vpc_origins(call: Call) -> Answer:
    """A summary of each."""
    items = [
        {**vpc_origin_shown(thing), "Name": thing["Config"]["Name"], "OriginEndpointArn": thing["Config"]["Arn"]}
        for thing in things(call, "VpcOrigin").values()
    ]
    return result(call, {"VpcOriginList": page(call, items)})
