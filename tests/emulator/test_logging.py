"""Logs that services deliver: of CloudFront, AWS WAF and Route 53."""

import json

import pytest

GROUP = "arn:aws:logs:{}:123456789012:log-group:{}"
ACL = {
    "DefaultAction": {"Allow": {}},
    "VisibilityConfig": {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"},
}


def allow(service, arn):
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_queries_are_logged_where_route_53_may_write(aws):
    zone = aws.route53.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    zone = zone.rpartition("/")[2]
    logs = aws.client("logs", "us-east-1")
    arn = GROUP.format("us-east-1", "/aws/route53/one")
    about = {"HostedZoneId": zone, "CloudWatchLogsLogGroupArn": arn}
    with aws.refused("InsufficientCloudWatchLogsResourcePolicy"):
        aws.route53.create_query_logging_config(**about)
    document = allow("route53.amazonaws.com", "arn:aws:logs:us-east-1:123456789012:log-group:/aws/route53/*")
    logs.put_resource_policy(policyName="one", policyDocument=document)
    with aws.refused("NoSuchCloudWatchLogsLogGroup"):
        aws.route53.create_query_logging_config(**about)
    with aws.refused("InvalidInput"):
        elsewhere = GROUP.format("eu-west-1", "/aws/route53/one")
        aws.route53.create_query_logging_config(**{**about, "CloudWatchLogsLogGroupArn": elsewhere})
    logs.create_log_group(logGroupName="/aws/route53/one")
    made = aws.route53.create_query_logging_config(**about)["QueryLoggingConfig"]
    assert aws.route53.get_query_logging_config(Id=made["Id"])["QueryLoggingConfig"] == made
    assert aws.route53.list_query_logging_configs(HostedZoneId=zone)["QueryLoggingConfigs"] == [made]
    with aws.refused("QueryLoggingConfigAlreadyExists"):
        aws.route53.create_query_logging_config(**about)
    aws.route53.delete_query_logging_config(Id=made["Id"])
    with aws.refused("NoSuchQueryLoggingConfig"):
        aws.route53.get_query_logging_config(Id=made["Id"])


@pytest.mark.parametrize(("scope", "region"), [("CLOUDFRONT", "us-east-1"), ("REGIONAL", "eu-west-1")])
def test_a_firewall_logs_under_a_name_of_its_own(aws, scope, region):
    waf, logs = aws.client("wafv2", region), aws.client("logs", region)
    arn = waf.create_web_acl(Name="one", Scope=scope, **ACL)["Summary"]["ARN"]
    for name in ("aws-waf-logs-one", "waf-logs"):
        logs.create_log_group(logGroupName=name)

    def put(name, where=region):
        config = {"ResourceArn": arn, "LogDestinationConfigs": [GROUP.format(where, name)]}
        return waf.put_logging_configuration(LoggingConfiguration=config)

    for refused in (("waf-logs", region), ("aws-waf-logs-two", region), ("aws-waf-logs-one", "eu-central-1")):
        with aws.refused("WAFInvalidParameterException"):
            put(*refused)
    with aws.refused("WAFNonexistentItemException"):
        waf.get_logging_configuration(ResourceArn=arn)
    put("aws-waf-logs-one")
    assert waf.get_logging_configuration(ResourceArn=arn)["LoggingConfiguration"]["ResourceArn"] == arn
    waf.delete_logging_configuration(ResourceArn=arn)
    with aws.refused("WAFNonexistentItemException"):
        waf.delete_logging_configuration(ResourceArn=arn)


def test_a_delivery_holds_its_ends(aws):
    logs = aws.client("logs", "eu-west-1")
    arn = "arn:aws:workmail:eu-west-1:123456789012:organization/m-1"
    logs.put_delivery_source(name="source", resourceArn=arn, logType="ACCESS_CONTROL_LOGS", tags={"a": "b"})
    with aws.refused("ConflictException"):
        logs.put_delivery_source(name="other", resourceArn=arn, logType="ACCESS_CONTROL_LOGS")
    aws.s3.create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    target = {"destinationResourceArn": "arn:aws:s3:::logs/cdn"}
    made = logs.put_delivery_destination(name="target", deliveryDestinationConfiguration=target)
    about = {"deliverySourceName": "source", "deliveryDestinationArn": made["deliveryDestination"]["arn"]}
    with aws.refused("AccessDeniedException"):
        logs.create_delivery(**about)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::logs/cdn/*",
    }
    aws.s3.put_bucket_policy(Bucket="logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    number = logs.create_delivery(**about)["delivery"]["id"]
    for delete in (logs.delete_delivery_source, logs.delete_delivery_destination):
        with aws.refused("ConflictException"):
            delete(name="source" if delete == logs.delete_delivery_source else "target")
    logs.delete_delivery(id=number)
    logs.delete_delivery_source(name="source")
    logs.delete_delivery_destination(name="target")


def test_logs_of_a_distribution_are_set_up_in_one_region(aws):
    arn = "arn:aws:cloudfront::123456789012:distribution/E1"
    with aws.refused("ValidationException"):
        aws.client("logs", "eu-west-1").put_delivery_source(name="one", resourceArn=arn, logType="ACCESS_LOGS")
    with aws.refused("ResourceNotFoundException"):
        aws.client("logs", "us-east-1").put_delivery_source(name="one", resourceArn=arn, logType="ACCESS_LOGS")
