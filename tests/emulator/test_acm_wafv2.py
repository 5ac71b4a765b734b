"""Certificates and web ACLs."""

import pytest

from things import acl, balancer, change, issued, listener, place, target_group, vpc, zone


def certificate(aws, arn, region="eu-west-1"):
    return aws.client("acm", region).describe_certificate(CertificateArn=arn)["Certificate"]


def test_a_certificate_is_issued_once_its_record_is_seen(aws):
    aws.slow()
    about = {"DomainName": "example.com", "SubjectAlternativeNames": ["*.example.com"], "ValidationMethod": "DNS"}
    arn = aws.acm.request_certificate(**about, IdempotencyToken="t")["CertificateArn"]
    assert aws.acm.request_certificate(**about, IdempotencyToken="t")["CertificateArn"] == arn
    assert aws.acm.request_certificate(**about, IdempotencyToken="u")["CertificateArn"] != arn
    assert "ResourceRecord" not in certificate(aws, arn)["DomainValidationOptions"][0]
    aws.pass_by(6)
    options = certificate(aws, arn)["DomainValidationOptions"]
    assert options[0]["ResourceRecord"] == options[1]["ResourceRecord"]
    record = options[0]["ResourceRecord"]
    change(aws, zone(aws), ("CREATE", record["Name"], "CNAME", record["Value"]))
    assert certificate(aws, arn)["Status"] == "PENDING_VALIDATION" and "IssuedAt" not in certificate(aws, arn)
    aws.pass_by(61)
    assert certificate(aws, arn)["Status"] == "ISSUED" and certificate(aws, arn)["IssuedAt"]
    kinds = {"keyTypes": ["RSA_2048"]}
    listed = aws.acm.list_certificates(Includes=kinds, CertificateStatuses=["ISSUED"])["CertificateSummaryList"]
    assert arn in [one["CertificateArn"] for one in listed]


def test_a_record_in_a_private_zone_validates_nothing(aws):
    arn = aws.acm.request_certificate(DomainName="example.com", ValidationMethod="DNS")["CertificateArn"]
    record = certificate(aws, arn)["DomainValidationOptions"][0]["ResourceRecord"]
    private = zone(aws, VPC={"VPCRegion": "eu-west-1", "VPCId": vpc(aws)})
    change(aws, private, ("CREATE", record["Name"], "CNAME", record["Value"]))
    assert certificate(aws, arn)["Status"] == "PENDING_VALIDATION"


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("InvalidParameterException", {"KeyAlgorithm": "RSA_4096"}),
        ("LimitExceededException", {"SubjectAlternativeNames": [f"{number}.example.com" for number in range(10)]}),
        ("InvalidParameterException", {"DomainName": f"{'a' * 61}.com"}),
        ("InvalidParameterException", {"DomainName": "localhost"}),
    ],
)
def test_a_request_that_acm_refuses(aws, code, more):
    with aws.refused(code):
        aws.acm.request_certificate(**{"DomainName": "example.com", "ValidationMethod": "DNS", **more})
    aws.forgive()


def test_a_listener_takes_and_holds_a_certificate_that_is_issued(aws):
    network, subnets = place(aws)
    where, target = balancer(aws, subnets), target_group(aws, network)
    pending = aws.acm.request_certificate(DomainName="b.example.com", ValidationMethod="DNS")["CertificateArn"]
    about = {"port": 443, "Protocol": "HTTPS"}
    with aws.refused("ValidationError"):
        listener(aws, where, target, **about)
    with aws.refused("UnsupportedCertificate"):
        listener(aws, where, target, **about, Certificates=[{"CertificateArn": pending}])
    with aws.refused("CertificateNotFound"):
        listener(aws, where, target, **about, Certificates=[{"CertificateArn": f"{pending[:-1]}x"}])
    arn = issued(aws)
    held = listener(aws, where, target, **about, Certificates=[{"CertificateArn": arn}])
    with aws.refused("UnsupportedCertificate"):
        aws.elbv2.modify_listener(ListenerArn=held, Certificates=[{"CertificateArn": pending}])
    assert certificate(aws, arn)["InUseBy"] == [where]
    with aws.refused("ResourceInUseException"):
        aws.acm.delete_certificate(CertificateArn=arn)
    aws.elbv2.delete_listener(ListenerArn=held)
    aws.acm.delete_certificate(CertificateArn=arn)


