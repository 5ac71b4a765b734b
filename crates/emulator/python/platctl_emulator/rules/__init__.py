"""What AWS refuses and does beyond moto, by operation. A rule is a function of a call."""

from .registry import AFTER, BEFORE, QUOTAS
from . import (  # noqa: F401  (they register)
    acm,
    addresses,
    autoscaling,
    backup,
    cloudfront,
    cloudwatch,
    codebuild,
    codecommit,
    codeconnections,
    codepipeline,
    distributions,
    ecr,
    eks,
    eks_access,
    eks_nodes,
    elbv2,
    endpoints,
    git_credentials,
    global_clusters,
    health_checks,
    iam,
    internet,
    kms,
    launch_templates,
    network,
    quotas,
    rds,
    rds_keys,
    rds_versions,
    records,
    route53,
    s3,
    secretsmanager,
    security_groups,
    sns,
    vpc_origins,
    wafv2,
)


def judge(call):
    """Lets the rules of an operation refuse it, or answer it; nothing when moto is to answer."""
    if call.profile["quotas"]:
        for rule in QUOTAS.get(call.name, ()):
            rule(call)
    if call.profile["strict"]:
        for rule in BEFORE.get(call.name, ()):
            answer = rule(call)
            if answer is not None:
                return answer
    return None


def follow(call, answer):
    """What else a successful call has for effect."""
    if answer[0] < 300:
        for rule in AFTER.get(call.name, ()):
            rule(call)
