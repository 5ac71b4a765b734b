"""Route 53: zones, records in batches that are done whole or not at all, changes, health checks."""

import copy
import ipaddress
import random
import string
import uuid
from datetime import datetime, timezone

from moto.backends import get_backend
from moto.route53.models import RecordSet

from ..answers import Refused, result
from ..backends import backend
from ..store import STORE
from ..timeline import TIMELINE
from .registry import before

# AWS seconds until a change is known to all name servers.
IN_SYNC = 30
SERVER_ENDS = ("com", "net", "org", "co.uk")


def things(call, kind):
    """Everything of a kind. Route 53 is the same in all regions."""
    return STORE.of(call, f"route53.{kind}", "global")


def changed(call, comment=None):
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
def get_change(call):
    """moto knows no changes."""
    info = things(call, "Change").get(call.params["Id"].rpartition("/")[2])
    if info is None:
        raise Refused("NoSuchChange", f"Could not find resource with ID: {call.params['Id']}", 404)
    return result(call, {"ChangeInfo": info})


def zone_of(call, name=None):
    """The zone that a call is about."""
    name = (name or call.params.get("HostedZoneId") or call.params.get("Id") or "").rpartition("/")[2]
    zone = backend(call).zones.get(name)
    if zone is None:
        raise Refused("NoSuchHostedZone", f"No hosted zone found with ID: {name}", 404)
    return zone


def normal(name):
    """A name in the one form that all of its spellings share."""
    return name.replace("\\052", "*").lower().rstrip(".") + "."


def check_vpc(call, name, but=None):
    """A VPC exists, and sees one zone of a name."""
    vpc = call.params.get("VPC") or {}
    region = vpc.get("VPCRegion")
    regions = get_backend("ec2")[call.account]
    if region not in regions or vpc.get("VPCId") not in regions[region].vpcs:
        raise Refused("InvalidVPCId", f"The VPC: {vpc.get('VPCId')} you provided is not authorized or does not exist.")
    for other in backend(call).zones.values():
        seen = any(one.get("vpc_id") == vpc.get("VPCId") for one in other.vpcs)
        if other.private_zone and other.name == name and other.resource_id != but and seen:
            message = f"The VPC {vpc.get('VPCId')} has already been associated with a hosted zone with the same domain name."
            raise Refused("ConflictingDomainExists", message)


@before("route53:CreateHostedZone")
def create_zone(call):
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


def shown(zone):
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
def get_zone(call):
    """With its name servers or its VPCs."""
    zone = zone_of(call)
    answer = {"HostedZone": shown(zone)}
    if zone.private_zone:
        answer["VPCs"] = [{"VPCRegion": vpc.get("vpc_region"), "VPCId": vpc.get("vpc_id")} for vpc in zone.vpcs if vpc]
    else:
        answer["DelegationSet"] = {"NameServers": list(zone.delegation_set.name_servers)}
    return result(call, answer)


@before("route53:AssociateVPCWithHostedZone")
def associate(call):
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
def disassociate(call):
    """Only one that is there."""
    zone, vpc = zone_of(call), call.params["VPC"].get("VPCId")
    if not any(one.get("vpc_id") == vpc for one in zone.vpcs):
        raise Refused("VPCAssociationNotFound", f"The VPC {vpc} is not associated with the hosted zone.", 404)
    if len(zone.vpcs) == 1:
        raise Refused("LastVPCAssociation", "The VPC is the last one that is associated with the hosted zone.")
    zone.delete_vpc(vpc)
    return result(call, {"ChangeInfo": changed(call)})


@before("route53:DeleteHostedZone")
def zone_is_empty(call):
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
def few_tags(call):
    """Ten at once, on what exists."""
    params = call.params
    if len(params.get("AddTags") or []) > 10 or len(params.get("RemoveTagKeys") or []) > 10:
        raise Refused("InvalidInput", "A call takes at most 10 tags to add and 10 to remove.")
    if params["ResourceType"] == "healthcheck":
        health_check(call, params["ResourceId"])


@before("route53:ListTagsForResource", "route53:ListTagsForResources")
def tags_of_what_exists(call):
    """AWS refuses to list the tags of what is not there."""
    params = call.params
    for name in params.get("ResourceIds") or [params.get("ResourceId")]:
        if params["ResourceType"] == "healthcheck":
            health_check(call, name)
        else:
            zone_of(call, name)


# Records.


