"""Logs that services deliver: of CloudFront, AWS WAF and Route 53."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from ..answers import Refused, result
from ..backends import backend
from ..policies import listed, may_write
from ..store import STORE
from .registry import before
from .route53 import things, zone_of

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call

HOME = "us-east-1"
DELIVERY = "delivery.logs.amazonaws.com"


def logs(call: Call, region: str) -> Any:
    """CloudWatch Logs of a region."""
    return get_backend("logs")[call.account][region]


def group_of(arn: str) -> tuple[str, str]:
    """Region and name of a log group."""
    parts = arn.split(":")
    return (parts[3], parts[6]) if len(parts) > 6 and parts[2] == "logs" else ("", "")


def statements(call: Call, region: str) -> Iterator[Any]:
    """Everything that the resource policies of a region say."""
    for policy in logs(call, region).resource_policies.values():
        yield from listed(json.loads(policy.policy_document).get("Statement", []))


def may_log(call: Call, service: str, arn: str) -> bool:
    """Whether a service may make streams of a log group and write to them. Conditions are taken as met."""
    arn = arn.removesuffix(":*")
    left = {"logs:createlogstream", "logs:putlogevents"}
    for statement in statements(call, arn.split(":")[3]):
        principal = statement.get("Principal")
        services = listed(principal.get("Service", [])) if isinstance(principal, dict) else []
        covers = any(
            fnmatchcase(arn, resource.removesuffix(":*")) for resource in listed(statement.get("Resource", []))
        )
        if statement.get("Effect") == "Allow" and service in services and covers:
            left -= {action.lower() for action in listed(statement.get("Action", []))}
    return not left


@before("logs:PutDeliverySource")
def source_is_there(call: Call) -> None:
    """CloudFront's are in one region, of a distribution that exists; a resource has one for each type of its logs."""
    arn, kind, name = call.params["resourceArn"], call.params["logType"], call.params["name"]
    if ":cloudfront:" in arn:
        if call.region != HOME:
            message = f"PutDeliverySource action is not supported for this LogType in region {call.region}"
            raise Refused("ValidationException", message)
        if arn.rpartition("/")[2] not in STORE.of(call, "cloudfront.Distribution", "global"):
            raise Refused("ResourceNotFoundException", "Cannot access provided resource.")
    for source in backend(call, "logs").delivery_sources.values():
        if source.name != name and arn in source.resource_arns and source.log_type == kind:
            message = "This ResourceId has already been used in another Delivery Source in this account"
            raise Refused("ConflictException", message)


@before("logs:CreateDelivery")
def destination_takes_logs(call: Call) -> None:
    """A bucket has to allow it. Where the caller may change its policy, AWS adds what is missing; nobody wants that."""
    for destination in backend(call, "logs").delivery_destinations.values():
        target = destination.delivery_destination_configuration["destinationResourceArn"]
        if destination.arn != call.params["deliveryDestinationArn"] or destination.delivery_destination_type != "S3":
            continue
        name, _, prefix = target.rpartition(":")[2].partition("/")
        bucket = backend(call, "s3").buckets.get(name)
        if bucket is None or not may_write(bucket, DELIVERY, f"{prefix}/AWSLogs/x".lstrip("/")):
            raise Refused("AccessDeniedException", f"The bucket policy of {name} does not allow {DELIVERY} to write")


@before("logs:DeleteDeliverySource", "logs:DeleteDeliveryDestination")
def nothing_is_delivered(call: Call) -> None:
    """Both stay for as long as a delivery has them."""
    known, name = backend(call, "logs"), call.params["name"]
    destination = known.delivery_destinations.get(name)
    of_source = call.name == "logs:DeleteDeliverySource"
    for delivery in known.deliveries.values():
        held = (
            delivery.delivery_source_name == name
            if of_source
            else destination is not None and delivery.delivery_destination_arn == destination.arn
        )
        if held:
            raise Refused("ConflictException", f"{name} is used by the delivery {delivery.id}")


def acl_region(call: Call, arn: str) -> str:
    """The region in which the logs of a web ACL are."""
    region = HOME if ":global/" in arn else arn.split(":")[3]
    known = get_backend("wafv2")[call.account]["global" if ":global/" in arn else call.region].wacls
    if arn not in known:
        raise Refused(
            "WAFNonexistentItemException",
            "AWS WAF couldn’t perform the operation because your resource doesn’t exist.",
        )
    return region


