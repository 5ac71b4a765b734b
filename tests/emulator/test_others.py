"""AWS Backup, CloudWatch, Application Auto Scaling, ECR and S3."""

import json

import pytest
from botocore.exceptions import ClientError

from things import NOWHERE, db_cluster, role

PLAN = {"BackupPlanName": "daily", "Rules": [{"RuleName": "daily", "TargetBackupVaultName": "main"}]}


def test_a_vault(aws):
    made = aws.backup.create_backup_vault(BackupVaultName="main", BackupVaultTags={"a": "b"})
    with aws.refused("AlreadyExistsException"):
        aws.backup.create_backup_vault(BackupVaultName="main")
    assert aws.backup.describe_backup_vault(BackupVaultName="main")["NumberOfRecoveryPoints"] == 0
    assert [one["BackupVaultName"] for one in aws.backup.list_backup_vaults()["BackupVaultList"]] == ["main"]
    arn = made["BackupVaultArn"]
    aws.backup.tag_resource(ResourceArn=arn, Tags={"c": "d"})
    aws.backup.untag_resource(ResourceArn=arn, TagKeyList=["a"])
    assert aws.backup.list_tags(ResourceArn=arn)["Tags"] == {"c": "d"}
    aws.backup.delete_backup_vault(BackupVaultName="main")
    with aws.refused("ResourceNotFoundException"):
        aws.backup.describe_backup_vault(BackupVaultName="main")


def test_a_plan(aws):
    with aws.refused("InvalidParameterValueException"):
        aws.backup.create_backup_plan(BackupPlan=PLAN)
    aws.backup.create_backup_vault(BackupVaultName="main")
    made = aws.backup.create_backup_plan(BackupPlan=PLAN, CreatorRequestId="t")
    number = {"BackupPlanId": made["BackupPlanId"]}
    assert aws.backup.create_backup_plan(BackupPlan=PLAN, CreatorRequestId="t")["BackupPlanId"] == made["BackupPlanId"]
    rule = aws.backup.get_backup_plan(**number)["BackupPlan"]["Rules"][0]
    assert (rule["StartWindowMinutes"], rule["CompletionWindowMinutes"]) == (480, 10080)
    assert aws.backup.update_backup_plan(**number, BackupPlan=PLAN)["VersionId"] != made["VersionId"]
    assert [one["BackupPlanName"] for one in aws.backup.list_backup_plans()["BackupPlansList"]] == ["daily"]
    selection = {"SelectionName": "all", "IamRoleArn": NOWHERE, "Resources": ["*"]}
    for arn in (NOWHERE, role(aws, "ec2.amazonaws.com")):
        with aws.refused("InvalidParameterValueException", "cannot be assumed"):
            aws.backup.create_backup_selection(**number, BackupSelection={**selection, "IamRoleArn": arn})
    selection["IamRoleArn"] = role(aws, "backup.amazonaws.com")
    chosen = {
        **number,
        "SelectionId": aws.backup.create_backup_selection(**number, BackupSelection=selection)["SelectionId"],
    }
    assert aws.backup.get_backup_selection(**chosen)["BackupSelection"] == selection
    assert len(aws.backup.list_backup_selections(**number)["BackupSelectionsList"]) == 1
    with aws.refused("InvalidRequestException"):
        aws.backup.delete_backup_plan(**number)
    aws.backup.delete_backup_selection(**chosen)
    with aws.refused("ResourceNotFoundException"):
        aws.backup.get_backup_selection(**chosen)
    aws.backup.delete_backup_plan(**number)
    with aws.refused("ResourceNotFoundException"):
        aws.backup.get_backup_plan(**number)


ALARM = {
    "AlarmName": "one", "MetricName": "CPU", "Namespace": "AWS/RDS", "Statistic": "Average", "Period": 60,
    "EvaluationPeriods": 1, "Threshold": 0.5, "ComparisonOperator": "GreaterThanThreshold",
}  # fmt: skip


def test_an_alarm_is_replaced_whole_but_for_its_tags(aws):
    client = aws.cloudwatch
    client.put_metric_alarm(**ALARM, AlarmDescription="x", Tags=[{"Key": "a", "Value": "b"}])
    client.put_metric_alarm(**ALARM, Tags=[{"Key": "c", "Value": "d"}])
    found = client.describe_alarms(AlarmNames=["one", "none"])["MetricAlarms"]
    assert [(one["AlarmName"], one["Threshold"], one.get("AlarmDescription")) for one in found] == [("one", 0.5, None)]
    arn = found[0]["AlarmArn"]
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    client.tag_resource(ResourceARN=arn, Tags=[{"Key": "e", "Value": "f"}])
    client.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "e", "Value": "f"}]
    with aws.refused("ResourceNotFound"):
        client.delete_alarms(AlarmNames=["none", "one"])
    assert client.describe_alarms()["MetricAlarms"] == []


