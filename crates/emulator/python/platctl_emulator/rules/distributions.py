"""CloudFront's distributions, as they are sent, with what AWS fills in."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from ..answers import Refused, result
from ..backends import backend
from ..timeline import TIMELINE
from .cloudfront import (
    MANAGED,
    behaviors,
    counted,
    name_of,
    now,
    origins,
    page,
    things,
    version,
)
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# AWS seconds, as usually seen.
DEPLOYMENT = 240

NOTHING = {"Quantity": 0}
DEFAULTS = {
    "Aliases": NOTHING,
    "DefaultRootObject": "",
    "OriginGroups": NOTHING,
    "CacheBehaviors": NOTHING,
    "CustomErrorResponses": NOTHING,
    "Comment": "",
    "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
    "PriceClass": "PriceClass_All",
    "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
    "WebACLId": "",
    "HttpVersion": "http2",
    "IsIPV6Enabled": False,
    "ContinuousDeploymentPolicyId": "",
    "Staging": False,
}
ORIGIN = {
    "OriginPath": "",
    "CustomHeaders": NOTHING,
    "ConnectionAttempts": 3,
    "ConnectionTimeout": 10,
    "OriginShield": {"Enabled": False},
    "OriginAccessControlId": "",
}
CUSTOM = {
    "OriginSslProtocols": {"Quantity": 3, "Items": ["TLSv1", "TLSv1.1", "TLSv1.2"]},
    "OriginReadTimeout": 30,
    "OriginKeepaliveTimeout": 5,
}
BEHAVIOR = {
    "TrustedSigners": {"Enabled": False, "Quantity": 0},
    "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
    "SmoothStreaming": False,
    "Compress": False,
    "LambdaFunctionAssociations": NOTHING,
    "FunctionAssociations": NOTHING,
    "FieldLevelEncryptionId": "",
    "GrpcConfig": {"Enabled": False},
}
METHODS = {"Quantity": 2, "Items": ["HEAD", "GET"]}
DEFAULT_CERTIFICATE = {
    "CloudFrontDefaultCertificate": True,
    "MinimumProtocolVersion": "TLSv1",
    "CertificateSource": "cloudfront",
}


def fill(thing: Any, defaults: dict[str, Any]) -> None:
    """What is not stated."""
    for key, value in defaults.items():
        if thing.get(key) is None:
            thing[key] = copy.deepcopy(value)


def completed(config: dict[str, Any]) -> Any:
    """A configuration as AWS gives it back."""
    fill(config, DEFAULTS)
    for origin in origins(config):
        fill(origin, ORIGIN)
        if origin.get("CustomOriginConfig"):
            fill(origin["CustomOriginConfig"], CUSTOM)
        if origin.get("VpcOriginConfig"):
            fill(origin["VpcOriginConfig"], {"OriginReadTimeout": 30, "OriginKeepaliveTimeout": 5})
    for behavior in behaviors(config):
        fill(behavior, BEHAVIOR)
        fill(behavior, {"AllowedMethods": METHODS})
        fill(behavior["AllowedMethods"], {"CachedMethods": METHODS})
    certificate = config.get("ViewerCertificate") or {}
    if certificate.get("ACMCertificateArn"):
        certificate["CloudFrontDefaultCertificate"] = False
        certificate.update(Certificate=certificate["ACMCertificateArn"], CertificateSource="acm")
    elif not certificate.get("IAMCertificateId"):
        config["ViewerCertificate"] = dict(DEFAULT_CERTIFICATE)
    return config


def judged(call: Call, config: dict[str, Any], but: Any = None) -> None:
    """What AWS refuses."""
    counted(config)
    listed = origins(config)
    ids = [origin["Id"] for origin in listed]
    if not ids or len(ids) != len(set(ids)):
        raise Refused("InvalidArgument", "The parameter Origins needs items with unique ids.")
    for origin in listed:
        judge_origin(call, origin)
    for behavior in behaviors(config):
        judge_behavior(call, behavior, ids)
    judge_certificate(call, config)
    aliases = {alias.lower() for alias in (config.get("Aliases") or {}).get("Items") or []}
    for other in things(call, "Distribution").values():
        if other["Id"] != but and aliases & set(other["Config"]["Aliases"].get("Items") or []):
            message = "One or more of the CNAMEs you provided are already associated with a different resource."
            raise Refused("CNAMEAlreadyExists", message, 409)
    acl = config.get("WebACLId")
    if acl and (":us-east-1:" not in acl or ":global/webacl/" not in acl or not web_acl(call, acl)):
        raise Refused("InvalidWebACLId", f"Web ACL is not accessible by the requester: {acl}")


def web_acl(call: Call, arn: str) -> bool:
    """Whether there is one of this ARN."""
    regions = get_backend("wafv2")[call.account]
    return any(arn in regions[region].wacls for region in ("global", "us-east-1") if region in regions)


def judge_origin(call: Call, origin: dict[str, Any]) -> None:
    """An origin is of one sort, and what it refers to exists."""
    sorts = [sort for sort in ("S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig") if origin.get(sort)]
    if len(sorts) != 1:
        raise Refused("InvalidOrigin", "One of S3OriginConfig, CustomOriginConfig and VpcOriginConfig is needed.")
    control = origin.get("OriginAccessControlId")
    if control and control not in things(call, "OriginAccessControl"):
        raise Refused("InvalidOriginAccessControl", "The origin access control is not valid.")
    private = (origin.get("VpcOriginConfig") or {}).get("VpcOriginId")
    if private:
        found = things(call, "VpcOrigin").get(private)
        if found is None:
            raise Refused("EntityNotFound", "The specified VPC origin does not exist.", 404)
        if found["Status"] != "Deployed":
            raise Refused("InvalidArgument", "The specified VPC origin is not deployed.")


def judge_behavior(call: Call, behavior: dict[str, Any], ids: list[str]) -> None:
    """A behaviour leads to an origin, by policies that exist."""
    if behavior["TargetOriginId"] not in ids:
        raise Refused("NoSuchOrigin", "No origin exists with the specified Origin Id.", 404)
    if bool(behavior.get("CachePolicyId")) == bool(behavior.get("ForwardedValues")):
        raise Refused("InvalidArgument", "Either a cache policy or ForwardedValues is needed, and not both.")
    for noun, known in MANAGED.items():
        name = behavior.get(f"{noun}Id")
        if name and name not in known and name not in things(call, noun):
            raise Refused(f"NoSuch{noun}", f"The {noun} does not exist.", 404)


def judge_certificate(call: Call, config: dict[str, Any]) -> None:
    """Viewers' certificates live in us-east-1, are issued, and cover all aliases."""
    aliases = (config.get("Aliases") or {}).get("Items") or []
    certificate = config.get("ViewerCertificate") or {}
    arn = certificate.get("ACMCertificateArn")
    message = "The specified SSL certificate doesn't exist, isn't in us-east-1 region, or isn't valid."
    if arn:
        found = None if ":us-east-1:" not in arn else backend(call, "acm", "us-east-1")._certificates.get(arn)
        if found is None or found.status != "ISSUED":
            raise Refused("InvalidViewerCertificate", message)
        if not certificate.get("SSLSupportMethod"):
            raise Refused("InvalidArgument", "The parameter SSLSupportMethod is required.")
        names = {str(name).lower() for name in [found.common_name, *(found.sans or [])]}
        for alias in aliases:
            if alias.lower() not in names and f"*.{alias.lower().partition('.')[2]}" not in names:
                message = f"The certificate that is attached to your distribution doesn't cover the alias {alias}."
                raise Refused("InvalidViewerCertificate", message)
    elif aliases and not certificate.get("IAMCertificateId"):
        message = "To add an alternate domain name (CNAME), you must attach a trusted certificate for it."
        raise Refused("InvalidViewerCertificate", message)


