"""Changes of moto itself: states that take their time, and what it keeps or answers wrongly."""

from . import ec2, kms, s3, serializer


def apply(profile):
    """Applies all, once, before the first call."""
    ec2.apply(profile)
    kms.apply()
    s3.apply()
    serializer.apply()