def test_a_dashboard(aws):
    client = aws.cloudwatch
    with aws.refused("InvalidParameterInput"):
        client.put_dashboard(DashboardName="one", DashboardBody="{")
    for name in ("one", "two"):
        client.put_dashboard(DashboardName=name, DashboardBody='{"widgets": []}')
    assert client.get_dashboard(DashboardName="one")["DashboardBody"] == '{"widgets": []}'
    assert [one["DashboardName"] for one in client.list_dashboards()["DashboardEntries"]] == ["one", "two"]
    client.delete_dashboards(DashboardNames=["one"])
    with aws.refused("ResourceNotFound"):
        client.get_dashboard(DashboardName="one")


def test_what_scales_is_there_and_has_tags(aws):
    about = {
        "ServiceNamespace": "rds", "ResourceId": "cluster:one", "ScalableDimension": "rds:cluster:ReadReplicaCount",
        "MinCapacity": 1, "MaxCapacity": 3,
    }  # fmt: skip
    with aws.refused("ValidationException"):
        aws.autoscaling.register_scalable_target(**about, Tags={"a": "b"})
    db_cluster(aws)
    aws.autoscaling.register_scalable_target(**about, Tags={"a": "b"})
    target = aws.autoscaling.describe_scalable_targets(ServiceNamespace="rds")["ScalableTargets"][0]
    arn = target["ScalableTargetARN"]
    assert aws.autoscaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"a": "b"}
    aws.autoscaling.tag_resource(ResourceARN=arn, Tags={"c": "d"})
    aws.autoscaling.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert aws.autoscaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"c": "d"}


def test_what_is_left_out_of_a_repository_is_off(aws):
    def scans():
        found = aws.ecr.describe_repositories(repositoryNames=["one"])["repositories"]
        return found[0]["imageScanningConfiguration"]["scanOnPush"]

    aws.ecr.create_repository(repositoryName="one", imageScanningConfiguration={})
    assert scans() is False
    about = {"repositoryName": "one"}
    aws.ecr.put_image_scanning_configuration(**about, imageScanningConfiguration={"scanOnPush": True})
    assert scans() is True
    aws.ecr.put_image_scanning_configuration(**about, imageScanningConfiguration={})
    assert scans() is False


@pytest.fixture
def bucket(aws):
    return make(aws)


def make(aws, **more):
    aws.s3.create_bucket(Bucket="one", CreateBucketConfiguration={"LocationConstraint": "eu-west-1", **more})
    return {"Bucket": "one"}


def test_a_bucket_has_the_tags_of_its_creation(aws):
    tags = [{"Key": "a", "Value": "b"}]
    bucket = make(aws, Tags=tags)
    assert aws.s3.get_bucket_tagging(**bucket)["TagSet"] == tags


def test_an_object_is_written_read_and_copied(aws, bucket):
    aws.s3.put_object(**bucket, Key="a", Body=b"not XML")
    aws.s3.copy_object(**bucket, Key="b", CopySource={"Bucket": "one", "Key": "a"})
    assert aws.s3.get_object(**bucket, Key="b")["Body"].read() == b"not XML"
    operations = [call["operation"] for call in aws.control("GET calls")["calls"]]
    assert operations == ["CreateBucket", "PutObject", "CopyObject", "GetObject"]


def test_what_is_refused_in_the_clear_is_allowed(aws, bucket):
    everything = {"Action": "s3:*", "Resource": ["arn:aws:s3:::one", "arn:aws:s3:::one/*"], "Principal": "*"}
    in_the_clear = {**everything, "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}

    def policy(*statements):
        aws.s3.put_bucket_policy(**bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))

    policy(in_the_clear)
    aws.s3.put_object(**bucket, Key="a", Body=b"x")
    assert aws.s3.get_object(**bucket, Key="a")["Body"].read() == b"x"
    policy(in_the_clear, {**everything, "Effect": "Deny", "Action": "s3:GetObject"})
    with pytest.raises(ClientError, match="403"):
        aws.s3.get_object(**bucket, Key="a")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {
            "QueueConfigurations": [
                {"QueueArn": "arn:aws:sqs:eu-west-1:123456789012:q", "Events": ["s3:ObjectCreated:*"]}
            ]
        },
    ],
)
def test_the_flag_of_eventbridge_is_shown(aws, bucket, more):
    assert "EventBridgeConfiguration" not in aws.s3.get_bucket_notification_configuration(**bucket)
    if more:
        aws.client("sqs").create_queue(QueueName="q")
    flagged = {"EventBridgeConfiguration": {}, **more}
    aws.s3.put_bucket_notification_configuration(**bucket, NotificationConfiguration=flagged)
    assert aws.s3.get_bucket_notification_configuration(**bucket).keys() - {"ResponseMetadata"} == flagged.keys()


def test_the_names_of_outermost_elements(aws, bucket):
    """Strict clients look at them, and boto3 does not."""
    aws.s3.put_object(**bucket, Key="a", Body=b"x")
    texts = []
    aws.s3.meta.events.register(
        "before-parse.s3", lambda response_dict, **_: texts.append(response_dict["body"]), "name"
    )
    aws.s3.list_objects_v2(**bucket)
    aws.s3.get_bucket_versioning(**bucket)
    aws.s3.meta.events.unregister("before-parse.s3", unique_id="name")
    assert [text.partition(b"?>")[2].strip().partition(b" ")[0] for text in texts] == [
        b"<ListBucketResult", b"<VersioningConfiguration"]  # fmt: skip
