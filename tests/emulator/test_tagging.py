"""The Resource Groups Tagging API: what carries a tag, as AWS's own index says it."""

from things import eks_cluster, role


def found(aws, **wanted):
    """The ARNs of all that carries the tag."""
    filters = [{"Key": key.replace("_", ":"), "Values": [value]} for key, value in wanted.items()]
    pages = aws.resourcegroupstaggingapi.get_paginator("get_resources").paginate(TagFilters=filters)
    return sorted(one["ResourceARN"] for page in pages for one in page["ResourceTagMappingList"])


def test_what_carries_a_tag(aws):
    tags = [{"Key": "platctl:stack", "Value": "one"}]
    spec = [{"ResourceType": "vpc", "Tags": tags}]
    vpc = aws.ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=spec)["Vpc"]["VpcId"]
    key = aws.kms.create_key(Tags=[{"TagKey": "platctl:stack", "TagValue": "one"}])["KeyMetadata"]["Arn"]
    other = [{"ResourceType": "vpc", "Tags": [{"Key": "platctl:stack", "Value": "two"}]}]
    aws.ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=other)
    arns = found(aws, platctl_stack="one")
    assert key in arns and any(arn.endswith(f":vpc/{vpc}") for arn in arns) and len(arns) == 2
    aws.ec2.delete_vpc(VpcId=vpc)
    assert found(aws, platctl_stack="one") == [key]


def test_what_moto_does_not_know_is_listed_too(aws):
    made = aws.codecommit.create_repository(repositoryName="code", tags={"platctl:stack": "one"})
    arn = made["repositoryMetadata"]["Arn"]
    assert found(aws, platctl_stack="one") == [arn]
    assert found(aws, platctl_stack="two") == []
    eks_cluster(aws, tags={"platctl:stack": "two"})
    assert found(aws, platctl_stack="two") == [aws.eks.describe_cluster(name="one")["cluster"]["arn"]]


def test_services_that_write_keys_small_are_listed_too(aws):
    arn = role(aws, "codebuild.amazonaws.com", "builds")
    made = aws.codebuild.create_project(
        name="one",
        serviceRole=arn,
        source={"type": "CODEPIPELINE"},
        artifacts={"type": "CODEPIPELINE"},
        environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        tags=[{"key": "platctl:stack", "value": "one"}],
    )
    assert found(aws, platctl_stack="one") == [made["project"]["arn"]]
