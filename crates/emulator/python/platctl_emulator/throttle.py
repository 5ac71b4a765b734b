"""AWS's request budgets: token buckets by operation."""

import threading
import time

from .answers import Refused

# Burst, and how many more a second.
OWN = {
    "ec2:CreateVpcEndpoint": (4, 0.3),
    "ec2:ModifyVpcEndpoint": (4, 0.3),
    "ec2:DeleteVpcEndpoints": (4, 0.3),
    "ec2:CreateNatGateway": (10, 1),
    "ec2:DeleteNatGateway": (10, 1),
    "ec2:CreateTags": (100, 10),
    "ec2:DeleteTags": (100, 10),
}
READS, CHANGES = (100, 20), (50, 5)


class Throttle:
    """The state of all buckets."""

    def __init__(self):
        self._lock = threading.Lock()
        self._buckets = {}

    def clear(self):
        """Fills every bucket."""
        with self._lock:
            self._buckets.clear()

    def take(self, call, setting):
        """Takes a token, or refuses as AWS does."""
        rates = setting if isinstance(setting, dict) else OWN
        usual = None if isinstance(setting, dict) else (CHANGES if call.mutating else READS)
        rate = rates.get(call.name, usual)
        if rate is None:
            return
        burst, refill = rate
        now = time.monotonic()
        with self._lock:
            tokens, at = self._buckets.get((call.name, call.region), (burst, now))
            tokens = min(burst, tokens + (now - at) * refill)
            self._buckets[call.name, call.region] = (max(tokens - 1, 0) if tokens >= 1 else tokens, now)
        if tokens < 1:
            raise Refused(*exceeded(call))


def exceeded(call):
    """Code, message and status of a refusal because of too many requests."""
    if call.service == "ec2":
        return "RequestLimitExceeded", "Request limit exceeded.", 503
    if call.service == "s3":
        return "SlowDown", "Please reduce your request rate.", 503
    return ("Throttling" if call.protocol == "query" else "ThrottlingException"), "Rate exceeded", 400
