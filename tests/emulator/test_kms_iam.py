"""KMS, IAM, Secrets Manager and SNS."""

import json

import pytest

from things import policy, role, trust, vpc


def key(aws):
    return aws.kms.create_key()["KeyMetadata"]["KeyId"]


@pytest.mark.parametrize("days", [1, 6, 31])
def test_a_key_waits_for_7_to_30_days(aws, days):
    name = key(aws)
    with aws.refused("ValidationException"):
        aws.kms.schedule_key_deletion(KeyId=name, PendingWindowInDays=days)
    assert aws.kms.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] == "Enabled"
    aws.forgive()


@pytest.mark.parametrize("days", [7, 30])
def test_a_key_may_wait_for(aws, days):
    name = key(aws)
    aws.kms.schedule_key_deletion(KeyId=name, PendingWindowInDays=days)
    assert aws.kms.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] == "PendingDeletion"


CHANGES = {
    "create_alias": {"AliasName": "alias/one"},
    "disable_key": {},
    "disable_key_rotation": {},
    "enable_key": {},
    "enable_key_rotation": {},
    "schedule_key_deletion": {},
    "tag_resource": {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
    "untag_resource": {"TagKeys": ["a"]},
    "update_key_description": {"Description": "x"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_key_that_waits_for_its_deletion_takes_no(aws, change):
    name = key(aws)
    aws.kms.schedule_key_deletion(KeyId=name)
    to = "TargetKeyId" if change == "create_alias" else "KeyId"
    with aws.refused("KMSInvalidStateException", "pending deletion"):
        getattr(aws.kms, change)(**{to: name}, **CHANGES[change])
    aws.kms.cancel_key_deletion(KeyId=name)
    aws.kms.enable_key(KeyId=name)
    getattr(aws.kms, change)(**{to: name}, **CHANGES[change])


def test_only_a_key_that_waits_can_be_had_back(aws):
    name = key(aws)
    with aws.refused("KMSInvalidStateException", "not pending deletion"):
        aws.kms.cancel_key_deletion(KeyId=name)
    aws.kms.schedule_key_deletion(KeyId=name)
    aws.kms.cancel_key_deletion(KeyId=name)
    assert aws.kms.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] == "Disabled"


def test_a_key_keeps_its_period_of_rotation(aws):
    name = key(aws)
    assert "RotationPeriodInDays" not in aws.kms.get_key_rotation_status(KeyId=name)
    aws.kms.enable_key_rotation(KeyId=name, RotationPeriodInDays=90)
    assert aws.kms.get_key_rotation_status(KeyId=name)["RotationPeriodInDays"] == 90
    aws.kms.enable_key_rotation(KeyId=name)
    assert aws.kms.get_key_rotation_status(KeyId=name)["RotationPeriodInDays"] == 365


@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "RSA_2048"])
def test_keys_work(aws, spec):
    usage = "ENCRYPT_DECRYPT" if spec == "SYMMETRIC_DEFAULT" else "SIGN_VERIFY"
    name = aws.kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
    if usage == "SIGN_VERIFY":
        about = {"KeyId": name, "Message": b"text", "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}
        signature = aws.kms.sign(**about)["Signature"]
        assert aws.kms.verify(**about, Signature=signature)["SignatureValid"]
    else:
        secret = aws.kms.encrypt(KeyId=name, Plaintext=b"text")["CiphertextBlob"]
        assert aws.kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"text"


def test_names_of_roles_differ_by_more_than_case(aws):
    role(aws, "ec2.amazonaws.com", "Nodes")
    with aws.refused("EntityAlreadyExists"):
        role(aws, "ec2.amazonaws.com", "nodes")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"Version": "2012-10-17"}',
        json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
    ],
)
def test_a_trust_policy_is_a_policy(aws, text):
    with aws.refused("MalformedPolicyDocument"):
        aws.iam.create_role(RoleName="one", AssumeRolePolicyDocument=text)
    role(aws, "ec2.amazonaws.com", "one")
    with aws.refused("MalformedPolicyDocument"):
        aws.iam.update_assume_role_policy(RoleName="one", PolicyDocument=text)


