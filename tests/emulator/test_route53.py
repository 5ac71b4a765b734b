"""Route 53: zones, records and health checks."""

import pytest

from things import change, vpc, zone


def records(aws, where, **about):
    found = aws.route53.list_resource_record_sets(HostedZoneId=where, **about)["ResourceRecordSets"]
    return {(one["Name"], one["Type"]): [value["Value"] for value in one.get("ResourceRecords", [])] for one in found}


def test_a_reference_makes_one_zone(aws):
    zone(aws)
    with aws.refused("HostedZoneAlreadyExists"):
        zone(aws)
    other = zone(aws, reference="second")
    answer = aws.route53.get_hosted_zone(Id=other)
    assert len(set(answer["DelegationSet"]["NameServers"])) == 4
    assert records(aws, other)[("example.com.", "NS")] == [
        f"{name}." for name in answer["DelegationSet"]["NameServers"]
    ]


@pytest.mark.parametrize("name", ["a..b", f"{'a' * 64}.com"])
def test_a_zone_has_the_name_of_a_domain(aws, name):
    with aws.refused("InvalidDomainName"):
        zone(aws, name)


def test_a_change_takes_a_while_to_be_known(aws):
    aws.slow()
    made = change(aws, zone(aws), ("CREATE", "a.example.com", "A", "192.0.2.1"))
    assert made["Status"] == "PENDING"
    aws.pass_by(29)
    assert aws.route53.get_change(Id=made["Id"])["ChangeInfo"]["Status"] == "PENDING"
    aws.pass_by(2)
    assert aws.route53.get_change(Id=made["Id"])["ChangeInfo"]["Status"] == "INSYNC"
    with aws.refused("NoSuchChange"):
        aws.route53.get_change(Id="C123")


def test_a_zone_with_records_stays(aws):
    where = zone(aws)
    record = ("a.example.com", "A", "192.0.2.1")
    change(aws, where, ("CREATE", *record))
    with aws.refused("HostedZoneNotEmpty"):
        aws.route53.delete_hosted_zone(Id=where)
    change(aws, where, ("DELETE", *record))
    # Another zone's name servers are no record of its own.
    delegation = ("sub.example.com", "NS", "ns.example.com.")
    change(aws, where, ("CREATE", *delegation))
    with aws.refused("HostedZoneNotEmpty"):
        aws.route53.delete_hosted_zone(Id=where)
    change(aws, where, ("DELETE", *delegation))
    aws.route53.delete_hosted_zone(Id=where)
    with aws.refused("NoSuchHostedZone"):
        aws.route53.get_hosted_zone(Id=where)


def test_private_zones(aws):
    network, other = vpc(aws), vpc(aws, "10.1.0.0/16")
    seen = {"VPCRegion": "eu-west-1", "VPCId": network}
    with aws.refused("InvalidVPCId"):
        zone(aws, VPC={**seen, "VPCId": "vpc-0123456789abcdef0"})
    with aws.refused("InvalidInput"):
        zone(aws, HostedZoneConfig={"PrivateZone": True})
    where = zone(aws, VPC=seen)
    with aws.refused("ConflictingDomainExists"):
        zone(aws, reference="second", VPC=seen)
    more = {"VPCRegion": "eu-west-1", "VPCId": other}
    aws.route53.associate_vpc_with_hosted_zone(HostedZoneId=where, VPC=more)
    assert {one["VPCId"] for one in aws.route53.get_hosted_zone(Id=where)["VPCs"]} == {network, other}
    aws.route53.disassociate_vpc_from_hosted_zone(HostedZoneId=where, VPC=more)
    with aws.refused("VPCAssociationNotFound"):
        aws.route53.disassociate_vpc_from_hosted_zone(HostedZoneId=where, VPC=more)
    with aws.refused("LastVPCAssociation"):
        aws.route53.disassociate_vpc_from_hosted_zone(HostedZoneId=where, VPC=seen)
    with aws.refused("PublicZoneVPCAssociation"):
        aws.route53.associate_vpc_with_hosted_zone(HostedZoneId=zone(aws, reference="public"), VPC=seen)