def found(call: Call) -> Any:
    """The distribution that a call is about."""
    thing = things(call, "Distribution").get(call.params["Id"])
    if thing is None:
        raise Refused("NoSuchDistribution", "The specified distribution does not exist.", 404)
    return thing


def deploying(thing: Any) -> None:
    """It takes minutes until a change is everywhere; what it replaced is in use until then."""
    thing.update(Status="InProgress", ETag=name_of("E"), Time=now())
    changed = thing["ETag"]

    def over() -> None:
        if thing["ETag"] == changed:
            thing.update(Status="Deployed", Before=[])

    TIMELINE.after(DEPLOYMENT, over)


def shown(thing: Any) -> dict[str, Any]:
    """A distribution as an answer shows it."""
    return {
        "Id": thing["Id"],
        "ARN": thing["Arn"],
        "Status": thing["Status"],
        "LastModifiedTime": thing["Time"],
        "InProgressInvalidationBatches": 0,
        "DomainName": thing["DomainName"],
        "ActiveTrustedSigners": {"Enabled": False, "Quantity": 0},
        "ActiveTrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "DistributionConfig": thing["Config"],
    }


def answered(call: Call, thing: Any) -> Answer:
    """The answer of a creation or change."""
    location = f"https://cloudfront.amazonaws.com/2020-05-31/distribution/{thing['Id']}"
    return result(call, {"Distribution": shown(thing), "ETag": thing["ETag"], "Location": location})


