"""AWS's request budgets: token buckets, for each action of EC2 and for families of calls elsewhere."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from .answers import Refused

if TYPE_CHECKING:
    from .calls import Call


# Burst, and how many more a second.
EC2 = {
    "CreateVpcEndpoint": (4, 0.3),
    "ModifyVpcEndpoint": (4, 0.3),
    "DeleteVpcEndpoints": (4, 0.3),
    "CreateNatGateway": (10, 1),
    "DeleteNatGateway": (10, 1),
    "AssociateNatGatewayAddress": (10, 1),
    "DisassociateNatGatewayAddress": (10, 1),
    "CreateTags": (100, 10),
    "DeleteTags": (100, 10),
    "CreateNetworkInterface": (100, 5),
    "DeleteNetworkInterface": (100, 5),
    "ModifyNetworkInterfaceAttribute": (100, 5),
    "CreateLaunchTemplateVersion": (100, 5),
    "ModifyLaunchTemplate": (100, 5),
    "RunInstances": (5, 2),
    "StartInstances": (5, 2),
    "CreateDefaultVpc": (1, 1),
    "CreateDefaultSubnet": (1, 1),
}
READS, CHANGES = (100, 20), (50, 5)
# Those reads of EC2 are dear without filter and page.
DEAR, WHOLE = (50, 10), {
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeSpotInstanceRequests",
    "DescribeVolumes",
}  # fmt: skip
# Elsewhere: what is shared by all reads, and by all changes. AWS tells of few of them; the rest is what practice shows.
SHARED = {
    "route53": ((5, 5), (5, 5)),
    "iam": ((50, 20), (15, 8)),
    "sts": ((600, 600), (600, 600)),
    "elasticloadbalancing": ((40, 10), (20, 5)),
    "rds": ((50, 10), (20, 5)),
    "eks": ((50, 10), (20, 5)),
    "kms": ((50, 20), (10, 5)),
    "logs": ((20, 10), (10, 5)),
    "cloudfront": ((20, 5), (5, 3)),
    "secretsmanager": ((50, 40), (20, 10)),
    "ssm": ((40, 40), (3, 3)),
    "sns": ((100, 30), (100, 100)),
}
# All calls of them share one bucket, of all regions.
ONE, GLOBAL = ("route53", "sts"), ("route53", "iam", "cloudfront")


class Throttle:
    """The state of all buckets."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._buckets = {}

    def clear(self) -> None:
        """Fills every bucket."""
        with self.lock:
            self._buckets.clear()

    def take(self, call: Call, setting: Any) -> None:
        """Takes a token, or refuses as AWS does."""
        name: Any
        factor: float
        if isinstance(setting, dict):
            name, rate, factor = (call.name, call.region), setting.get(call.name), 1
        else:
            name, rate = bucket(call)
            factor = 1 if setting is True else float(setting)
        if rate is None:
            return
        burst, refill = rate[0], rate[1] * factor
        now = time.monotonic()
        with self.lock:
            tokens, at = self._buckets.get(name, (burst, now))
            tokens = min(burst, tokens + (now - at) * refill)
            self._buckets[name] = (max(tokens - 1, 0) if tokens >= 1 else tokens, now)
        if tokens < 1:
            raise Refused(*exceeded(call))


def bucket(call: Call) -> Any:
    """The name of a call's bucket, and its rate; no rate where AWS has none to speak of."""
    if call.service == "ec2":
        usual = CHANGES if call.mutating else READS
        if call.operation in WHOLE and not any(key in call.params for key in ("Filters", "MaxResults")):
            usual = DEAR
        return (call.name, call.region), EC2.get(call.operation, usual)
    rates = SHARED.get(call.service)
    changes = call.mutating and call.service not in ONE
    region = None if call.service in GLOBAL else call.region
    return (call.service, changes, region), rates and rates[changes]


def exceeded(call: Call) -> Any:
    """Code, message and status of a refusal because of too many requests."""
    if call.service == "ec2":
        return "RequestLimitExceeded", "Request limit exceeded.", 503
    if call.service == "s3":
        return "SlowDown", "Please reduce your request rate.", 503
    if call.service == "sns":
        return "Throttled", "Rate exceeded", 429
    old = call.protocol == "query" or call.service in ("route53", "cloudfront")
    return ("Throttling" if old else "ThrottlingException"), "Rate exceeded", 400