def test_the_actions_of_a_trust_policy_have_no_case(aws):
    role(aws, "ec2.amazonaws.com", "one")
    text = trust("eks.amazonaws.com").replace("sts:AssumeRole", "sts:assumerole")
    aws.iam.update_assume_role_policy(RoleName="one", PolicyDocument=text)
    assert aws.iam.get_role(RoleName="one")["Role"]["AssumeRolePolicyDocument"] == json.loads(text)


def test_the_trust_of_a_role_that_is_not_there(aws):
    with aws.refused("NoSuchEntity"):
        aws.iam.update_assume_role_policy(RoleName="none", PolicyDocument=trust("ec2.amazonaws.com"))


def test_an_attached_policy_stays(aws):
    arn = policy(aws)
    role(aws, "ec2.amazonaws.com", "one")
    aws.iam.attach_role_policy(RoleName="one", PolicyArn=arn)
    with aws.refused("DeleteConflict"):
        aws.iam.delete_policy(PolicyArn=arn)
    aws.iam.detach_role_policy(RoleName="one", PolicyArn=arn)
    aws.iam.delete_policy(PolicyArn=arn)


def test_a_policy_with_other_versions_stays(aws):
    arn = policy(aws)
    document = aws.iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    aws.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document))
    with aws.refused("DeleteConflict"):
        aws.iam.delete_policy(PolicyArn=arn)
    aws.iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    aws.iam.delete_policy(PolicyArn=arn)


def test_aws_own_policies_are_there_and_forgotten_when_they_are_attached_elsewhere(aws):
    arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
    role(aws, "eks.amazonaws.com", "one")
    aws.iam.attach_role_policy(RoleName="one", PolicyArn=arn)
    assert aws.iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    aws.reset()
    assert aws.iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0


def test_a_service_has_one_linked_role(aws):
    aws.iam.create_service_linked_role(AWSServiceName="eks.amazonaws.com")
    with aws.refused("InvalidInput", "has been taken"):
        aws.iam.create_service_linked_role(AWSServiceName="eks.amazonaws.com")
    aws.iam.create_service_linked_role(AWSServiceName="rds.amazonaws.com")


def test_the_clients_of_a_provider(aws):
    made = aws.iam.create_open_id_connect_provider(
        Url="https://example.com", ClientIDList=["a"], ThumbprintList=["0" * 40]
    )
    arn = made["OpenIDConnectProviderArn"]

    def clients():
        return aws.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]

    for _ in range(2):
        aws.iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="b")
    assert clients() == ["a", "b"]
    for _ in range(2):
        aws.iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="a")
    assert clients() == ["b"]
    with aws.refused("NoSuchEntity"):
        aws.iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=f"{arn}x", ClientID="b")


def test_everything_is_allowed(aws):
    arn = role(aws, "ec2.amazonaws.com")
    asked = ["ec2:CreateVpc", "iam:PassRole"]
    results = aws.iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=asked)["EvaluationResults"]
    assert [(one["EvalActionName"], one["EvalDecision"]) for one in results] == [(name, "allowed") for name in asked]


def test_passwords_for_git(aws):
    aws.iam.create_user(UserName="argo")
    about = {"UserName": "argo", "ServiceName": "codecommit.amazonaws.com"}
    first = aws.iam.create_service_specific_credential(**about)["ServiceSpecificCredential"]
    aws.iam.create_service_specific_credential(**about)
    with aws.refused("LimitExceeded"):
        aws.iam.create_service_specific_credential(**about)
    aws.iam.create_service_specific_credential(UserName="argo", ServiceName="cassandra.amazonaws.com")
    known = aws.iam.list_service_specific_credentials(**about)["ServiceSpecificCredentials"]
    assert len(known) == 2 and first["ServicePassword"].startswith("canary")
    assert not any("ServicePassword" in one for one in known)
    # A user has no region, whatever region a request is signed for.
    elsewhere = aws.client("iam", "us-east-1").list_service_specific_credentials(**about)
    assert elsewhere["ServiceSpecificCredentials"] == known
    with aws.refused("DeleteConflict"):
        aws.iam.delete_user(UserName="argo")
    for one in aws.iam.list_service_specific_credentials(UserName="argo")["ServiceSpecificCredentials"]:
        gone = {"UserName": "argo", "ServiceSpecificCredentialId": one["ServiceSpecificCredentialId"]}
        aws.iam.delete_service_specific_credential(**gone)
        with aws.refused("NoSuchEntity"):
            aws.iam.delete_service_specific_credential(**gone)
    aws.iam.delete_user(UserName="argo")
    with aws.refused("NoSuchEntity"):
        aws.iam.create_service_specific_credential(**about)


