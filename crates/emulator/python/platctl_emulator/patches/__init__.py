"""Changes of moto itself: states that take their time, and what it keeps or answers wrongly."""

from __future__ import annotations

from typing import Any

from . import acm, ec2, elbv2, kms, rds, s3, secretsmanager, serializer, sns, speed, sqs


def apply(profile: Any) -> None:
    """Applies all, once, before the first call."""
    acm.apply()
    ec2.apply(profile)
    elbv2.apply(profile)
    kms.apply()
    rds.apply(profile)
    s3.apply()
    secretsmanager.apply()
    serializer.apply()
    sns.apply()
    speed.apply()
    sqs.apply()
