"""S3: buckets have their tags from the first moment on, and objects arrive as they were sent."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import TYPE_CHECKING

from ..answers import Refused
from ..backends import backend
from .registry import after, before

if TYPE_CHECKING:
    from ..calls import Call


@after("s3:CreateBucket")
def tags_of_the_creation(call: Call) -> None:
    """moto drops them."""
    tags = (call.params.get("CreateBucketConfiguration") or {}).get("Tags") or []
    if tags:
        backend(call).put_bucket_tagging(call.params["Bucket"], {tag["Key"]: tag["Value"] for tag in tags})


@after("s3:CreateBucket")
def owner_of_objects(call: Call) -> None:
    """Since April 2023 the owner of a new bucket owns what is in it, and ACLs are off."""
    made = backend(call).buckets.get(call.params["Bucket"])
    if made is not None and made.ownership_rule is None:
        made.ownership_rule = "BucketOwnerEnforced"


# Of those that Python itself can reckon.
CHECKSUMS = {
    "content-md5": lambda body: hashlib.md5(body).digest(),
    "x-amz-checksum-crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "x-amz-checksum-sha1": lambda body: hashlib.sha1(body).digest(),
    "x-amz-checksum-sha256": lambda body: hashlib.sha256(body).digest(),
}


@before("s3:PutObject", "s3:UploadPart")
def checksum_of_the_body(call: Call) -> None:
    """Only of bodies that are not in chunks: those have theirs at the end."""
    headers = call.request.headers
    if headers.get("x-amz-content-sha256", "").startswith("STREAMING"):
        return
    for name, reckon in CHECKSUMS.items():
        if name in headers and headers[name] != base64.b64encode(reckon(call.request.get_data())).decode():
            raise Refused("BadDigest", f"The {name} you specified did not match what we received.")
