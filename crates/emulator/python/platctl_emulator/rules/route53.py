"""Route 53: zones and changes, and what exists."""

from __future__ import annotations

import random
import string
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from ..answers import Refused, result
from ..backends import backend
from ..store import STORE
from ..timeline import TIMELINE
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# AWS seconds until a change is known to all name servers.
IN_SYNC = 30
SERVER_ENDS = ("com", "net", "org", "co.uk")


def things(call: Call, kind: str) -> Any:
    """Everything of a kind. Route 53 is the same in all regions."""
    return STORE.of(call, f"route53.{kind}", "global")


def changed(call: Call, comment: str | None = None) -> dict[str, Any]:
    """A change, which takes a while to be known everywhere."""
    name = "C" + "".join(random.choices(string.ascii_uppercase + string.digits, k=20))
    info = {"Id": f"/change/{name}", "Status": "PENDING", "SubmittedAt": datetime.now(timezone.utc)}
    if comment:
        info["Comment"] = comment
    things(call, "Change")[name] = info
    TIMELINE.after(IN_SYNC, lambda: info.update(Status="INSYNC"))
    # The caller sees what it was at the time of the call.
    return dict(info)


@before("route53:GetChange")
def get_change(call: Call) -> Answer:
    """moto knows no changes."""
    info = things(call, "Change").get(call.params["Id"].rpartition("/")[2])
    if info is None:
        raise Refused("NoSuchChange", f"Could not find resource with ID: {call.params['Id']}", 404)
    return result(call, {"ChangeInfo": info})


def zone_of(call: Call, name: str | None = None) -> Any:
    """The zone that a call is about."""
    name = (name or call.params.get("HostedZoneId") or call.params.get("Id") or "").rpartition("/")[2]
    zone = backend(call).zones.get(name)
    if zone is None:
        raise Refused("NoSuchHostedZone", f"No hosted zone found with ID: {name}", 404)
    return zone


def normal(name: str) -> Any:
    """A name in the one form that all of its spellings share."""
    return name.replace("\\052", "*").lower().rstrip(".") + "."


def check_vpc(call: Call, name: str, but: Any = None) -> None:
    """A VPC exists, and sees one zone of a name."""
    vpc = call.params.get("VPC") or {}
    region = vpc.get("VPCRegion")
    regions = get_backend("ec2")[call.account]
    if region not in regions or vpc.get("VPCId") not in regions[region].vpcs:
        raise Refused("InvalidVPCId", f"The VPC: {vpc.get('VPCId')} you provided is not authorized or does not exist.")
    for other in backend(call).zones.values():
        seen = any(one.get("vpc_id") == vpc.get("VPCId") for one in other.vpcs)
        if other.private_zone and other.name == name and other.resource_id != but and seen:
            message = (
                f"The VPC {vpc.get('VPCId')} has already been associated with a hosted zone with the same domain name."
            )
            raise Refused("ConflictingDomainExists", message)


def health_check(call: Call, name: str | None = None) -> Any:
    """The health check that a call is about."""
    name = name or call.params["HealthCheckId"]
    found = things(call, "HealthCheck").get(name)
    if found is None:
        raise Refused("NoSuchHealthCheck", f"No health check exists with the specified ID {name}", 404)
    return found


@before("route53:CreateHostedZone")
def create_zone(call: Call) -> Answer:
    """A reference makes one zone; each has name servers of its own."""
    params, known = call.params, backend(call)
    reference = params["CallerReference"]
    if any(zone.caller_reference == reference for zone in known.zones.values()):
        message = f"A hosted zone has already been created with the specified caller reference: {reference}"
        raise Refused("HostedZoneAlreadyExists", message, 409)
    name, vpc = normal(params["Name"]), params.get("VPC")
    if len(name) > 255 or any(not label or len(label) > 63 for label in name[:-1].split(".")):
        raise Refused("InvalidDomainName", f"{name} is not a valid domain name.")
    config = params.get("HostedZoneConfig") or {}
    private = vpc is not None
    if config.get("PrivateZone") and not private:
        raise Refused("InvalidInput", "When you're creating a private hosted zone, you must specify a VPC.")
    if private:
        check_vpc(call, name)
    zone = known.create_hosted_zone(
        name,
        private_zone=private,
        caller_reference=reference,
        vpcid=vpc and vpc.get("VPCId"),
        vpcregion=vpc and vpc.get("VPCRegion"),
        comment=config.get("Comment"),
        delegation_set_id=params.get("DelegationSetId"),
    )
    if not params.get("DelegationSetId"):
        first = random.randrange(1, 500)
        servers = [f"ns-{first + 512 * at}.awsdns-{first % 64:02}.{end}" for at, end in enumerate(SERVER_ENDS)]
        zone.delegation_set.name_servers = servers
        for record in zone.rrsets:
            record.ttl = int(record.ttl)
            if record.type == "NS":
                record.records = [f"{server}." for server in servers]
            else:
                soa = f"{servers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
                record.records = [soa]
    answer = {
        "HostedZone": shown(zone),
        "ChangeInfo": changed(call),
        "Location": f"https://route53.amazonaws.com/2013-04-01/hostedzone/{zone.resource_id}",
    }
    if private:
        answer["VPC"] = {"VPCRegion": vpc.get("VPCRegion"), "VPCId": vpc.get("VPCId")}
    else:
        answer["DelegationSet"] = {"NameServers": list(zone.delegation_set.name_servers)}
    return result(call, answer)


