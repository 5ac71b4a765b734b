//! A database with data in it: upgraded, stopped, out of reach of its key, failed. It is never deleted for that.

use std::time::Duration;

use platctl_emulator::Moment;

use crate::world::World;

/// A database and nothing else.
fn database(world: &World) {
    world.file(
        "db.yaml",
        "stack: db\nregion: eu-west-1\n\
         network: {availability_zones: 2, nat: none, endpoints: [], flow_logs: false}\n\
         database: {version: '16.8', readers: {count: 1}}\n",
    );
    world.platctl("apply db.yaml --yes").expect(0);
    world.control().clear_calls().unwrap();
}

/// How often each operation that changes something was called.
fn count(world: &World, operation: &str) -> usize {
    world
        .control()
        .calls()
        .unwrap()
        .iter()
        .filter(|call| call.operation == operation)
        .count()
}

/// Nothing that holds data, or serves it, has gone or come.
fn nothing_was_replaced(world: &World) {
    for operation in [
        "DeleteDBCluster",
        "DeleteDBInstance",
        "CreateDBCluster",
        "CreateDBInstance",
        "CreateKey",
    ] {
        assert_eq!(count(world, operation), 0, "{operation}");
    }
}

async fn cluster(world: &World) -> aws_sdk_rds::types::DbCluster {
    let answer = world
        .rds()
        .describe_db_clusters()
        .db_cluster_identifier("db-database")
        .send()
        .await;
    answer.unwrap().db_clusters()[0].clone()
}

async fn snapshots(world: &World) -> Vec<String> {
    let answer = world
        .rds()
        .describe_db_cluster_snapshots()
        .snapshot_type("manual")
        .send()
        .await
        .unwrap();
    let names = answer
        .db_cluster_snapshots()
        .iter()
        .filter_map(|one| one.db_cluster_snapshot_identifier());
    names.map(ToOwned::to_owned).collect()
}