def key_of(record):
    """What tells record sets of a zone apart."""
    return normal(record.name), record.type, record.set_identifier


def order(record):
    """The order of a listing: by labels from the end of the name."""
    name, kind, set_identifier = key_of(record)
    return ".".join(reversed(name.rstrip(".").split("."))), kind, set_identifier or ""


def record_shown(record):
    """A record set as an answer shows it."""
    answer = {"Name": normal(record.name).replace("*", "\\052"), "Type": record.type}
    optional = {
        "SetIdentifier": record.set_identifier,
        "Weight": record.weight,
        "Region": record.region,
        "GeoLocation": record.geo_location,
        "Failover": record.failover,
        "MultiValueAnswer": record.multi_value_answer,
        "TTL": None if record.ttl is None else int(record.ttl),
        "HealthCheckId": record.health_check_id,
    }
    answer.update({key: value for key, value in optional.items() if value is not None})
    if record.alias_target:
        answer["AliasTarget"] = record.alias_target
    elif record.records:
        answer["ResourceRecords"] = [{"Value": value} for value in record.records]
    return answer


@before("route53:ListResourceRecordSets")
def list_records(call):
    """From a record on; moto knows no set identifiers here."""
    zone, params = zone_of(call), call.params
    start = params.get("StartRecordName")
    if params.get("StartRecordType") and not start:
        raise Refused("InvalidInput", "StartRecordType needs StartRecordName.")
    first = (
        ".".join(reversed(normal(start).rstrip(".").split("."))) if start else "",
        params.get("StartRecordType") or "",
        params.get("StartRecordIdentifier") or "",
    )
    most = min(int(params.get("MaxItems") or 300), 300)
    rest = [record for record in sorted(zone.rrsets, key=order) if order(record) >= first]
    answer = {
        "ResourceRecordSets": [record_shown(record) for record in rest[:most]],
        "IsTruncated": len(rest) > most,
        "MaxItems": str(most),
    }
    if len(rest) > most:
        name, kind, set_identifier = key_of(rest[most])
        answer.update(NextRecordName=name.replace("*", "\\052"), NextRecordType=kind)
        if set_identifier:
            answer["NextRecordIdentifier"] = set_identifier
    return result(call, answer)


def bad(message):
    """AWS's refusal of a batch."""
    return Refused("InvalidChangeBatch", f"[{message}]")


def titled(action, record):
    """How AWS names a record set in its messages."""
    name, kind, set_identifier = key_of(record)
    identified = f", set-identifier='{set_identifier}'" if set_identifier else ""
    return f"Tried to {action} resource record set [name='{name}', type='{kind}'{identified}]"


@before("route53:ChangeResourceRecordSets")
def change_records(call):
    """All changes of a batch, or none."""
    zone = zone_of(call)
    batch = call.params["ChangeBatch"]
    changes = copy.deepcopy(batch.get("Changes") or [])
    weights = {"UPSERT": 2}
    values = sum(
        weights.get(change["Action"], 1) * len(change["ResourceRecordSet"].get("ResourceRecords") or [1])
        for change in changes
    )
    if not changes or values > 1000:
        raise bad(f"Number of records limit of 1000 exceeded: {values}")
    records = {key_of(record): record for record in zone.rrsets}
    for change in changes:
        sent = change["ResourceRecordSet"]
        sent["Name"] = normal(sent["Name"])
        if sent.get("ResourceRecords") is not None:
            sent["ResourceRecords"] = [value["Value"] for value in sent["ResourceRecords"]]
        if sent.get("AliasTarget"):
            sent["AliasTarget"]["DNSName"] = normal(sent["AliasTarget"]["DNSName"])
        one(call, zone, records, change["Action"], RecordSet(sent))
    apex = {(kind) for name, kind, _ in records if name == zone.name}
    if not {"NS", "SOA"} <= apex:
        raise bad("A HostedZone must contain at least one NS record for the zone itself, and exactly one SOA record.")
    zone.rrsets = list(records.values())
    return result(call, {"ChangeInfo": changed(call, batch.get("Comment"))})


