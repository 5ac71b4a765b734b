"""S3: the names of the answers' outermost elements, which strict clients look at; policies that ask for TLS, and those
that let access logs in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.serialize import S3Serializer
from moto.iam.access_control import IAMPolicyStatement, PermissionResult
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response

from ..policies import may_write
from .wrap import around

ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotification": "NotificationConfiguration",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}


def apply(_profile: Any) -> None:
    """Changes the serializer of S3's answers, and how moto reads a refusal of what comes in the clear."""

    @around(IAMPolicyStatement, "is_action_permitted")
    def permitted(old: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
        # moto takes a condition that does not hold for a refusal. Here everything counts as TLS, and builds have the
        # owner's key: which role a caller has is not known.
        condition = str(self._statement.get("Condition"))
        unknown = any(key in condition for key in ("aws:SecureTransport", "aws:PrincipalArn"))
        if unknown and self._statement["Effect"] == "Deny":
            return PermissionResult.NEUTRAL
        return old(self, *args, **kwargs)

    def may_log(target_bucket: Any, target_prefix: str | None) -> bool:
        # moto compares the policy letter by letter.
        return may_write(target_bucket, "logging.s3.amazonaws.com", f"{target_prefix or ''}2026-01-01-00-00-00-0")

    FakeBucket._log_permissions_enabled_policy = staticmethod(may_log)

    @around(S3Serializer, "_serialize_body")
    def body(old: Callable[..., Any], self: Any, content: Any) -> Any:
        name = self.operation_model.name
        wrong = f"{name}Response"
        if wrong in content and name in ROOTS:
            content = {ROOTS[name]: content[wrong]}
        return old(self, content)

    @around(S3Response, "get_bucket_notification")
    def notification(old: Callable[..., Any], self: Any) -> Any:
        answer = old(self)
        configuration = self.backend.get_bucket_notification_configuration(self.bucket_name)
        if configuration is None or configuration.event_bridge is None:
            return answer
        # moto keeps it, and does not show it.
        status, headers, text = answer
        element = "<EventBridgeConfiguration/></NotificationConfiguration>"
        text = text.decode() if isinstance(text, bytes) else text
        if "</NotificationConfiguration>" not in text:
            return status, headers, text.replace("/>", f">{element}", 1)
        return status, headers, text.replace("</NotificationConfiguration>", element)
