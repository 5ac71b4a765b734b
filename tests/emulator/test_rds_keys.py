"""RDS: clusters and the keys that they are encrypted with."""

import pytest

from things import db_cluster, db_instance, db_state, instance_state


def key(aws):
    return aws.kms.create_key()["KeyMetadata"]


@pytest.mark.parametrize("loss", ["disable_key", "schedule_key_deletion"])
def test_a_cluster_without_its_key_is_shut_after_a_while_and_starts_with_it_again(aws, loss):
    made = key(aws)
    db_cluster(aws, KmsKeyId=made["Arn"], StorageEncrypted=True)
    db_instance(aws)
    assert db_state(aws) == "available"
    aws.slow()
    getattr(aws.kms, loss)(KeyId=made["KeyId"])
    aws.pass_by(1799)
    assert db_state(aws) == "available"
    aws.pass_by(2)
    shut = "inaccessible-encryption-credentials-recoverable"
    assert (db_state(aws), instance_state(aws)) == (shut, shut)
    with aws.refused("KMSKeyNotAccessibleFault"):
        aws.rds.start_db_cluster(DBClusterIdentifier="one")
    if loss == "schedule_key_deletion":
        aws.kms.cancel_key_deletion(KeyId=made["KeyId"])
    aws.kms.enable_key(KeyId=made["KeyId"])
    aws.rds.start_db_cluster(DBClusterIdentifier="one")
    aws.pass_by(401)
    assert db_state(aws) == "available"


def test_a_key_that_is_had_back_in_time_was_never_lost(aws):
    made = key(aws)
    db_cluster(aws, KmsKeyId=made["Arn"], StorageEncrypted=True)
    assert db_state(aws) == "available"
    aws.slow()
    aws.kms.disable_key(KeyId=made["KeyId"])
    aws.pass_by(1000)
    aws.kms.enable_key(KeyId=made["KeyId"])
    aws.pass_by(1000)
    assert db_state(aws) == "available"


def test_a_cluster_is_not_made_with_a_key_that_does_not_work(aws):
    made = key(aws)
    aws.kms.disable_key(KeyId=made["KeyId"])
    with aws.refused("KMSKeyNotAccessibleFault"):
        db_cluster(aws, KmsKeyId=made["Arn"], StorageEncrypted=True)
    aws.kms.enable_key(KeyId=made["KeyId"])
    assert db_cluster(aws, KmsKeyId=made["Arn"], StorageEncrypted=True)["KmsKeyId"] == made["Arn"]


def test_a_key_is_answered_by_its_arn(aws):
    made = key(aws)
    aws.kms.create_alias(AliasName="alias/data", TargetKeyId=made["KeyId"])
    for number, name in enumerate((made["KeyId"], "alias/data", made["Arn"])):
        db_cluster(aws, f"c{number}", KmsKeyId=name, StorageEncrypted=True)
        seen = aws.rds.describe_db_clusters(DBClusterIdentifier=f"c{number}")["DBClusters"][0]
        assert seen["KmsKeyId"] == made["Arn"], name
