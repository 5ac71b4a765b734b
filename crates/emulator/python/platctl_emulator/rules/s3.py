"""S3: buckets have their tags from the first moment on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..backends import backend
from .registry import after

if TYPE_CHECKING:
    from ..calls import Call


@after("s3:CreateBucket")
def tags_of_the_creation(call: Call) -> None:
    """moto drops them."""
    tags = (call.params.get("CreateBucketConfiguration") or {}).get("Tags") or []
    if tags:
        backend(call).put_bucket_tagging(call.params["Bucket"], {tag["Key"]: tag["Value"] for tag in tags})
