"""Route 53's health checks: references, versions and what AWS fills in."""

from __future__ import annotations

import copy
import uuid
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from .registry import before
from .route53 import health_check, things

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


@before("route53:CreateHealthCheck")
def create_health_check(call: Call) -> Answer:
    """A reference with the same settings is the same check; it cannot be used again, even after a deletion."""
    reference, sent = call.params["CallerReference"], call.params["HealthCheckConfig"]
    used = things(call, "HealthCheckReference")
    if reference in used:
        name, settings = used[reference]
        if name not in things(call, "HealthCheck") or settings != sent:
            message = "A health check with the same caller reference already exists."
            raise Refused("HealthCheckAlreadyExists", message, 409)
        return answered(call, things(call, "HealthCheck")[name])
    config = copy.deepcopy(sent)
    kind = config["Type"]
    if kind == "CALCULATED":
        for child in config.get("ChildHealthChecks") or []:
            health_check(call, child)
    else:
        if not config.get("IPAddress") and not config.get("FullyQualifiedDomainName"):
            raise Refused("InvalidInput", "Invalid parameter: an IP address or a domain name is needed.")
        config.setdefault("Port", 443 if kind.startswith("HTTPS") else 80)
        config.setdefault("RequestInterval", 30)
        config.setdefault("FailureThreshold", 3)
        config.setdefault("MeasureLatency", False)
        config.setdefault("EnableSNI", kind.startswith("HTTPS"))
    judge_health_check(config)
    config.setdefault("Inverted", False)
    config.setdefault("Disabled", False)
    name = str(uuid.uuid4())
    check = {"Id": name, "CallerReference": reference, "HealthCheckConfig": config, "HealthCheckVersion": 1}
    things(call, "HealthCheck")[name] = check
    used[reference] = name, sent
    return answered(call, check)


def answered(call: Call, check: Any) -> Answer:
    """The answer of a creation."""
    location = f"https://route53.amazonaws.com/2013-04-01/healthcheck/{check['Id']}"
    return result(call, {"HealthCheck": check, "Location": location})


def judge_health_check(config: dict[str, Any]) -> None:
    """Ranges."""
    if not 1 <= config.get("FailureThreshold", 3) <= 10 or config.get("RequestInterval", 30) not in (10, 30):
        raise Refused("InvalidInput", "Invalid parameter: FailureThreshold or RequestInterval")
    if config.get("Regions") and len(config["Regions"]) < 3:
        raise Refused("InvalidInput", "Invalid parameter: at least three regions are needed.")


@before("route53:GetHealthCheck")
def get_health_check(call: Call) -> Answer:
    """The layer keeps them."""
    return result(call, {"HealthCheck": health_check(call)})


@before("route53:ListHealthChecks")
def list_health_checks(call: Call) -> Answer:
    """All, a page at a time."""
    marker, most = call.params.get("Marker"), int(call.params.get("MaxItems") or 100)
    checks = list(things(call, "HealthCheck").values())
    names = [check["Id"] for check in checks]
    rest = checks[names.index(marker) if marker in names else 0 :]
    answer = {"HealthChecks": rest[:most], "Marker": marker or "", "MaxItems": str(most)}
    answer["IsTruncated"] = len(rest) > most
    if len(rest) > most:
        answer["NextMarker"] = rest[most]["Id"]
    return result(call, answer)


@before("route53:UpdateHealthCheck")
def update_health_check(call: Call) -> Answer:
    """What is stated changes, if nobody else changed it before."""
    check, params = health_check(call), dict(call.params)
    version = params.pop("HealthCheckVersion", None)
    if version is not None and int(version) != check["HealthCheckVersion"]:
        raise Refused("HealthCheckVersionMismatch", "The version of the health check has changed.", 409)
    del params["HealthCheckId"]
    config = dict(check["HealthCheckConfig"])
    for element in params.pop("ResetElements", None) or []:
        config.pop(element, None)
    config.update({key: value for key, value in params.items() if value is not None})
    judge_health_check(config)
    check.update(HealthCheckConfig=config, HealthCheckVersion=check["HealthCheckVersion"] + 1)
    return result(call, {"HealthCheck": check})


@before("route53:DeleteHealthCheck")
def delete_health_check(call: Call) -> Answer:
    """Records that refer to it do not keep it."""
    check = health_check(call)
    del things(call, "HealthCheck")[check["Id"]]
    backend(call).resource_tags.pop(check["Id"], None)
    return result(call, {})