def shown(zone: Any) -> dict[str, Any]:
    """A zone as an answer shows it."""
    config = {"PrivateZone": bool(zone.private_zone)}
    if zone.comment:
        config["Comment"] = zone.comment
    return {
        "Id": f"/hostedzone/{zone.resource_id}",
        "Name": zone.name,
        "CallerReference": zone.caller_reference,
        "Config": config,
        "ResourceRecordSetCount": len(zone.rrsets),
    }


@before("route53:GetHostedZone")
def get_zone(call: Call) -> Answer:
    """With its name servers or its VPCs."""
    zone = zone_of(call)
    answer: dict[str, Any] = {"HostedZone": shown(zone)}
    if zone.private_zone:
        answer["VPCs"] = [{"VPCRegion": vpc.get("vpc_region"), "VPCId": vpc.get("vpc_id")} for vpc in zone.vpcs if vpc]
    else:
        answer["DelegationSet"] = {"NameServers": list(zone.delegation_set.name_servers)}
    return result(call, answer)


@before("route53:AssociateVPCWithHostedZone")
def associate(call: Call) -> Answer:
    """The VPC has to exist, and the zone to be private."""
    zone = zone_of(call)
    if not zone.private_zone:
        message = f"You're trying to associate a VPC with the public hosted zone {zone.resource_id}."
        raise Refused("PublicZoneVPCAssociation", message)
    vpc = call.params["VPC"]
    if not any(one.get("vpc_id") == vpc.get("VPCId") for one in zone.vpcs):
        check_vpc(call, zone.name, but=zone.resource_id)
        zone.add_vpc(vpc.get("VPCId"), vpc.get("VPCRegion"))
    return result(call, {"ChangeInfo": changed(call)})


@before("route53:DisassociateVPCFromHostedZone")
def disassociate(call: Call) -> Answer:
    """Only one that is there."""
    zone, vpc = zone_of(call), call.params["VPC"].get("VPCId")
    if not any(one.get("vpc_id") == vpc for one in zone.vpcs):
        raise Refused("VPCAssociationNotFound", f"The VPC {vpc} is not associated with the hosted zone.", 404)
    if len(zone.vpcs) == 1:
        raise Refused("LastVPCAssociation", "The VPC is the last one that is associated with the hosted zone.")
    zone.delete_vpc(vpc)
    return result(call, {"ChangeInfo": changed(call)})


@before("route53:DeleteHostedZone")
def zone_is_empty(call: Call) -> Answer:
    """moto takes any NS record for one of the zone's own."""
    zone = zone_of(call)
    others = [one for one in zone.rrsets if normal(one.name) != zone.name or one.type not in ("NS", "SOA")]
    if others:
        message = "The specified hosted zone contains non-required resource record sets and so cannot be deleted."
        raise Refused("HostedZoneNotEmpty", message)
    backend(call).resource_tags.pop(zone.resource_id, None)
    del backend(call).zones[zone.resource_id]
    return result(call, {"ChangeInfo": changed(call)})


@before("route53:ChangeTagsForResource")
def few_tags(call: Call) -> None:
    """Ten at once, on what exists."""
    params = call.params
    if len(params.get("AddTags") or []) > 10 or len(params.get("RemoveTagKeys") or []) > 10:
        raise Refused("InvalidInput", "A call takes at most 10 tags to add and 10 to remove.")
    if params["ResourceType"] == "healthcheck":
        health_check(call, params["ResourceId"])


@before("route53:ListTagsForResource", "route53:ListTagsForResources")
def tags_of_what_exists(call: Call) -> None:
    """AWS refuses to list the tags of what is not there."""
    params = call.params
    for name in params.get("ResourceIds") or [params.get("ResourceId")]:
        if params["ResourceType"] == "healthcheck":
            health_check(call, name)
        else:
            zone_of(call, name)