@before("wafv2:PutLoggingConfiguration")
def put_waf_logging(call: Call) -> Answer:
    """A web ACL has one destination, whose name begins in one way, and whose region is its own."""
    config = call.params["LoggingConfiguration"]
    arn, targets = config["ResourceArn"], config["LogDestinationConfigs"]
    region = acl_region(call, arn)
    name = targets[0].removesuffix(":*").rpartition(":")[2].rpartition("/")[2]
    if len(targets) != 1 or not name.startswith("aws-waf-logs-"):
        message = "Error reason: The ARN isn't valid. A valid ARN begins with arn: and includes other information"
        raise Refused("WAFInvalidParameterException", f"{message}., field: LOG_DESTINATION, parameter: {targets[0]}")
    if ":logs:" in targets[0]:
        place, group = group_of(targets[0].removesuffix(":*"))
        if place != region or group not in logs(call, region).groups:
            message = "Error reason: The log destination doesn't exist., field: LOG_DESTINATION"
            raise Refused("WAFInvalidParameterException", message)
    STORE.of(call, "wafv2.logging", "global")[arn] = config
    return result(call, {"LoggingConfiguration": config})


@before("wafv2:GetLoggingConfiguration")
def get_waf_logging(call: Call) -> Answer:
    """As it was put."""
    return result(call, {"LoggingConfiguration": waf_logging(call)})


def waf_logging(call: Call) -> Any:
    """The configuration of a web ACL that has one."""
    config = STORE.of(call, "wafv2.logging", "global").get(call.params["ResourceArn"])
    if config is None:
        message = "AWS WAF couldn’t perform the operation because your resource doesn’t exist."
        raise Refused("WAFNonexistentItemException", message)
    return config


@before("wafv2:DeleteLoggingConfiguration")
def delete_waf_logging(call: Call) -> Answer:
    """It goes at once."""
    waf_logging(call)
    del STORE.of(call, "wafv2.logging", "global")[call.params["ResourceArn"]]
    return result(call, {})


@before("route53:CreateQueryLoggingConfig")
def create_query_logging(call: Call) -> Answer:
    """Of a public zone, into a log group of one region, which Route 53 may write to."""
    zone, arn = zone_of(call), call.params["CloudWatchLogsLogGroupArn"]
    region, group = group_of(arn.removesuffix(":*"))
    if zone.private_zone:
        raise Refused("InvalidInput", "Query logging is supported for public hosted zones only")
    if region != HOME:
        raise Refused("InvalidInput", f"The ARN for the CloudWatch Logs log group is invalid: {arn}")
    if not may_log(call, "route53.amazonaws.com", arn):
        message = (
            "The resource policy that you're using for Route 53 query logging doesn't grant Route 53 sufficient "
            "permission to create a log stream in the specified log group."
        )
        raise Refused("InsufficientCloudWatchLogsResourcePolicy", message)
    if group not in logs(call, HOME).groups:
        raise Refused("NoSuchCloudWatchLogsLogGroup", f"No log group found with ARN: {arn}", 404)
    known, number = things(call, "QueryLogging"), call.params["HostedZoneId"].rpartition("/")[2]
    if any(config["HostedZoneId"] == number for config in known.values()):
        message = f"A query logging configuration already exists for hosted zone {number}"
        raise Refused("QueryLoggingConfigAlreadyExists", message, 409)
    config = {"Id": str(uuid.uuid4()), "HostedZoneId": number, "CloudWatchLogsLogGroupArn": arn}
    known[config["Id"]] = config
    location = f"https://route53.amazonaws.com/2013-04-01/queryloggingconfig/{config['Id']}"
    return result(call, {"QueryLoggingConfig": config, "Location": location})


def query_logging(call: Call) -> Any:
    """The configuration that a call is about. One goes with its zone."""
    config = things(call, "QueryLogging").get(call.params["Id"])
    if config is None or config["HostedZoneId"] not in backend(call).zones:
        raise Refused("NoSuchQueryLoggingConfig", f"No query logging configuration: {call.params['Id']}", 404)
    return config


@before("route53:GetQueryLoggingConfig")
def get_query_logging(call: Call) -> Answer:
    """As it is."""
    return result(call, {"QueryLoggingConfig": query_logging(call)})


@before("route53:ListQueryLoggingConfigs")
def list_query_logging(call: Call) -> Answer:
    """All of them, or the one of a zone."""
    wanted = (call.params.get("HostedZoneId") or "").rpartition("/")[2]
    if wanted:
        zone_of(call)
    zones, all_of_them = backend(call).zones, things(call, "QueryLogging").values()
    shown = [one for one in all_of_them if one["HostedZoneId"] in zones and wanted in ("", one["HostedZoneId"])]
    return result(call, {"QueryLoggingConfigs": shown})


@before("route53:DeleteQueryLoggingConfig")
def delete_query_logging(call: Call) -> Answer:
    """It goes at once."""
    del things(call, "QueryLogging")[query_logging(call)["Id"]]
    return result(call, {})
