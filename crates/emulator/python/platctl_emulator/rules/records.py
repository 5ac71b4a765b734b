"""Route 53's records: batches that are done whole or not at all."""

from __future__ import annotations

import copy
import ipaddress
from typing import TYPE_CHECKING, Any

from moto.route53.models import RecordSet

from ..answers import Refused, result
from .registry import before
from .route53 import changed, health_check, normal, zone_of

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


def key_of(record: Any) -> Any:
    """What tells record sets of a zone apart."""
    return normal(record.name), record.type, record.set_identifier


def order(record: Any) -> Any:
    """The order of a listing: by labels from the end of the name."""
    name, kind, set_identifier = key_of(record)
    return ".".join(reversed(name.rstrip(".").split("."))), kind, set_identifier or ""


def record_shown(record: Any) -> Any:
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
def list_records(call: Call) -> Answer:
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


def bad(message: str) -> Refused:
    """AWS's refusal of a batch."""
    return Refused("InvalidChangeBatch", f"[{message}]")


def titled(action: str, record: Any) -> str:
    """How AWS names a record set in its messages."""
    name, kind, set_identifier = key_of(record)
    identified = f", set-identifier='{set_identifier}'" if set_identifier else ""
    return f"Tried to {action} resource record set [name='{name}', type='{kind}'{identified}]"


@before("route53:ChangeResourceRecordSets")
def change_records(call: Call) -> Answer:
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
        raise bad("A HostedZone must contain at least one NS record for the zone itself, and one SOA record.")
    zone.rrsets = list(records.values())
    return result(call, {"ChangeInfo": changed(call, batch.get("Comment"))})


def one(call: Call, zone: Any, records: Any, action: str, record: Any) -> None:
    """One change of a batch."""
    judge(call, zone, record, action)
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
            conflict = "is not permitted as it conflicts with other records with the same DNS name in zone"
            raise bad(f"RRSet of type {kind} with DNS name {name} {conflict} {zone.name}")
        if kind == other_kind and bool(set_identifier) != bool(other_set):
            conflict = "cannot be created because other RRSets with the same name and type are routed otherwise"
            raise bad(f"RRSet with DNS name {name}, type {kind}, SetIdentifier {set_identifier} {conflict}")
    records[key] = record


def comparable(record: Any) -> Any:
    """All that a deletion has to state."""
    value = record_shown(record)
    value["ResourceRecords"] = sorted(entry["Value"] for entry in value.get("ResourceRecords") or [])
    return value


def judge(call: Call, zone: Any, record: Any, action: str) -> None:
    """What AWS refuses of a record set by itself."""
    name = normal(record.name)
    if name != zone.name and not name.endswith(f".{zone.name}"):
        raise bad(f"RRSet with DNS name {name} is not permitted in zone {zone.name}")
    if record.type == "CNAME" and name == zone.name:
        raise bad(f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone.name}")
    if record.alias_target:
        whole = record.ttl is None and not record.records
    else:
        whole = record.ttl is not None and bool(record.records)
    if not whole:
        message = "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]]"
        raise Refused("InvalidInput", message)
    routing = [record.weight, record.region, record.failover, record.geo_location, record.multi_value_answer]
    stated = sum(value is not None for value in routing)
    if stated > 1 or bool(stated) != bool(record.set_identifier):
        raise Refused("InvalidInput", "Invalid request: a SetIdentifier goes with exactly one routing policy.")
    # A health check may go before the records that name it.
    if record.health_check_id and action != "DELETE":
        health_check(call, record.health_check_id)
    for value in record.records or []:
        if record.type in ("TXT", "SPF") and not (value.startswith('"') and value.endswith('"') and len(value) > 1):
            problem = "InvalidCharacterString (Value should be enclosed in quotation marks)"
            raise bad(f"Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''")
        if record.type in ("A", "AAAA"):
            try:
                version: int = ipaddress.ip_address(value).version
            except ValueError:
                version = 0
            if version != (4 if record.type == "A" else 6):
                problem = f"{record.type}RRDATAIllegalIPAddress (Value is not a valid IP address)"
                raise bad(f"Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''")
