"""CloudFront: origins in VPCs."""

from test_cloudfront import config, create
from things import balancer, place


def origin(arn, name="one"):
    return {"Name": name, "Arn": arn, "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}


def test_an_origin_in_a_vpc(aws):
    _, subnets = place(aws)
    arn = balancer(aws, subnets, Scheme="internal")
    aws.slow()
    made = aws.cloudfront.create_vpc_origin(VpcOriginEndpointConfig=origin(arn))
    name, tag = made["VpcOrigin"]["Id"], made["ETag"]
    settings = config()
    settings["Origins"]["Items"][0] = {
        "Id": "site",
        "DomainName": "x.internal",
        "VpcOriginConfig": {"VpcOriginId": name},
    }
    with aws.refused("InvalidArgument", "not deployed"):
        create(aws, settings)
    with aws.refused("IllegalDelete"):
        aws.cloudfront.delete_vpc_origin(Id=name, IfMatch=tag)
    with aws.refused("IllegalUpdate"):
        aws.cloudfront.update_vpc_origin(Id=name, IfMatch=tag, VpcOriginEndpointConfig=origin(arn, "two"))
    aws.pass_by(301)
    assert aws.cloudfront.get_vpc_origin(Id=name)["VpcOrigin"]["Status"] == "Deployed"
    create(aws, settings)
    with aws.refused("CannotDeleteEntityWhileInUse"):
        aws.cloudfront.delete_vpc_origin(Id=name, IfMatch=tag)
    with aws.refused("CannotUpdateEntityWhileInUse"):
        aws.cloudfront.update_vpc_origin(Id=name, IfMatch=tag, VpcOriginEndpointConfig=origin(arn, "two"))


def test_an_origin_in_a_vpc_that_goes(aws):
    _, subnets = place(aws)
    arn = balancer(aws, subnets, Scheme="internal")
    made = aws.cloudfront.create_vpc_origin(VpcOriginEndpointConfig=origin(arn))
    name = made["VpcOrigin"]["Id"]
    tag = aws.cloudfront.update_vpc_origin(Id=name, IfMatch=made["ETag"], VpcOriginEndpointConfig=origin(arn, "two"))[
        "ETag"
    ]
    listed = aws.cloudfront.list_vpc_origins()["VpcOriginList"]["Items"]
    assert [one["Name"] for one in listed] == ["two"]
    aws.slow()
    aws.pass_by(1)
    with aws.refused("PreconditionFailed"):
        aws.cloudfront.delete_vpc_origin(Id=name, IfMatch=made["ETag"])
    aws.cloudfront.delete_vpc_origin(Id=name, IfMatch=tag)
    assert aws.cloudfront.get_vpc_origin(Id=name)["VpcOrigin"]["Status"] == "Deploying"
    aws.pass_by(301)
    with aws.refused("EntityNotFound"):
        aws.cloudfront.get_vpc_origin(Id=name)
    settings = config()
    settings["Origins"]["Items"][0] = {
        "Id": "site",
        "DomainName": "x.internal",
        "VpcOriginConfig": {"VpcOriginId": name},
    }
    with aws.refused("EntityNotFound"):
        create(aws, settings)


def test_an_origin_is_in_a_vpc_with_an_internet_gateway(aws):
    _, subnets = place(aws, gateway=False)
    arn = balancer(aws, subnets, Scheme="internal")
    with aws.refused("InvalidArgument", "internet gateway"):
        aws.cloudfront.create_vpc_origin(VpcOriginEndpointConfig=origin(arn))
    with aws.refused("InvalidArgument", "not that of a load balancer"):
        aws.cloudfront.create_vpc_origin(VpcOriginEndpointConfig=origin("arn:aws:s3:::bucket"))
