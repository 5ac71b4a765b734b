"""AWS's request budgets."""

import pytest

from things import vpc


def test_the_buckets_of_requests(aws):
    aws.profile(throttle={"ec2:CreateInternetGateway": [2, 0.5]})
    for _ in range(2):
        aws.ec2.create_internet_gateway()
    with aws.refused("RequestLimitExceeded"):
        aws.ec2.create_internet_gateway()
    vpc(aws)
    aws.pass_by(2)
    aws.ec2.create_internet_gateway()
    with aws.refused("RequestLimitExceeded"):
        aws.ec2.create_internet_gateway()


@pytest.mark.parametrize(
    ("code", "many", "call"),
    [
        ("RequestLimitExceeded", 100, lambda aws: aws.ec2.describe_regions()),
        # Dear without a filter.
        ("RequestLimitExceeded", 50, lambda aws: aws.ec2.describe_network_interfaces()),
        ("RequestLimitExceeded", 100, lambda aws: aws.ec2.describe_network_interfaces(MaxResults=5)),
        ("Throttling", 5, lambda aws: aws.route53.list_hosted_zones()),
        ("ThrottlingException", 50, lambda aws: aws.eks.list_clusters()),
    ],
)
def test_the_budgets_of_aws(aws, code, many, call):
    aws.profile(throttle=True)
    for _ in range(many):
        call(aws)
    with aws.refused(code):
        call(aws)
    aws.profile(throttle=False)
    call(aws)
