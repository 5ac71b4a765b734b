"""SQS: names, attributes, dead-letter queues."""

import json

NONE = "AWS.SimpleQueueService.NonExistentQueue"


def made(aws, name="orders", tags=None, **attributes):
    """A queue; answers its URL."""
    return aws.sqs.create_queue(QueueName=name, Attributes=attributes, tags=tags or {})["QueueUrl"]


def attributes(aws, url):
    """All of a queue."""
    return aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def redrive(arn, count=3):
    """A redrive policy."""
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": count})


def test_a_queue(aws):
    url = made(aws, tags={"a": "b"}, DelaySeconds="5")
    assert url.endswith("/123456789012/orders")
    assert aws.sqs.get_queue_url(QueueName="orders")["QueueUrl"] == url
    found = attributes(aws, url)
    assert (found["DelaySeconds"], found["SqsManagedSseEnabled"]) == ("5", "true")
    assert found["QueueArn"] == "arn:aws:sqs:eu-west-1:123456789012:orders"
    assert "FifoQueue" not in found and "Policy" not in found
    aws.sqs.tag_queue(QueueUrl=url, Tags={"c": "d"})
    aws.sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert aws.sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"c": "d"}
    aws.sqs.delete_queue(QueueUrl=url)
    with aws.refused(NONE):
        attributes(aws, url)
    with aws.refused(NONE):
        aws.sqs.get_queue_url(QueueName="orders")


def test_a_second_creation_answers_the_first_queue_as_it_is(aws):
    url = made(aws, tags={"a": "b"}, DelaySeconds="5")
    assert made(aws, tags={"a": "other"}, DelaySeconds="5") == url
    assert aws.sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    with aws.refused("QueueAlreadyExists"):
        made(aws, DelaySeconds="6")


def test_the_name_of_a_deleted_queue_is_free_after_a_minute(aws):
    aws.slow()
    aws.sqs.delete_queue(QueueUrl=made(aws))
    with aws.refused("AWS.SimpleQueueService.QueueDeletedRecently"):
        made(aws)
    aws.pass_by(61)
    assert made(aws)


def test_names(aws):
    for name in ("a.fifo", "a b", "a" * 81):
        with aws.refused("InvalidParameterValue"):
            made(aws, name)
    for name in ("a", ".fifo", "a" * 76 + ".fifo"):
        with aws.refused("InvalidParameterValue"):
            made(aws, name, FifoQueue="true")
    aws.forgive()


def test_attributes_of_fifo_queues(aws):
    for name, value in (("FifoQueue", "false"), ("ContentBasedDeduplication", "true"), ("DeduplicationScope", "queue")):
        with aws.refused("InvalidAttributeName", "Unknown Attribute"):
            made(aws, **{name: value})
    with aws.refused("InvalidAttributeValue", "FifoThroughputLimit"):
        made(aws, "a.fifo", FifoQueue="true", FifoThroughputLimit="perMessageGroupId")
    fast = {"FifoThroughputLimit": "perMessageGroupId", "DeduplicationScope": "messageGroup"}
    url = made(aws, "a.fifo", FifoQueue="true", **fast)
    with aws.refused("InvalidAttributeValue"):
        aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"DeduplicationScope": "queue"})
    assert attributes(aws, url)["FifoQueue"] == "true"


def test_ranges_and_documents(aws):
    url = made(aws)
    for name, value in (("DelaySeconds", "901"), ("MaximumMessageSize", "1023"), ("Policy", "{}"), ("Policy", "no")):
        with aws.refused("InvalidAttributeValue", name):
            aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={name: value})
    for document in ({"redrivePermission": "byQueue"}, {"redrivePermission": "denyAll", "sourceQueueArns": ["a"]}):
        with aws.refused("InvalidParameterValue", "RedriveAllowPolicy"):
            aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": json.dumps(document)})
    allowed = json.dumps({"redrivePermission": "denyAll"})
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": allowed})
    assert attributes(aws, url)["RedriveAllowPolicy"] == allowed


def test_a_dead_letter_queue_is_there_and_of_the_same_type(aws):
    dead = attributes(aws, made(aws, "dead"))["QueueArn"]
    url = made(aws, RedrivePolicy=redrive(dead))
    assert json.loads(attributes(aws, url)["RedrivePolicy"]) == {"deadLetterTargetArn": dead, "maxReceiveCount": 3}
    with aws.refused("InvalidParameterValue", "same type"):
        made(aws, "a.fifo", FifoQueue="true", RedrivePolicy=redrive(dead))
    with aws.refused("InvalidParameterValue", "Dead letter target does not exist"):
        made(aws, "b", RedrivePolicy=redrive(f"{dead}-2"))
    with aws.refused("InvalidParameterValue", "maxReceiveCount"):
        made(aws, "b", RedrivePolicy=redrive(dead, 1001))
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})
    assert "RedrivePolicy" not in attributes(aws, url)


def test_a_policy_stays_when_something_else_changes(aws):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    url = made(aws, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "7"})
    assert json.loads(attributes(aws, url)["Policy"])["Statement"] == [statement]
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in attributes(aws, url)


def test_a_queue_has_one_kind_of_encryption(aws):
    with aws.refused("InvalidAttributeValue", "server-side encryption"):
        made(aws, KmsMasterKeyId="alias/aws/sqs", SqsManagedSseEnabled="true")
    url = made(aws, KmsMasterKeyId="alias/aws/sqs")
    assert attributes(aws, url)["SqsManagedSseEnabled"] == "false"
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true", "KmsMasterKeyId": ""})
    found = attributes(aws, url)
    assert found["SqsManagedSseEnabled"] == "true" and "KmsMasterKeyId" not in found


def test_messages_are_counted(aws):
    url = made(aws)
    for number in range(3):
        aws.sqs.send_message(QueueUrl=url, MessageBody=str(number))
    aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    found = attributes(aws, url)
    assert (found["ApproximateNumberOfMessages"], found["ApproximateNumberOfMessagesNotVisible"]) == ("2", "1")
