"""CloudFront: distributions and policies."""

import copy

import pytest

from things import acl, issued

OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
FORWARDED = {"QueryString": False, "Cookies": {"Forward": "none"}}


def config(reference="first", **more):
    """A distribution in front of a web site."""
    origin = {
        "Id": "site", "DomainName": "origin.example.com",
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
    }  # fmt: skip
    return {
        "CallerReference": reference, "Comment": "", "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "site", "ViewerProtocolPolicy": "https-only", "CachePolicyId": OPTIMIZED},
        **more,
    }  # fmt: skip


def create(aws, settings=None, **more):
    """A distribution, with its ETag."""
    answer = aws.cloudfront.create_distribution(DistributionConfig=settings or config(**more))
    return answer["Distribution"]["Id"], answer["ETag"]


def look(aws, name):
    return aws.cloudfront.get_distribution(Id=name)["Distribution"]


def changed(**paths):
    """A configuration with other values at paths such as `Origins/Items/0/Id`."""
    settings = config()
    for path, value in paths["at"].items():
        *way, last = path.split("/")
        thing = settings
        for step in way:
            thing = thing[int(step) if isinstance(thing, list) else step]
        thing[last] = value
    return settings


def test_a_distribution_is_deleted_once_it_is_disabled_everywhere(aws):
    aws.slow()
    name, tag = create(aws)
    assert look(aws, name)["Status"] == "InProgress"
    aws.pass_by(241)
    assert look(aws, name)["Status"] == "Deployed"
    with aws.refused("DistributionNotDisabled"):
        aws.cloudfront.delete_distribution(Id=name, IfMatch=tag)
    settings = aws.cloudfront.get_distribution_config(Id=name)["DistributionConfig"]
    disabled = {**settings, "Enabled": False}
    new = aws.cloudfront.update_distribution(Id=name, IfMatch=tag, DistributionConfig=disabled)["ETag"]
    with aws.refused("DistributionNotDisabled"):
        aws.cloudfront.delete_distribution(Id=name, IfMatch=new)
    aws.pass_by(241)
    with aws.refused("PreconditionFailed"):
        aws.cloudfront.delete_distribution(Id=name, IfMatch=tag)
    aws.cloudfront.delete_distribution(Id=name, IfMatch=new)
    with aws.refused("NoSuchDistribution"):
        look(aws, name)


def test_a_change_states_the_version_that_it_is_of(aws):
    name, tag = create(aws)
    settings = aws.cloudfront.get_distribution_config(Id=name)["DistributionConfig"]
    with aws.refused("InvalidIfMatchVersion"):
        aws.cloudfront.update_distribution(Id=name, DistributionConfig=settings)
    aws.cloudfront.update_distribution(Id=name, IfMatch=tag, DistributionConfig=settings)
    with aws.refused("PreconditionFailed"):
        aws.cloudfront.update_distribution(Id=name, IfMatch=tag, DistributionConfig=settings)
    tag = aws.cloudfront.get_distribution(Id=name)["ETag"]
    with aws.refused("IllegalUpdate"):
        aws.cloudfront.update_distribution(
            Id=name, IfMatch=tag, DistributionConfig={**settings, "CallerReference": "x"}
        )


def test_a_reference_makes_one_distribution(aws):
    name, _ = create(aws)
    assert create(aws)[0] == name
    with aws.refused("DistributionAlreadyExists"):
        create(aws, Comment="another")


