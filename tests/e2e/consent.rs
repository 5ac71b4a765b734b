//! Data is deleted by consent that names it, and what is left of it stays usable.

use crate::world::World;

/// A database and the network that it needs.
const STACK: &str = "stack: shop\nregion: eu-west-1\n\
    network: {availability_zones: 2, nat: none, endpoints: [], flow_logs: false}\n\
    database: {version: '16.8', readers: {count: 0}, backup: {vault: false}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_goes_only_by_name_and_its_snapshot_keeps_its_key() {
    let world = World::new();
    world.file("shop.yaml", STACK);
    world.platctl("apply shop.yaml --yes").expect(0);

    let plan = world.platctl("plan shop.yaml --destroy").expect(0);
    assert!(
        plan.stdout
            .contains("  database.cluster: would be deleted; snapshot shop-database-final-"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout.contains("  . database.key  kms.Key"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout
            .contains("is created first and kept, then it is deleted\n"),
        "{}",
        plan.stdout
    );

    world.control().clear_calls().unwrap();
    for consent in [
        "",
        "--allow-data-loss network",
        "--allow-data-loss database.cluste",
    ] {
        let refused = world
            .platctl(&format!("destroy shop --yes {consent}"))
            .expect(1);
        assert!(
            refused
                .stderr
                .contains("add --allow-data-loss database.cluster"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(world.mutations(), 0);

    let ended = world
        .platctl("destroy shop --yes --allow-data-loss database.cluster")
        .expect(0);
    let kept = ended
        .stdout
        .split("Kept on purpose:")
        .nth(1)
        .unwrap_or_default();
    assert!(
        kept.contains("database.cluster  snapshot shop-database-final-"),
        "{}",
        ended.stdout
    );
    assert!(kept.contains("database.key  "), "{}", ended.stdout);
    for said in [
        "Deleted (verified):\n",
        "$1.00 a month",
        "Sweep: nothing else with the tags of this stack was found",
    ] {
        assert!(ended.stdout.contains(said), "{said}:\n{}", ended.stdout);
    }

    let snapshots = world
        .rds()
        .describe_db_cluster_snapshots()
        .send()
        .await
        .unwrap();
    let snapshot = &snapshots.db_cluster_snapshots()[0];
    let key = world
        .kms()
        .describe_key()
        .key_id(snapshot.kms_key_id().unwrap())
        .send()
        .await
        .unwrap();
    assert!(
        key.key_metadata().unwrap().enabled(),
        "the snapshot cannot be read without it"
    );
    // It is nobody's now: the next stack of that name makes its own.
    let plan = world.platctl("plan shop.yaml --json").expect(0);
    assert!(!plan.stdout.contains("\"adopted\""), "{}", plan.stdout);
}

#[test]
fn an_environment_with_a_time_to_live_has_consented_in_its_file() {
    let world = World::new();
    world.file("shop.yaml", &format!("ttl: 8h\n{STACK}"));
    world.platctl("apply shop.yaml --yes").expect(0);
    let ended = world.platctl("destroy shop --yes").expect(0);
    assert!(
        !ended.stdout.contains("Kept on purpose"),
        "{}",
        ended.stdout
    );
}

/// The first night has passed: there is a backup in the vault.
#[test]
fn a_used_backup_vault_stays_with_its_key_unless_it_is_named() {
    let world = World::new();
    world.file(
        "shop.yaml",
        &STACK.replace("{vault: false}", "{vault: true, final_snapshot: false}"),
    );
    world.platctl("apply shop.yaml --yes").expect(0);
    let database = world
        .platctl("output shop database.cluster.arn")
        .expect(0)
        .stdout
        .trim()
        .to_owned();
    world
        .control()
        .set_state("backup.RecoveryPoint", "shop-database", &database)
        .unwrap();

    let holds = "it holds 1 recovery point in the backup vault shop-database";
    let plan = world.platctl("plan shop.yaml --destroy").expect(0);
    for line in [
        "  . database.backup.vault  backup.Vault",
        holds,
        "  . database.key  kms.Key",
    ] {
        assert!(plan.stdout.contains(line), "{line}:\n{}", plan.stdout);
    }
    {
        let _branch = world.branch();
        world.control().clear_calls().unwrap();
        let ended = world
            .platctl("destroy shop --yes --allow-data-loss database.cluster")
            .expect(0);
        let kept = ended
            .stdout
            .split("Kept on purpose:")
            .nth(1)
            .unwrap_or_default();
        assert!(
            kept.contains("1 recovery point in the backup vault shop-database"),
            "{}",
            ended.stdout
        );
        let calls = world.control().calls().unwrap();
        let lost = [
            "DeleteRecoveryPoint",
            "DeleteBackupVault",
            "ScheduleKeyDeletion",
        ];
        assert!(
            calls
                .iter()
                .all(|call| !lost.contains(&call.operation.as_str()))
        );
        assert!(calls.iter().any(|call| call.operation == "DeleteDBCluster"));
    }
    let ended = world
        .platctl("destroy shop --yes --allow-data-loss database")
        .expect(0);
    assert!(
        !ended.stdout.contains("Kept on purpose"),
        "{}",
        ended.stdout
    );
    let calls = world.control().calls().unwrap();
    assert_eq!(
        calls
            .iter()
            .filter(|call| call.operation == "DeleteRecoveryPoint")
            .count(),
        1
    );
}

/// What somebody attached to a role of the stack goes with the role, where the user names the role.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_lets_go_of_policies_of_others_by_consent() {
    let world = World::new();
    world.file(
        "one.yaml",
        "stack: one\nregion: eu-west-1\nresources:\n  role:\n    kind: iam.Role\n    role_name: one-role\n    \
         assume_role_policy_document:\n      Version: '2012-10-17'\n      Statement:\n      \
         - {Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: 'sts:AssumeRole'}\n",
    );
    world.platctl("apply one.yaml --yes").expect(0);
    let iam = world.iam();
    let attach = iam.attach_role_policy().role_name("one-role");
    attach
        .policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess")
        .send()
        .await
        .unwrap();
    let put = iam.put_role_policy().role_name("one-role");
    put.policy_name("by-hand")
        .policy_document(
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}"#,
        )
        .send()
        .await
        .unwrap();
    let mistyped = world
        .platctl("destroy one --yes --detach-foreign rol")
        .expect(1);
    assert!(
        mistyped.stderr.contains("did you mean `role`?"),
        "{}",
        mistyped.stderr
    );
    let ended = world
        .platctl("destroy one --yes --detach-foreign role")
        .expect(0);
    for what in [
        "removed policy arn:aws:iam::aws:policy/ReadOnlyAccess",
        "removed inline policy by-hand",
    ] {
        assert!(ended.stderr.contains(what), "{}", ended.stderr);
    }
    iam.get_role()
        .role_name("one-role")
        .send()
        .await
        .unwrap_err();
}