async fn upgraded(world: &World, version: &str) {
    assert_eq!(cluster(world).await.engine_version(), Some(version));
    assert_eq!(
        cluster(world).await.db_cluster_parameter_group(),
        Some("db-database-cluster-17")
    );
    let instances = world.rds().describe_db_instances().send().await.unwrap();
    assert_eq!(instances.db_instances().len(), 2);
    for instance in instances.db_instances() {
        let group = instance.db_parameter_groups()[0].db_parameter_group_name();
        assert_eq!(group, Some("db-database-instance-17"));
    }
    let groups = world
        .rds()
        .describe_db_cluster_parameter_groups()
        .send()
        .await
        .unwrap();
    let groups: Vec<_> = groups
        .db_cluster_parameter_groups()
        .iter()
        .filter_map(|one| one.db_cluster_parameter_group_name())
        .collect();
    assert_eq!(groups, ["db-database-cluster-17"], "the old group goes");
    assert_eq!(snapshots(world).await, ["db-database-pre-upgrade-17-4-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_major_upgrade_keeps_everything_and_makes_a_snapshot_first() {
    let world = World::new();
    database(&world);
    let set = "--set database.version='17.4'";
    let plan = world.platctl(&format!("plan db.yaml {set}")).expect(0);
    for line in [
        "~ database.cluster",
        "+/- database.parameters.cluster",
        "+/- database.parameters.instance",
    ] {
        assert!(plan.stdout.contains(line), "{line}:\n{}", plan.stdout);
    }
    world
        .platctl(&format!("apply db.yaml --yes {set}"))
        .expect(0);
    nothing_was_replaced(&world);
    assert_eq!(
        (
            count(&world, "CreateDBClusterSnapshot"),
            count(&world, "ModifyDBCluster")
        ),
        (1, 1)
    );
    let calls = world.control().calls().unwrap();
    let place = |operation: &str| {
        calls
            .iter()
            .position(|call| call.operation == operation)
            .unwrap()
    };
    assert!(place("CreateDBClusterParameterGroup") < place("CreateDBClusterSnapshot"));
    assert!(place("CreateDBClusterSnapshot") < place("ModifyDBCluster"));
    assert!(place("ModifyDBCluster") < place("DeleteDBParameterGroup"));
    upgraded(&world, "17.4").await;
    world
        .platctl(&format!("plan db.yaml --detailed-exitcode {set}"))
        .expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minor_upgrade_needs_no_snapshot() {
    let world = World::new();
    database(&world);
    let set = "--set database.version='16.9'";
    world
        .platctl(&format!("apply db.yaml --yes {set}"))
        .expect(0);
    nothing_was_replaced(&world);
    assert_eq!(cluster(&world).await.engine_version(), Some("16.9"));
    assert_eq!(snapshots(&world).await, Vec::<String>::new());
    world
        .platctl(&format!("plan db.yaml --detailed-exitcode {set}"))
        .expect(0);
    // Back again is a mistake, and the plan says so.
    let ended = world.platctl("plan db.yaml").expect(1);
    assert!(
        ended.stderr.contains("16.9 cannot be upgraded to 16.8"),
        "{}",
        ended.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minor_version_that_aws_upgraded_to_stays_and_is_said() {
    let world = World::new();
    database(&world);
    let call = world
        .rds()
        .modify_db_cluster()
        .db_cluster_identifier("db-database")
        .engine_version("16.9");
    call.apply_immediately(true).send().await.unwrap();
    world.control().clear_calls().unwrap();
    let moved = "engine_version is \"16.9\", configured is \"16.8\"";
    for command in [
        "plan db.yaml --detailed-exitcode",
        "drift db --detailed-exitcode",
        "status db",
    ] {
        let said = world.platctl(command).expect(0).stdout;
        assert!(said.contains(moved), "{command}: {said}");
    }
    world
        .platctl("apply db.yaml --yes --set database.backup.retention_days=9")
        .expect(0);
    assert_eq!(
        cluster(&world).await.engine_version(),
        Some("16.9"),
        "never a downgrade"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_parameter_waits_for_a_restart_with_the_readers_first() {
    let world = World::new();
    database(&world);
    let set =
        "--set database.parameters.max_connections=500 --set database.parameters.work_mem=8192";
    world
        .platctl(&format!("apply db.yaml --yes {set}"))
        .expect(0);
    let plan = world
        .platctl(&format!("plan db.yaml --detailed-exitcode {set}"))
        .expect(0);
    assert!(
        plan.stdout.contains("run `platctl restart STACK ADDRESS`"),
        "{}",
        plan.stdout
    );
    assert!(
        world
            .platctl("status db")
            .expect(0)
            .stdout
            .contains("pending-reboot")
    );

    world.platctl("restart db database.nothing --yes").expect(1);
    let ended = world.platctl("restart db database --yes").expect(0);
    let place = |name: &str| ended.stdout.find(name).unwrap();
    assert!(
        place("db-database-reader-1 was restarted") < place("db-database-writer was restarted")
    );
    assert_eq!(count(&world, "RebootDBInstance"), 2);
    assert!(
        !world
            .platctl("status db")
            .expect(0)
            .stdout
            .contains("pending-reboot")
    );
}

#[test]
fn a_version_that_cannot_be_reached_is_refused_by_the_plan() {
    let world = World::new();
    database(&world);
    for version in ["15.12", "17.3"] {
        let ended = world
            .platctl(&format!("plan db.yaml --set database.version='{version}'"))
            .expect(1);
        let said = format!(
            "16.8 cannot be upgraded to {version}; it can be upgraded to 16.9, 16.10, 16.11, 17.4"
        );
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    }
    assert_eq!(world.mutations(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_was_killed_goes_on_where_it_was() {
    let world = World::new();
    let set = "--set database.version='17.4'";
    for (operation, moment) in [
        ("rds:CreateDBClusterSnapshot", Moment::After),
        ("rds:ModifyDBCluster", Moment::Before),
        ("rds:ModifyDBCluster", Moment::After),
    ] {
        world.reset();
        database(&world);
        world.control().hold_first(operation, moment).unwrap();
        let mut run = world.spawn(&format!("apply db.yaml --yes {set}"));
        let held = world.control().held(Duration::from_secs(60)).unwrap();
        assert_eq!(held.unwrap().operation, operation);
        run.kill().unwrap();
        run.wait().unwrap();
        world.control().release(true).unwrap();
        world
            .platctl(&format!("apply db.yaml --yes {set}"))
            .expect(0);
        nothing_was_replaced(&world);
        upgraded(&world, "17.4").await;
        world
            .platctl(&format!("plan db.yaml --detailed-exitcode {set}"))
            .expect(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_cluster_is_started_before_it_is_changed() {
    let world = World::new();
    database(&world);
    world
        .rds()
        .stop_db_cluster()
        .db_cluster_identifier("db-database")
        .send()
        .await
        .unwrap();
    world.control().clear_calls().unwrap();
    let set = "--set database.backup.retention_days=14";
    let plan = world.platctl(&format!("plan db.yaml {set}")).expect(0);
    assert!(plan.stdout.contains("it is stopped"), "{}", plan.stdout);
    world
        .platctl(&format!("apply db.yaml --yes {set}"))
        .expect(0);
    nothing_was_replaced(&world);
    assert_eq!(
        (
            count(&world, "StartDBCluster"),
            count(&world, "ModifyDBCluster")
        ),
        (1, 1)
    );
    assert_eq!(cluster(&world).await.backup_retention_period(), Some(14));
    world
        .platctl(&format!("plan db.yaml --detailed-exitcode {set}"))
        .expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_cluster_is_started_before_it_is_deleted_and_its_key_stays_with_the_snapshot() {
    let world = World::new();
    database(&world);
    let key = cluster(&world).await.kms_key_id().unwrap().to_owned();
    world
        .rds()
        .stop_db_cluster()
        .db_cluster_identifier("db-database")
        .send()
        .await
        .unwrap();
    let ended = world
        .platctl("destroy db --yes --allow-data-loss=all")
        .expect(0);
    assert!(
        ended.stdout.contains("db-database-final-"),
        "{}{}",
        ended.stdout,
        ended.stderr
    );
    assert!(
        world
            .rds()
            .describe_db_clusters()
            .send()
            .await
            .unwrap()
            .db_clusters()
            .is_empty()
    );
    let left = snapshots(&world).await;
    assert!(
        left.len() == 1 && left[0].starts_with("db-database-final-"),
        "{left:?}"
    );
    assert_eq!(
        count(&world, "ScheduleKeyDeletion"),
        0,
        "the snapshot is worth nothing without {key}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_were_scaled_out_go_with_their_cluster() {
    let world = World::new();
    database(&world);
    for name in ["application-autoscaling-1", "application-autoscaling-2"] {
        let call = world
            .rds()
            .create_db_instance()
            .db_instance_identifier(name);
        let call = call
            .db_cluster_identifier("db-database")
            .engine("aurora-postgresql");
        call.db_instance_class("db.r6g.large").send().await.unwrap();
    }
    world.platctl("plan db.yaml --detailed-exitcode").expect(0);
    world
        .platctl("destroy db --yes --allow-data-loss all")
        .expect(0);
    let left = world.rds().describe_db_instances().send().await.unwrap();
    assert!(left.db_instances().is_empty(), "{:?}", left.db_instances());
    assert!(
        world
            .rds()
            .describe_db_clusters()
            .send()
            .await
            .unwrap()
            .db_clusters()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_waits_for_its_deletion_is_had_back_and_the_database_starts_again() {
    let world = World::new();
    database(&world);
    let key = cluster(&world).await.kms_key_id().unwrap().to_owned();
    let id = key.rsplit('/').next().unwrap();
    world
        .kms()
        .schedule_key_deletion()
        .key_id(id)
        .pending_window_in_days(7)
        .send()
        .await
        .unwrap();
    let status = cluster(&world).await.status().unwrap().to_owned();
    assert_eq!(status, "inaccessible-encryption-credentials-recoverable");
    world.control().clear_calls().unwrap();
    let plan = world.platctl("plan db.yaml").expect(0);
    assert!(
        plan.stdout.contains("it is scheduled for deletion on "),
        "{}",
        plan.stdout
    );
    assert!(
        !plan.stdout.contains("-/+") && !plan.stdout.contains("+/-"),
        "{}",
        plan.stdout
    );
    world.platctl("apply db.yaml --yes").expect(0);
    nothing_was_replaced(&world);
    let calls = ["CancelKeyDeletion", "EnableKey", "StartDBCluster"]
        .map(|operation| count(&world, operation));
    assert_eq!(calls, [1, 1, 1]);
    assert_eq!(cluster(&world).await.status(), Some("available"));
    world.platctl("plan db.yaml --detailed-exitcode").expect(0);
}

#[test]
fn an_instance_that_failed_is_left_as_it_is_with_what_to_do() {
    let world = World::new();
    database(&world);
    world
        .control()
        .set_state(
            "rds.DbInstance",
            "db-database-writer",
            "incompatible-parameters",
        )
        .unwrap();
    let ended = world.platctl("apply db.yaml --yes").expect(1);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("aws rds reboot-db-instance"), "{said}");
    nothing_was_replaced(&world);
    assert_eq!(world.mutations(), 0);
}