@pytest.mark.parametrize(
    ("code", "at"),
    [
        ("InvalidArgument", {"Origins": {"Quantity": 2, "Items": config()["Origins"]["Items"] * 2}}),
        ("InconsistentQuantities", {"Origins/Quantity": 2}),
        ("InvalidOrigin", {"Origins/Items/0/S3OriginConfig": {"OriginAccessIdentity": ""}}),
        ("InvalidOriginAccessControl", {"Origins/Items/0/OriginAccessControlId": "E123"}),
        ("NoSuchOrigin", {"DefaultCacheBehavior/TargetOriginId": "none"}),
        ("NoSuchCachePolicy", {"DefaultCacheBehavior/CachePolicyId": "none"}),
        ("NoSuchOriginRequestPolicy", {"DefaultCacheBehavior/OriginRequestPolicyId": "none"}),
        ("NoSuchResponseHeadersPolicy", {"DefaultCacheBehavior/ResponseHeadersPolicyId": "none"}),
        ("InvalidArgument", {"DefaultCacheBehavior/ForwardedValues": FORWARDED}),
        ("InvalidViewerCertificate", {"Aliases": {"Quantity": 1, "Items": ["www.example.com"]}}),
        ("InvalidWebACLId", {"WebACLId": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/none/1"}),
    ],
)  # fmt: skip
def test_a_distribution_that_is_refused(aws, code, at):
    with aws.refused(code):
        create(aws, changed(at=at))
    assert aws.cloudfront.list_distributions()["DistributionList"]["Quantity"] == 0


def test_what_aws_fills_in(aws):
    sent = config()
    name, _ = create(aws, copy.deepcopy(sent))
    given = look(aws, name)["DistributionConfig"]
    assert given["PriceClass"] == "PriceClass_All" and given["HttpVersion"] == "http2"
    assert given["Origins"]["Items"][0]["ConnectionAttempts"] == 3
    assert given["Origins"]["Items"][0]["CustomOriginConfig"]["OriginReadTimeout"] == 30
    assert given["DefaultCacheBehavior"]["AllowedMethods"]["CachedMethods"]["Quantity"] == 2
    assert given["ViewerCertificate"]["CloudFrontDefaultCertificate"] is True
    summary = aws.cloudfront.list_distributions()["DistributionList"]["Items"][0]
    assert (summary["Id"], summary["Enabled"]) == (name, True)


def viewer(arn, *aliases):
    certificate = {"ACMCertificateArn": arn, "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"}
    return {"Aliases": {"Quantity": len(aliases), "Items": list(aliases)}, "ViewerCertificate": certificate}


def test_the_certificate_of_viewers(aws):
    near, far = issued(aws), issued(aws, region="us-east-1")
    with aws.refused("InvalidViewerCertificate"):
        create(aws, **viewer(near, "www.example.com"))
    with aws.refused("InvalidViewerCertificate", "doesn't cover"):
        create(aws, **viewer(far, "api.example.com"))
    pending = aws.client("acm", "us-east-1").request_certificate(DomainName="*.example.com")["CertificateArn"]
    with aws.refused("InvalidViewerCertificate"):
        create(aws, **viewer(pending, "www.example.com"))
    incomplete = viewer(far, "www.example.com")
    del incomplete["ViewerCertificate"]["SSLSupportMethod"]
    with aws.refused("InvalidArgument"):
        create(aws, **incomplete)
    name, _ = create(aws, **viewer(far, "www.example.com"))
    seen = aws.client("acm", "us-east-1").describe_certificate(CertificateArn=far)["Certificate"]
    assert seen["InUseBy"] == [look(aws, name)["ARN"]]
    with aws.refused("ResourceInUseException"):
        aws.client("acm", "us-east-1").delete_certificate(CertificateArn=far)
    with aws.refused("CNAMEAlreadyExists"):
        create(aws, reference="second", **viewer(far, "WWW.example.com"))


def test_a_distribution_holds_its_web_acl(aws):
    one = acl(aws, scope="CLOUDFRONT", region="us-east-1")
    create(aws, WebACLId=one["ARN"])
    with aws.refused("WAFAssociatedItemException"):
        aws.client("wafv2", "us-east-1").delete_web_acl(
            Name="acl", Scope="CLOUDFRONT", Id=one["Id"], LockToken=one["LockToken"]
        )
    with aws.refused("InvalidWebACLId"):
        create(aws, reference="second", WebACLId=acl(aws, "other")["ARN"])


POLICIES = {
    "cache_policy": ("CachePolicy", {"Name": "one", "MinTTL": 1}),
    "origin_request_policy": ("OriginRequestPolicy", {
        "Name": "one", "HeadersConfig": {"HeaderBehavior": "none"}, "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"}}),
    "response_headers_policy": ("ResponseHeadersPolicy", {"Name": "one"}),
    "origin_access_control": ("OriginAccessControl", {
        "Name": "one", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", POLICIES)
def test_a_policy_is_of_a_name_a_version_and_held_by_its_distributions(aws, kind):
    noun, settings = POLICIES[kind]
    client = aws.cloudfront

    def call(verb, **params):
        return getattr(client, f"{verb}_{kind}")(**params)

    made = call("create", **{f"{noun}Config": settings})
    name, tag = made[noun]["Id"], made["ETag"]
    with aws.refused(f"{noun}AlreadyExists"):
        call("create", **{f"{noun}Config": settings})
    assert call("get", Id=name)[noun]["Id"] == name
    assert getattr(client, f"get_{kind}_config")(Id=name)["ETag"] == tag
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    more = {} if noun == "OriginAccessControl" else {"Type": "custom"}
    listed = getattr(client, f"list_{plural}")(**more)[f"{noun}List"]["Items"]
    assert [one.get("Id") or one[noun]["Id"] for one in listed] == [name]
    new = call("update", Id=name, IfMatch=tag, **{f"{noun}Config": settings})["ETag"]
    with aws.refused("PreconditionFailed"):
        call("delete", Id=name, IfMatch=tag)
    if noun == "OriginAccessControl":
        holder = changed(at={"Origins/Items/0/OriginAccessControlId": name})
    else:
        holder = changed(at={f"DefaultCacheBehavior/{noun}Id": name})
    held, _ = create(aws, holder)
    with aws.refused(f"{noun}InUse"):
        call("delete", Id=name, IfMatch=new)
    let_go = aws.cloudfront.get_distribution_config(Id=held)
    free = {**let_go["DistributionConfig"], "Origins": config()["Origins"]}
    free["DefaultCacheBehavior"] = config()["DefaultCacheBehavior"]
    aws.slow()
    aws.cloudfront.update_distribution(Id=held, IfMatch=let_go["ETag"], DistributionConfig=free)
    # What the update replaces is in force until it is everywhere.
    with aws.refused(f"{noun}InUse"):
        call("delete", Id=name, IfMatch=new)
    aws.pass_by(241)
    call("delete", Id=name, IfMatch=new)
    with aws.refused(f"NoSuch{noun}"):
        call("get", Id=name)


def test_aws_own_policies_stay_as_they_are(aws):
    listed = aws.cloudfront.list_cache_policies(Type="managed")["CachePolicyList"]["Items"]
    assert OPTIMIZED in [one["CachePolicy"]["Id"] for one in listed]
    tag = aws.cloudfront.get_cache_policy(Id=OPTIMIZED)["ETag"]
    with aws.refused("IllegalUpdate"):
        aws.cloudfront.update_cache_policy(Id=OPTIMIZED, IfMatch=tag, CachePolicyConfig={"Name": "x", "MinTTL": 1})
    with aws.refused("IllegalDelete"):
        aws.cloudfront.delete_cache_policy(Id=OPTIMIZED, IfMatch=tag)
    assert aws.cloudfront.list_cache_policies(Type="custom")["CachePolicyList"]["Quantity"] == 0


def test_a_cache_policy_is_in_order(aws):
    with aws.refused("InvalidArgument", "not in order"):
        aws.cloudfront.create_cache_policy(
            CachePolicyConfig={"Name": "one", "MinTTL": 10, "DefaultTTL": 5, "MaxTTL": 20}
        )
    key = {
        "EnableAcceptEncodingGzip": True, "HeadersConfig": {"HeaderBehavior": "none"},
        "CookiesConfig": {"CookieBehavior": "none"}, "QueryStringsConfig": {"QueryStringBehavior": "none"},
    }  # fmt: skip
    never = {"Name": "one", "MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 0, "ParametersInCacheKeyAndForwardedToOrigin": key}
    with aws.refused("InvalidArgument", "caching disabled"):
        aws.cloudfront.create_cache_policy(CachePolicyConfig=never)


def test_pages(aws):
    for number in range(3):
        create(aws, reference=str(number))
    first = aws.cloudfront.list_distributions(MaxItems="2")["DistributionList"]
    assert (first["Quantity"], first["IsTruncated"]) == (2, True)
    rest = aws.cloudfront.list_distributions(MaxItems="2", Marker=first["NextMarker"])["DistributionList"]
    assert (rest["Quantity"], rest["IsTruncated"]) == (1, False)


def test_tags(aws):
    tags = {"Items": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}
    made = aws.cloudfront.create_distribution_with_tags(
        DistributionConfigWithTags={"DistributionConfig": config(), "Tags": tags}
    )
    arn = made["Distribution"]["ARN"]
    aws.cloudfront.untag_resource(Resource=arn, TagKeys={"Items": ["a"]})
    aws.cloudfront.tag_resource(Resource=arn, Tags={"Items": [{"Key": "c", "Value": "3"}]})
    found = aws.cloudfront.list_tags_for_resource(Resource=arn)["Tags"]["Items"]
    assert {tag["Key"]: tag["Value"] for tag in found} == {"b": "2", "c": "3"}
    with aws.refused("NoSuchResource"):
        aws.cloudfront.list_tags_for_resource(Resource=arn + "X")
    aws.cloudfront.list_tags_for_resource(Resource=arn)
