"""S3: buckets have their tags from the first moment on."""

from ..backends import backend
from .registry import after


@after("s3:CreateBucket")
def tags_of_the_creation(call):
    """moto drops them."""
    tags = (call.params.get("CreateBucketConfiguration") or {}).get("Tags") or []
    if tags:
        backend(call).put_bucket_tagging(call.params["Bucket"], {tag["Key"]: tag["Value"] for tag in tags})