def test_a_web_acl_of_a_name_and_a_lock(aws):
    made = acl(aws)
    with aws.refused("WAFDuplicateItemException"):
        acl(aws)
    about = {"Name": "acl", "Scope": "REGIONAL", "Id": made["Id"]}
    metrics = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "acl"}
    change = {**about, "DefaultAction": {"Allow": {}}, "VisibilityConfig": metrics}
    aws.wafv2.update_web_acl(**change, LockToken=made["LockToken"], Description="one")
    with aws.refused("WAFOptimisticLockException"):
        aws.wafv2.update_web_acl(**change, LockToken=made["LockToken"])
    token = aws.wafv2.get_web_acl(**about)["LockToken"]
    aws.wafv2.update_web_acl(**change, LockToken=token)
    # Everything is replaced.
    assert not aws.wafv2.get_web_acl(**about)["WebACL"].get("Description")


def test_what_is_for_cloudfront_lives_in_one_region(aws):
    with aws.refused("WAFInvalidParameterException"):
        acl(aws, scope="CLOUDFRONT")
    made = acl(aws, scope="CLOUDFRONT", region="us-east-1")
    about = {"Scope": "CLOUDFRONT", "Name": made["Name"], "Id": made["Id"]}
    metrics = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "acl"}
    change = {**about, "LockToken": made["LockToken"]}
    elsewhere = (
        lambda: aws.wafv2.list_web_acls(Scope="CLOUDFRONT"),
        lambda: aws.wafv2.get_web_acl(**about),
        lambda: aws.wafv2.update_web_acl(**change, DefaultAction={"Allow": {}}, VisibilityConfig=metrics),
        lambda: aws.wafv2.delete_web_acl(**change),
    )
    for call in elsewhere:
        with aws.refused("WAFInvalidParameterException"):
            call()
    seen = aws.client("wafv2", "us-east-1").get_web_acl(ARN=made["ARN"])
    assert seen["WebACL"]["Id"] == made["Id"] and seen["LockToken"]
    with aws.refused("WAFNonexistentItemException"):
        aws.client("wafv2", "us-east-1").get_web_acl(ARN=made["ARN"][:-1] + "x")
    _, subnets = place(aws)
    with aws.refused("WAFInvalidParameterException"):
        aws.wafv2.associate_web_acl(WebACLArn=made["ARN"], ResourceArn=balancer(aws, subnets))


def test_a_balancer_has_one_acl_and_holds_it(aws):
    _, subnets = place(aws)
    first, second = acl(aws, "first"), acl(aws, "second")
    aws.slow()
    arn = balancer(aws, subnets)
    with aws.refused("WAFUnavailableEntityException"):
        aws.wafv2.associate_web_acl(WebACLArn=first["ARN"], ResourceArn=arn)
    aws.pass_by(151)
    for wrong in (
        {"WebACLArn": first["ARN"] + "x", "ResourceArn": arn},
        {"WebACLArn": first["ARN"], "ResourceArn": arn + "x"},
    ):
        with aws.refused("WAFNonexistentItemException"):
            aws.wafv2.associate_web_acl(**wrong)
    for call in (aws.wafv2.get_web_acl_for_resource, aws.wafv2.disassociate_web_acl):
        with aws.refused("WAFNonexistentItemException"):
            call(ResourceArn=arn + "x")
    for one in (first, second):
        aws.wafv2.associate_web_acl(WebACLArn=one["ARN"], ResourceArn=arn)
    assert aws.wafv2.get_web_acl_for_resource(ResourceArn=arn)["WebACL"]["Name"] == "second"

    def delete(one):
        aws.wafv2.delete_web_acl(Name=one["Name"], Id=one["Id"], Scope="REGIONAL", LockToken=one["LockToken"])

    delete(first)
    with aws.refused("WAFAssociatedItemException"):
        delete(second)
    # Its web ACL lets go of a balancer that is deleted.
    aws.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    delete(second)
