"""Access logs: a load balancer writes to a bucket only where it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused
from ..backends import DEFAULT_ACCOUNT_ID, backend
from ..policies import may_write
from .registry import before

if TYPE_CHECKING:
    from ..calls import Call

SERVICE = "logdelivery.elasticloadbalancing.amazonaws.com"


def default_encryption(bucket: Any) -> str:
    """The algorithm of new objects."""
    rules = (bucket.encryption or {}).get("Rule") or {}
    rule = rules[0] if isinstance(rules, list) else rules
    return rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "AES256")


@before("elasticloadbalancing:ModifyLoadBalancerAttributes")
def bucket_takes_the_logs(call: Call) -> None:
    """AWS writes a file for a try: the bucket's policy has to allow it, and a key of its own prevents it."""
    asked = {one.get("Key"): one.get("Value") for one in call.params.get("Attributes") or []}
    balancer = backend(call, "elbv2").load_balancers.get(call.params.get("LoadBalancerArn"))
    then = {**balancer.attrs, **asked} if balancer else {}
    if not any(str(key).startswith("access_logs.") for key in asked) or then.get("access_logs.s3.enabled") != "true":
        return
    name, prefix = then.get("access_logs.s3.bucket", ""), then.get("access_logs.s3.prefix", "")
    bucket = backend(call, "s3").buckets.get(name)
    if bucket is None:
        raise Refused("InvalidConfigurationRequest", f"Access Denied for bucket: {name}. The bucket does not exist")
    path = "/".join(part for part in (prefix, "AWSLogs", DEFAULT_ACCOUNT_ID, "ELBAccessLogTestFile") if part)
    if not may_write(bucket, SERVICE, path) or default_encryption(bucket) != "AES256":
        message = f"Access Denied for bucket: {name}. Please check S3bucket permission"
        raise Refused("InvalidConfigurationRequest", message)
