//! Runs over a part of a stack, forced replacements, drift, and taking over what somebody else made.

use serde_json::Value;

use crate::world::World;

fn addresses(world: &World) -> Vec<String> {
    let ended = world.platctl("state list network --json").expect(0);
    let lines = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter_map(|line| line["address"].as_str().map(ToOwned::to_owned))
        .collect()
}

#[test]
fn a_target_is_made_with_what_it_needs_and_destroyed_with_what_needs_it() {
    let world = World::new();
    world.network(&[]);
    world
        .platctl("apply network.yaml --yes --target network.nat.a")
        .expect(0);
    assert_eq!(
        addresses(&world),
        [
            "network.eip.a",
            "network.internet_gateway",
            "network.nat.a",
            "network.public.a",
            "network.vpc"
        ]
    );
    world
        .platctl("plan network.yaml --detailed-exitcode --target network.nat.a")
        .expect(0);
    world
        .platctl("destroy network --yes --target network.internet_gateway")
        .expect(0);
    assert_eq!(addresses(&world), ["network.public.a", "network.vpc"]);
    world
        .platctl("apply network.yaml --yes --exclude network.flow_log")
        .expect(0);
    assert!(!addresses(&world).contains(&"network.flow_log".to_owned()));
    let ended = world
        .platctl("plan network.yaml --target network.natt")
        .expect(1);
    assert!(
        ended.stderr.contains("--target network.natt"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_resource_is_made_anew_when_asked_and_its_dependants_move_over() {
    let world = World::new();
    world.network(&[]);
    world.platctl("apply network.yaml --yes").expect(0);
    let before = world
        .platctl("output network network.route_table.public.route_table_id")
        .expect(0)
        .stdout;
    world
        .platctl("apply network.yaml --yes --replace network.route_table.public")
        .expect(0);
    let after = world
        .platctl("output network network.route_table.public.route_table_id")
        .expect(0)
        .stdout;
    assert_ne!(before, after);
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
}

#[tokio::test]
async fn drift_is_told_and_put_right() {
    let world = World::new();
    world.network(&[]);
    world.platctl("apply network.yaml --yes").expect(0);
    let ended = world.platctl("drift network --detailed-exitcode").expect(0);
    assert!(ended.stdout.contains("No drift."), "{}", ended.stdout);
    let vpc = world
        .platctl("output network network.vpc.vpc_id")
        .expect(0)
        .stdout
        .trim()
        .to_owned();
    let tag = aws_sdk_ec2::types::Tag::builder()
        .key("Name")
        .value("mine")
        .build();
    world
        .ec2()
        .create_tags()
        .resources(&vpc)
        .tags(tag)
        .send()
        .await
        .unwrap();
    world
        .logs()
        .delete_log_group()
        .log_group_name("/platctl/network/flow-logs")
        .send()
        .await
        .unwrap();
    let ended = world.platctl("drift network --detailed-exitcode").expect(2);
    assert!(
        ended.stdout.contains("was \"network-vpc\", is \"mine\""),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .contains("does not exist: it was deleted outside of platctl"),
        "{}",
        ended.stdout
    );
    world.platctl("apply network.yaml --yes").expect(0);
    world.platctl("drift network --detailed-exitcode").expect(0);
}

#[tokio::test]
async fn what_somebody_else_made_is_taken_over() {
    let world = World::new();
    world.file(
        "mine.yaml",
        "stack: mine\nregion: eu-west-1\nresources:\n  logs: {kind: logs.LogGroup, log_group_name: /old, retention_in_days: 7}\n",
    );
    world
        .logs()
        .create_log_group()
        .log_group_name("/old")
        .send()
        .await
        .unwrap();
    let ended = world.platctl("apply mine.yaml --yes").expect(1);
    assert!(ended.stderr.contains("already exists"), "{}", ended.stderr);
    world.platctl("import mine.yaml logs /none").expect(1);
    world.platctl("import mine.yaml logs /old").expect(0);
    world.platctl("import mine.yaml logs /old").expect(1);
    let ended = world.platctl("apply mine.yaml --yes").expect(0);
    assert!(ended.stdout.contains("1 updated"), "{}", ended.stdout);
    world
        .platctl("plan mine.yaml --detailed-exitcode")
        .expect(0);
}