def test_the_name_of_a_secret_is_taken_until_it_is_gone(aws):
    secrets = aws.secretsmanager
    secrets.create_secret(Name="one", SecretString="x")
    with aws.refused("ResourceExistsException"):
        secrets.create_secret(Name="one", SecretString="x")
    secrets.delete_secret(SecretId="one", RecoveryWindowInDays=7)
    with aws.refused("InvalidRequestException", "already scheduled for deletion"):
        secrets.create_secret(Name="one", SecretString="x")
    secrets.restore_secret(SecretId="one")
    secrets.delete_secret(SecretId="one", ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name="one", SecretString="x")


@pytest.mark.parametrize(
    ("change", "params"),
    [
        ("update_secret", {"Description": "x"}),
        ("tag_resource", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("untag_resource", {"TagKeys": ["a"]}),
        ("put_secret_value", {"SecretString": "y"}),
    ],
)
@pytest.mark.parametrize("by", ["Name", "ARN"])
def test_a_secret_that_waits_for_its_end_takes_no(aws, change, params, by):
    secrets = aws.secretsmanager
    name = secrets.create_secret(Name="one", SecretString="x")[by]
    secrets.delete_secret(SecretId=name)
    with aws.refused("InvalidRequestException", "marked for deletion"):
        getattr(secrets, change)(SecretId=name, **params)
    secrets.restore_secret(SecretId=name)
    getattr(secrets, change)(SecretId=name, **params)


def test_passwords_can_be_told_from_everything_else(aws):
    made = aws.secretsmanager.get_random_password(PasswordLength=20)["RandomPassword"]
    assert made.startswith("canary") and len(made) == 20


def test_a_recipient_that_is_asked_first_stays_pending(aws):
    topic = aws.sns.create_topic(Name="alerts")["TopicArn"]
    asked = {"TopicArn": topic, "Protocol": "email", "Endpoint": "me@example.com", "ReturnSubscriptionArn": True}
    arn = aws.sns.subscribe(**asked)["SubscriptionArn"]
    assert aws.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"] == "true"
    listed = aws.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed + aws.sns.list_subscriptions()["Subscriptions"] == 2 * [{
        "SubscriptionArn": "PendingConfirmation", "Owner": "123456789012", "Protocol": "email",
        "Endpoint": "me@example.com", "TopicArn": topic}]  # fmt: skip
    with aws.refused("InvalidParameter", "pending confirmation"):
        aws.sns.unsubscribe(SubscriptionArn=arn)


def test_a_queue_need_not_agree(aws):
    topic = aws.sns.create_topic(Name="alerts")["TopicArn"]
    queue = "arn:aws:sqs:eu-west-1:123456789012:queue"
    arn = aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    assert aws.sns.list_subscriptions()["Subscriptions"][0]["SubscriptionArn"] == arn
    aws.sns.unsubscribe(SubscriptionArn=arn)


def test_the_same_token_makes_one_thing_and_another_request_of_it_is_refused(aws):
    network = vpc(aws)
    asked = {"VpcId": network, "ServiceName": "com.amazonaws.eu-west-1.s3", "ClientToken": "t"}
    first, second = (aws.ec2.create_vpc_endpoint(**asked)["VpcEndpoint"]["VpcEndpointId"] for _ in range(2))
    assert first == second
    with aws.refused("IdempotentParameterMismatch"):
        aws.ec2.create_vpc_endpoint(**{**asked, "ServiceName": "com.amazonaws.eu-west-1.dynamodb"})
    aws.profile(tokens=False)
    other = aws.ec2.create_vpc_endpoint(**asked)["VpcEndpoint"]["VpcEndpointId"]
    assert other != first
