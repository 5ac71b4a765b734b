"""Regions that AWS does not have are refused, as a signature of the wrong region is."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from botocore.loaders import create_loader

from .answers import Refused

if TYPE_CHECKING:
    from .calls import Call

SCOPE = "Credential should be scoped to a valid region, not '{}'."


@cache
def known() -> set[str]:
    """The regions of all partitions."""
    loader = create_loader()
    files = (loader.load_data("endpoints"), loader.load_data("partitions"))
    partitions = [partition for file in files for partition in file["partitions"]]
    regions = {region for partition in partitions for region in partition["regions"]}
    return {region for region in regions if not region.endswith("-global")}


def refuse(call: Call) -> None:
    """In the words of the service: each checks signatures in its own way."""
    if call.region in known():
        return
    if call.service == "s3":
        message = "The authorization header is malformed; the region '{}' is wrong; expecting 'us-east-1'"
        raise Refused("AuthorizationHeaderMalformed", message.format(call.region))
    if call.protocol == "ec2":
        raise Refused("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    json = call.protocol in ("json", "rest-json", "rpc-v2-cbor")
    code, status = ("InvalidSignatureException", 400) if json else ("SignatureDoesNotMatch", 403)
    raise Refused(code, SCOPE.format(call.region), status)