@before("cloudfront:CreateDistribution", "cloudfront:CreateDistributionWithTags")
def create(call: Call) -> Answer:
    """The same reference with the same configuration is the same distribution."""
    params = call.params.get("DistributionConfigWithTags") or call.params
    sent = params["DistributionConfig"]
    for other in things(call, "Distribution").values():
        if other["Config"]["CallerReference"] == sent["CallerReference"]:
            if other["Sent"] == sent:
                return answered(call, other)
            message = "The caller reference is associated with another distribution."
            raise Refused("DistributionAlreadyExists", message, 409)
    judged(call, sent)
    name = name_of("E")
    thing = {
        "Id": name,
        "Arn": f"arn:aws:cloudfront::{call.account}:distribution/{name}",
        "DomainName": f"{name_of('d').lower()}.cloudfront.net",
        "Config": completed(copy.deepcopy(sent)),
        "Sent": sent,
        "Before": [],
    }
    deploying(thing)
    things(call, "Distribution")[name] = thing
    tags = (params.get("Tags") or {}).get("Items") or []
    things(call, "Tags")[thing["Arn"]] = {tag["Key"]: tag.get("Value", "") for tag in tags}
    return answered(call, thing)


@before("cloudfront:GetDistribution", "cloudfront:GetDistributionConfig")
def get(call: Call) -> Answer:
    """The distribution, or what it is configured to be."""
    thing = found(call)
    if call.operation == "GetDistributionConfig":
        return result(call, {"DistributionConfig": thing["Config"], "ETag": thing["ETag"]})
    return result(call, {"Distribution": shown(thing), "ETag": thing["ETag"]})


@before("cloudfront:UpdateDistribution")
def update(call: Call) -> Answer:
    """Replaces the whole configuration."""
    thing, config = found(call), call.params["DistributionConfig"]
    version(thing, call)
    if config.get("CallerReference") != thing["Config"]["CallerReference"]:
        raise Refused("IllegalUpdate", "The caller reference cannot be changed.")
    judged(call, config, but=thing["Id"])
    thing["Before"].append(thing["Config"])
    thing["Config"] = completed(config)
    deploying(thing)
    return answered(call, thing)


@before("cloudfront:DeleteDistribution")
def delete(call: Call) -> Answer:
    """Only one that is disabled, and everywhere."""
    thing = found(call)
    version(thing, call)
    if thing["Config"]["Enabled"] or thing["Status"] != "Deployed":
        message = "The distribution you are trying to delete has not been disabled."
        raise Refused("DistributionNotDisabled", message, 409)
    del things(call, "Distribution")[thing["Id"]]
    things(call, "Tags").pop(thing["Arn"], None)
    return result(call, {})


@before("cloudfront:ListDistributions")
def listing(call: Call) -> Answer:
    """A summary of each."""
    items = []
    for thing in things(call, "Distribution").values():
        summary = {**thing["Config"], **shown(thing), "ETag": thing["ETag"]}
        del summary["DistributionConfig"]
        items.append(summary)
    return result(call, {"DistributionList": page(call, items)})
