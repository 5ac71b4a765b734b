"""RDS: event subscriptions."""

import json

from things import db_subnets

ABOUT = {"SubscriptionName": "one", "SourceType": "db-cluster"}


def topic(aws, service="events.rds.amazonaws.com"):
    arn = aws.sns.create_topic(Name=f"alerts-{len(service)}")["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sns:Publish", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return arn


def shown(aws):
    return aws.rds.describe_event_subscriptions(SubscriptionName="one")["EventSubscriptionsList"][0]


def test_rds_tells_a_topic_that_lets_it(aws):
    arn = topic(aws)
    with aws.refused("SNSTopicArnNotFound"):
        aws.rds.create_event_subscription(**ABOUT, SnsTopicArn=arn + "x", EventCategories=["failure"])
    with aws.refused("SNSNoAuthorization"):
        aws.rds.create_event_subscription(**ABOUT, SnsTopicArn=topic(aws, "x.y"), EventCategories=["failure"])
    with aws.refused("SubscriptionCategoryNotFound"):
        aws.rds.create_event_subscription(**ABOUT, SnsTopicArn=arn, EventCategories=["low storage"])
    with aws.refused("SourceNotFound"):
        aws.rds.create_event_subscription(**ABOUT, SnsTopicArn=arn, SourceIds=["x"])
    aws.rds.create_event_subscription(**ABOUT, SnsTopicArn=arn, EventCategories=["failure"], Tags=[])
    with aws.refused("SubscriptionAlreadyExist"):
        aws.rds.create_event_subscription(**ABOUT, SnsTopicArn=arn)
    number = shown(aws)["EventSubscriptionArn"]
    aws.rds.add_tags_to_resource(ResourceName=number, Tags=[{"Key": "a", "Value": "b"}])
    assert aws.rds.list_tags_for_resource(ResourceName=number)["TagList"] == [{"Key": "a", "Value": "b"}]
    aws.rds.modify_event_subscription(**ABOUT, EventCategories=["maintenance"], Enabled=False)
    assert (shown(aws)["EventCategoriesList"], shown(aws)["Enabled"]) == (["maintenance"], False)


def test_sources_come_and_go(aws):
    db_subnets(aws)
    for name in ("first", "second"):
        aws.rds.create_db_cluster(
            DBClusterIdentifier=name, Engine="aurora-postgresql", DBSubnetGroupName="data", MasterUsername="somebody",
            ManageMasterUserPassword=True,
        )  # fmt: skip
    aws.rds.create_event_subscription(**ABOUT, SnsTopicArn=topic(aws), SourceIds=["first"])
    aws.rds.add_source_identifier_to_subscription(SubscriptionName="one", SourceIdentifier="second")
    assert shown(aws)["SourceIdsList"] == ["first", "second"]
    aws.rds.remove_source_identifier_from_subscription(SubscriptionName="one", SourceIdentifier="first")
    assert shown(aws)["SourceIdsList"] == ["second"]
    aws.rds.delete_event_subscription(SubscriptionName="one")
    aws.pass_by(21)
    with aws.refused("SubscriptionNotFound"):
        shown(aws)