REFUSED = [
    ("it is there", "InvalidChangeBatch", ("CREATE", "there.example.com", "A", "192.0.2.1")),
    ("it is not there", "InvalidChangeBatch", ("DELETE", "none.example.com", "A", "192.0.2.1")),
    ("it is another one", "InvalidChangeBatch", ("DELETE", "there.example.com", "A", "192.0.2.9")),
    ("it is of another zone", "InvalidChangeBatch", ("CREATE", "a.example.org", "A", "192.0.2.1")),
    ("the apex has no CNAME", "InvalidChangeBatch", ("CREATE", "example.com", "CNAME", "a.example.org")),
    ("a CNAME is alone", "InvalidChangeBatch", ("CREATE", "there.example.com", "CNAME", "a.example.org")),
    ("it is no address", "InvalidChangeBatch", ("CREATE", "a.example.com", "A", "::1")),
    ("it is no address of IPv6", "InvalidChangeBatch", ("CREATE", "a.example.com", "AAAA", "192.0.2.1")),
    ("a text is quoted", "InvalidChangeBatch", ("CREATE", "a.example.com", "TXT", "text")),
]


@pytest.mark.parametrize(("why", "code", "wrong"), REFUSED, ids=[why for why, *_ in REFUSED])
def test_a_batch_is_done_whole_or_not_at_all(aws, why, code, wrong):
    where = zone(aws)
    change(aws, where, ("CREATE", "there.example.com", "A", "192.0.2.1"))
    before = records(aws, where)
    with aws.refused(code):
        change(aws, where, ("CREATE", "new.example.com", "A", "192.0.2.2"), wrong)
    assert records(aws, where) == before


def test_the_records_of_a_zone_itself_stay(aws):
    where = zone(aws)
    servers = records(aws, where)[("example.com.", "NS")]
    gone = {"Name": "example.com", "Type": "NS", "TTL": 172800, "ResourceRecords": [{"Value": one} for one in servers]}
    with aws.refused("InvalidChangeBatch", "at least one NS"):
        aws.route53.change_resource_record_sets(
            HostedZoneId=where, ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": gone}]}
        )


def put(aws, where, **record):
    """One record that is not simple."""
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {"Name": "a.example.com", "Type": "A", **record}}]}
    return aws.route53.change_resource_record_sets(HostedZoneId=where, ChangeBatch=batch)


VALUES = {"TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"TTL": 60},
        {**VALUES, "SetIdentifier": "one"},
        {**VALUES, "Weight": 1},
        {**VALUES, "Weight": 1, "Failover": "PRIMARY", "SetIdentifier": "one"},
    ],
)
def test_a_record_set_is_of_one_sort(aws, record):
    with aws.refused("InvalidInput"):
        put(aws, zone(aws), **record)


def test_weighted_records_and_their_order(aws):
    where = zone(aws)
    put(aws, where, **VALUES, Weight=1, SetIdentifier="one")
    put(aws, where, **VALUES, Weight=2, SetIdentifier="two")
    with aws.refused("InvalidChangeBatch"):
        put(aws, where, **VALUES)
    about = {"HostedZoneId": where, "StartRecordName": "a.example.com", "StartRecordType": "A"}
    first = aws.route53.list_resource_record_sets(**about, MaxItems="1")
    assert [one["SetIdentifier"] for one in first["ResourceRecordSets"]] == ["one"]
    assert (first["IsTruncated"], first["NextRecordIdentifier"]) == (True, "two")
    rest = aws.route53.list_resource_record_sets(**about, StartRecordIdentifier="two")["ResourceRecordSets"]
    assert [one["Weight"] for one in rest] == [2]
    with aws.refused("InvalidInput"):
        aws.route53.list_resource_record_sets(HostedZoneId=where, StartRecordType="A")


def test_names_have_one_form(aws):
    where = zone(aws)
    change(aws, where, ("CREATE", "*.Example.COM", "A", "192.0.2.1"))
    assert ("\\052.example.com.", "A") in records(aws, where)
    change(aws, where, ("DELETE", "\\052.example.com.", "A", "192.0.2.1"))
    assert ("\\052.example.com.", "A") not in records(aws, where)