def one(call, zone, records, action, record):
    """One change of a batch."""
    judge(call, zone, record)
    key = key_of(record)
    there = records.get(key)
    if action == "DELETE":
        if there is None:
            raise bad(f"{titled('delete', record)} but it was not found")
        if comparable(there) != comparable(record):
            raise bad(f"{titled('delete', record)} but the values provided do not match the current values")
        del records[key]
        return
    if action == "CREATE" and there is not None:
        raise bad(f"{titled('create', record)} but it already exists")
    name, kind, set_identifier = key
    for other_name, other_kind, other_set in records:
        if other_name != name:
            continue
        if "CNAME" in (kind, other_kind) and kind != other_kind:
            message = f"RRSet of type {kind} with DNS name {name} is not permitted as it conflicts with other records with the same DNS name in zone {zone.name}"
            raise bad(message)
        if kind == other_kind and bool(set_identifier) != bool(other_set):
            message = f"RRSet with DNS name {name}, type {kind}, SetIdentifier {set_identifier} cannot be created because a simple RRSet with the same name and type exists."
            raise bad(message)
    records[key] = record


def comparable(record):
    """All that a deletion has to state."""
    value = record_shown(record)
    value["ResourceRecords"] = sorted(entry["Value"] for entry in value.get("ResourceRecords") or [])
    return value


def judge(call, zone, record):
    """What AWS refuses of a record set by itself."""
    name = normal(record.name)
    if name != zone.name and not name.endswith(f".{zone.name}"):
        raise bad(f"RRSet with DNS name {name} is not permitted in zone {zone.name}")
    if record.type == "CNAME" and name == zone.name:
        raise bad(f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone.name}")
    if record.alias_target:
        if record.ttl is not None or record.records:
            raise Refused("InvalidInput", "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]]")
    elif record.ttl is None or not record.records:
        raise Refused("InvalidInput", "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]]")
    routing = [record.weight, record.region, record.failover, record.geo_location, record.multi_value_answer]
    stated = sum(value is not None for value in routing)
    if stated > 1 or bool(stated) != bool(record.set_identifier):
        raise Refused("InvalidInput", "Invalid request: a SetIdentifier goes with exactly one routing policy.")
    if record.health_check_id:
        health_check(call, record.health_check_id)
    for value in record.records or []:
        if record.type in ("TXT", "SPF") and not (value.startswith('"') and value.endswith('"') and len(value) > 1):
            message = f"Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with '{value}''"
            raise bad(message)
        if record.type in ("A", "AAAA"):
            try:
                version = ipaddress.ip_address(value).version
            except ValueError:
                version = 0
            if version != (4 if record.type == "A" else 6):
                raise bad(f"Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with '{value}''")


# Health checks.


def health_check(call, name=None):
    """The health check that a call is about."""
    name = name or call.params["HealthCheckId"]
    found = things(call, "HealthCheck").get(name)
    if found is None:
        raise Refused("NoSuchHealthCheck", f"No health check exists with the specified ID {name}", 404)
    return found


@before("route53:CreateHealthCheck")
def create_health_check(call):
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


def answered(call, check):
    """The answer of a creation."""
    location = f"https://route53.amazonaws.com/2013-04-01/healthcheck/{check['Id']}"
    return result(call, {"HealthCheck": check, "Location": location})


def judge_health_check(config):
    """Ranges."""
    if not 1 <= config.get("FailureThreshold", 3) <= 10 or config.get("RequestInterval", 30) not in (10, 30):
        raise Refused("InvalidInput", "Invalid parameter: FailureThreshold or RequestInterval")
    if config.get("Regions") and len(config["Regions"]) < 3:
        raise Refused("InvalidInput", "Invalid parameter: at least three regions are needed.")


@before("route53:GetHealthCheck")
def get_health_check(call):
    """The layer keeps them."""
    return result(call, {"HealthCheck": health_check(call)})


@before("route53:ListHealthChecks")
def list_health_checks(call):
    """All, a page at a time."""
    marker, most = call.params.get("Marker"), int(call.params.get("MaxItems") or 100)
    checks = list(things(call, "HealthCheck").values())
    names = [check["Id"] for check in checks]
    rest = checks[names.index(marker) if marker in names else 0 :]
    answer = {"HealthChecks": rest[:most], "Marker": marker or "", "MaxItems": str(most), "IsTruncated": len(rest) > most}
    if len(rest) > most:
        answer["NextMarker"] = rest[most]["Id"]
    return result(call, answer)


@before("route53:UpdateHealthCheck")
def update_health_check(call):
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
def delete_health_check(call):
    """Records that refer to it do not keep it."""
    check = health_check(call)
    del things(call, "HealthCheck")[check["Id"]]
    backend(call).resource_tags.pop(check["Id"], None)
    return result(call, {})

