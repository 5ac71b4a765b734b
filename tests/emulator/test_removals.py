"""Settings that are removed with a call of their own, or with an empty text."""

import json

EMPTY = json.dumps({"Version": "2012-10-17", "Statement": []})
BOUNDARY = "arn:aws:iam::aws:policy/PowerUserAccess"


def denied(action, **resource):
    """A policy that denies something to everybody."""
    statement = {"Effect": "Deny", "Principal": "*", "Action": action, **resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_log_group_loses_its_retention_and_its_key(aws):
    key = aws.kms.create_key()["KeyMetadata"]["Arn"]
    aws.logs.create_log_group(logGroupName="/a", kmsKeyId=key)
    aws.logs.put_retention_policy(logGroupName="/a", retentionInDays=30)
    aws.logs.delete_retention_policy(logGroupName="/a")
    aws.logs.disassociate_kms_key(logGroupName="/a")
    (group,) = aws.logs.describe_log_groups()["logGroups"]
    assert "retentionInDays" not in group and "kmsKeyId" not in group
    aws.logs.associate_kms_key(logGroupName="/a", kmsKeyId=key)
    (group,) = aws.logs.describe_log_groups()["logGroups"]
    assert group["kmsKeyId"] == key


def test_a_queue_loses_what_is_set_to_an_empty_text(aws):
    dead = aws.sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    url = aws.sqs.create_queue(QueueName="a")["QueueUrl"]
    own = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    stated = {
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3}),
        "RedriveAllowPolicy": json.dumps({"redrivePermission": "denyAll"}),
        "KmsMasterKeyId": "alias/aws/sqs",
        "Policy": denied("sqs:*", Resource=own),
    }
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=stated)
    has = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert stated.keys() <= has.keys()
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=dict.fromkeys(stated, ""))
    has = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert not {name for name in stated if has.get(name)}


def test_a_topic_and_a_subscription_lose_theirs(aws):
    topic = aws.sns.create_topic(Name="a", Attributes={"KmsMasterKeyId": "alias/aws/sns"})["TopicArn"]
    aws.sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue="")
    assert not aws.sns.get_topic_attributes(TopicArn=topic)["Attributes"].get("KmsMasterKeyId")
    url = aws.sqs.create_queue(QueueName="a")["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    made = aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    one = made["SubscriptionArn"]
    for policy in ('{"severity": ["high"]}', "{}"):
        aws.sns.set_subscription_attributes(SubscriptionArn=one, AttributeName="FilterPolicy", AttributeValue=policy)
    left = aws.sns.get_subscription_attributes(SubscriptionArn=one)["Attributes"].get("FilterPolicy", "{}")
    assert json.loads(left) == {}


def test_a_bucket_loses_its_policy_its_logging_and_its_retention(aws):
    where = {"LocationConstraint": "eu-west-1"}
    aws.s3.create_bucket(Bucket="removals", CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    for lock in ({"ObjectLockEnabled": "Enabled", "Rule": rule}, {"ObjectLockEnabled": "Enabled"}):
        aws.s3.put_object_lock_configuration(Bucket="removals", ObjectLockConfiguration=lock)
    assert "Rule" not in aws.s3.get_object_lock_configuration(Bucket="removals")["ObjectLockConfiguration"]
    aws.s3.put_bucket_logging(Bucket="removals", BucketLoggingStatus={})
    assert "LoggingEnabled" not in aws.s3.get_bucket_logging(Bucket="removals")
    aws.s3.put_bucket_policy(Bucket="removals", Policy=EMPTY)
    aws.s3.delete_bucket_policy(Bucket="removals")
    with aws.refused("NoSuchBucketPolicy"):
        aws.s3.get_bucket_policy(Bucket="removals")


def test_a_repository_a_secret_and_a_role_lose_their_policies(aws):
    aws.ecr.create_repository(repositoryName="app")
    aws.ecr.set_repository_policy(repositoryName="app", policyText=denied("ecr:BatchGetImage"))
    aws.ecr.delete_repository_policy(repositoryName="app")
    with aws.refused("RepositoryPolicyNotFoundException"):
        aws.ecr.get_repository_policy(repositoryName="app")
    aws.secretsmanager.create_secret(Name="a", SecretString="x", Description="something")
    aws.secretsmanager.update_secret(SecretId="a", Description="")
    assert not aws.secretsmanager.describe_secret(SecretId="a").get("Description")
    aws.secretsmanager.put_resource_policy(SecretId="a", ResourcePolicy=EMPTY)
    aws.secretsmanager.delete_resource_policy(SecretId="a")
    assert "ResourcePolicy" not in aws.secretsmanager.get_resource_policy(SecretId="a")
    aws.iam.create_role(RoleName="a", AssumeRolePolicyDocument=EMPTY, PermissionsBoundary=BOUNDARY)
    aws.iam.delete_role_permissions_boundary(RoleName="a")
    assert "PermissionsBoundary" not in aws.iam.get_role(RoleName="a")["Role"]