def test_a_batch_is_of_a_thousand_values(aws):
    where = zone(aws)
    many = [("UPSERT", f"{number}.example.com", "A", "192.0.2.1") for number in range(501)]
    with aws.refused("InvalidChangeBatch", "1000"):
        change(aws, where, *many)
    change(aws, where, *many[:500])


CHECK = {"Type": "HTTPS", "FullyQualifiedDomainName": "example.com"}


def check(aws, reference="first", **more):
    """A health check; answers it."""
    made = aws.route53.create_health_check(CallerReference=reference, HealthCheckConfig={**CHECK, **more})
    return made["HealthCheck"]


def test_a_health_check_is_of_a_reference(aws):
    made = check(aws)
    assert check(aws)["Id"] == made["Id"]
    with aws.refused("HealthCheckAlreadyExists"):
        check(aws, FailureThreshold=5)
    given = made["HealthCheckConfig"]
    assert aws.route53.get_health_check(HealthCheckId=made["Id"])["HealthCheck"]["HealthCheckConfig"] == given
    assert (given["Port"], given["RequestInterval"], given["FailureThreshold"], given["EnableSNI"]) == (
        443,
        30,
        3,
        True,
    )
    aws.route53.delete_health_check(HealthCheckId=made["Id"])
    # It cannot be used again.
    with aws.refused("HealthCheckAlreadyExists"):
        check(aws)
    with aws.refused("NoSuchHealthCheck"):
        aws.route53.get_health_check(HealthCheckId=made["Id"])


def test_a_health_check_that_is_refused(aws):
    with aws.refused("InvalidInput"):
        aws.route53.create_health_check(CallerReference="one", HealthCheckConfig={"Type": "HTTP"})
    with aws.refused("InvalidInput"):
        check(aws, RequestInterval=20)
    with aws.refused("InvalidInput"):
        check(aws, FailureThreshold=11)
    aws.forgive()


def test_a_health_check_has_versions(aws):
    name = check(aws)["Id"]
    about = {"HealthCheckId": name}
    new = aws.route53.update_health_check(**about, HealthCheckVersion=1, Port=8443)["HealthCheck"]
    assert (new["HealthCheckVersion"], new["HealthCheckConfig"]["Port"]) == (2, 8443)
    with aws.refused("HealthCheckVersionMismatch"):
        aws.route53.update_health_check(**about, HealthCheckVersion=1, Port=443)


def test_pages_of_health_checks(aws):
    names = {check(aws, str(number))["Id"] for number in range(3)}
    first = aws.route53.list_health_checks(MaxItems="2")
    rest = aws.route53.list_health_checks(MaxItems="2", Marker=first["NextMarker"])
    assert {one["Id"] for one in first["HealthChecks"] + rest["HealthChecks"]} == names
    assert (first["IsTruncated"], rest["IsTruncated"]) == (True, False)


def test_a_record_names_a_health_check_that_is_there(aws):
    where = zone(aws)
    with aws.refused("NoSuchHealthCheck"):
        put(aws, where, **VALUES, HealthCheckId="none")
    put(aws, where, **VALUES, HealthCheckId=check(aws)["Id"])


@pytest.mark.parametrize(("kind", "code"), [("healthcheck", "NoSuchHealthCheck"), ("hostedzone", "NoSuchHostedZone")])
def test_tags(aws, kind, code):
    name = check(aws)["Id"] if kind == "healthcheck" else zone(aws)
    about = {"ResourceType": kind, "ResourceId": name}
    with aws.refused("InvalidInput"):
        aws.route53.change_tags_for_resource(**about, AddTags=[{"Key": str(at), "Value": ""} for at in range(11)])
    aws.forgive()
    aws.route53.change_tags_for_resource(**about, AddTags=[{"Key": "a", "Value": "b"}])
    assert aws.route53.list_tags_for_resource(**about)["ResourceTagSet"]["Tags"] == [{"Key": "a", "Value": "b"}]
    with aws.refused(code):
        aws.route53.list_tags_for_resource(ResourceType=kind, ResourceId="none")
    with aws.refused(code):
        aws.route53.list_tags_for_resources(ResourceType=kind, ResourceIds=[name, "none"])
