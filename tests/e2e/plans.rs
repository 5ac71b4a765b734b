//! What people read, and saved plans.

use serde_json::Value;

use crate::world::{World, plain};

#[test]
fn the_first_plan_reads_well() {
    let world = World::new();
    world.network(&[]);
    let ended = world.platctl("plan network.yaml").expect(0);
    insta::assert_snapshot!("first_plan", plain(&ended.stdout));
}

#[test]
fn a_plan_of_changes_reads_well() {
    let world = World::new();
    world.network(&[("availability_zones: 3", "availability_zones: 2")]);
    world.platctl("apply network.yaml --yes").expect(0);
    let set = "--set network.nat=single --set network.endpoints=[s3,sts,kms] --set \
               network.subnets.private.cidrs=[10.10.0.0/20,10.10.144.0/20]";
    // A subnet within the old one's range cannot be there beside it, and an endpoint stands in that.
    let refused = world.platctl(&format!("plan network.yaml {set}")).expect(1);
    assert!(
        refused.stderr.contains("--replace network.endpoint.sts"),
        "{}",
        refused.stderr
    );
    let set = format!("{set} --replace network.endpoint.sts");
    let ended = world.platctl(&format!("plan network.yaml {set}")).expect(0);
    insta::assert_snapshot!("plan_of_changes", plain(&ended.stdout));
    let ended = world.platctl("plan network.yaml --destroy").expect(0);
    insta::assert_snapshot!("plan_of_destruction", plain(&ended.stdout));
}

#[test]
fn a_saved_plan_is_applied_as_it_is_or_not_at_all() {
    let world = World::new();
    world.network(&[]);
    world
        .platctl("plan network.yaml --out first.plan")
        .expect(0);
    world.platctl("apply first.plan --yes").expect(0);
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
    let ended = world.platctl("apply first.plan --yes").expect(1);
    assert!(ended.stderr.contains("stale"), "{}", ended.stderr);

    world
        .platctl("plan network.yaml --set network.nat=single --out second.plan")
        .expect(0);
    world
        .platctl("apply network.yaml --yes --set network.endpoints=[]")
        .expect(0);
    world.control().clear_calls().unwrap();
    let ended = world.platctl("apply second.plan --yes").expect(1);
    assert!(ended.stderr.contains("stale"), "{}", ended.stderr);
    assert_eq!(world.mutations(), 0);
}

const POWER_USER: &str = "arn:aws:iam::aws:policy/PowerUserAccess";

/// A role that refers to a log group.
fn guarded(world: &World, boundary: &str, retention: &str) {
    world.file(
        "guarded.yaml",
        &format!(
            r#"stack: guarded
region: eu-west-1
resources:
  group: {{kind: logs.LogGroup, log_group_name: /guarded, retention_in_days: {retention}}}
  role:
    kind: iam.Role
    role_name: guarded
    permissions_boundary: {boundary}
    assume_role_policy_document:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Principal: {{Service: ec2.amazonaws.com}}
          Action: sts:AssumeRole
          Condition: {{ArnEquals: {{"aws:SourceArn": "${{group.arn}}"}}}}
"#
        ),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_with_updates_in_place_removes_what_is_stated_as_nothing() {
    let world = World::new();
    guarded(&world, POWER_USER, "30");
    world.platctl("apply guarded.yaml --yes").expect(0);

    guarded(&world, "null", "null");
    let ended = world
        .platctl("plan guarded.yaml --out removal.plan")
        .expect(0);
    let removal = format!("permissions_boundary  {POWER_USER:?} → (none)");
    assert!(ended.stdout.contains(&removal), "{}", ended.stdout);
    assert!(
        !ended.stdout.contains("no longer managed"),
        "{}",
        ended.stdout
    );
    let ended = world.platctl("apply removal.plan --yes").expect(0);
    assert!(ended.stdout.contains("2 updated"), "{}", ended.stdout);
    world
        .platctl("plan guarded.yaml --detailed-exitcode")
        .expect(0);

    // That there is nothing is managed, too.
    let call = world.logs().put_retention_policy();
    let call = call.log_group_name("/guarded").retention_in_days(7);
    call.send().await.unwrap();
    let ended = world.platctl("drift guarded --detailed-exitcode").expect(2);
    assert!(
        ended.stdout.contains("retention_in_days"),
        "{}",
        ended.stdout
    );
}

#[test]
fn json_is_one_object_a_line_and_tells_its_version() {
    let world = World::new();
    world.network(&[]);
    for command in [
        "plan network.yaml --json",
        "apply network.yaml --yes --json",
        "status network --json",
        "output network --json",
        "state list network --json",
        "destroy network --yes --json",
    ] {
        let ended = world.platctl(command).expect(0);
        let lines: Vec<Value> = ended
            .stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("{command}: {line}: {error}"))
            })
            .collect();
        assert!(
            lines[0].get("version").is_some() || lines[0].get("format").is_some(),
            "{command}: {}",
            lines[0]
        );
        assert!(
            lines.len() > 1 && lines.iter().all(|line| line.get("type").is_some()),
            "{command}: {lines:?}"
        );
    }
}

#[test]
fn state_can_be_looked_at_and_mended() {
    let world = World::new();
    world.network(&[]);
    world.platctl("apply network.yaml --yes").expect(0);
    let list = world.platctl("state list network").expect(0).stdout;
    assert_eq!(list.lines().count(), 46);
    let vpc = world
        .platctl("output network network.vpc.vpc_id")
        .expect(0)
        .stdout;
    assert!(vpc.trim().trim_matches('"').starts_with("vpc-"), "{vpc}");
    world
        .platctl("state mv network network.vpc other.vpc")
        .expect(0);
    let refused = world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(1)
        .stderr;
    assert!(
        refused.contains("platctl state mv network.yaml other.vpc network.vpc"),
        "{refused}"
    );
    world
        .platctl("state mv network other.vpc network.vpc")
        .expect(0);
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
    // Forgotten, it is found again by its tag.
    world.platctl("state rm network network.vpc").expect(0);
    assert_eq!(
        world
            .platctl("state list network")
            .expect(0)
            .stdout
            .lines()
            .count(),
        45
    );
}

#[test]
fn the_emulator_is_started_shown_and_stopped() {
    let world = World::new();
    let status = world.run("emulator status").expect(0).stdout;
    assert!(status.contains("http://127.0.0.1:"), "{status}");
    world.run("emulator stop").expect(0);
    let status = world.run("emulator status").expect(0).stdout;
    assert!(status.contains("not running"), "{status}");
    world.run("emulator stop").expect(0);
    world.run("emulator start").expect(0);
}
