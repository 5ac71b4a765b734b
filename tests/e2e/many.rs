//! Much of one kind, and more than one stack.

use serde_json::json;

use crate::world::World;

const PARAMETERS: usize = 300;

/// A stack of SSM parameters.
fn parameters(world: &World, value: &str) {
    let one = |number| {
        format!(
            "  p{number}: {{kind: ssm.Parameter, name: /many/p{number}, type: String, value: {value}}}\n"
        )
    };
    let all: String = (0..PARAMETERS).map(one).collect();
    world.file(
        "many.yaml",
        &format!("stack: many\nregion: eu-west-1\nresources:\n{all}"),
    );
}

/// How many calls of an operation the local AWS answered at once at most, since calls were last cleared.
fn most(world: &World, operation: &str) -> u64 {
    world.control().status().unwrap()["most"][operation]
        .as_u64()
        .unwrap_or(0)
}

fn count(world: &World, operation: &str) -> usize {
    world
        .control()
        .calls()
        .unwrap()
        .iter()
        .filter(|call| call.operation == operation)
        .count()
}

#[test]
fn reads_of_many_objects_are_bounded_and_what_fails_is_repeated_alone() {
    let world = World::new();
    parameters(&world, "a");
    world.platctl("apply many.yaml --yes").expect(0);
    let control = world.control();
    // Slow enough for calls to gather; the local AWS answers up to 48 at once.
    control.profile(&json!({"latency": 0.02})).unwrap();
    control.clear_calls().unwrap();
    world
        .platctl("plan many.yaml --detailed-exitcode")
        .expect(0);
    assert_eq!(count(&world, "GetParameters"), PARAMETERS / 10);
    assert_eq!(count(&world, "ListTagsForResource"), PARAMETERS);
    let most = most(&world, "ListTagsForResource");
    assert!((2..=32).contains(&most), "{most} at once");
    let faults = json!([{"kind": "error_before", "operation": "ssm:ListTagsForResource", "skip": 100, "times": 20,
        "status": 500, "code": "InternalServerError", "message": "oh"}]);
    control.faults(&faults).unwrap();
    control.clear_calls().unwrap();
    world
        .platctl("plan many.yaml --detailed-exitcode")
        .expect(0);
    assert_eq!(
        count(&world, "ListTagsForResource"),
        PARAMETERS + 20,
        "only what failed is repeated"
    );
    world.platctl("destroy many --yes").expect(0);
}

#[test]
fn an_update_says_nothing_of_what_is_unchanged() {
    let world = World::new();
    parameters(&world, "a");
    world.platctl("apply many.yaml --yes").expect(0);
    let text = std::fs::read_to_string(world.path().join("many.yaml")).unwrap();
    world.file(
        "many.yaml",
        &text.replace(
            "name: /many/p7, type: String, value: a",
            "name: /many/p7, type: String, value: b",
        ),
    );
    world.control().clear_calls().unwrap();
    let ended = world.platctl("apply many.yaml --yes --json").expect(0);
    let events: Vec<serde_json::Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["type"] == "event")
        // What takes long is said, and on a busy machine anything may.
        .filter(|line| line["event"]["event"] != "slow")
        .collect();
    assert!(
        events.len() >= 2 && events.iter().all(|event| event["event"]["address"] == "p7"),
        "{events:?}"
    );
    let mut said = ended.stderr.lines();
    assert!(
        said.all(|line| line.contains("p7") || line.contains("reading 300 ssm.Parameter")),
        "{}",
        ended.stderr
    );
    // Once for the plan, and once to see that it took.
    assert_eq!(count(&world, "ListTagsForResource"), PARAMETERS + 1);
}

#[test]
fn two_stacks_live_in_one_local_aws() {
    let world = World::new();
    // Two of its addresses are within the quota of five.
    world.network(&[("nat: per_az", "nat: single")]);
    let text = std::fs::read_to_string(world.path().join("network.yaml")).unwrap();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("stack: "))
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    let other = text.replacen(&format!("stack: {name}"), "stack: second", 1);
    world.file("second.yaml", &other);
    world.platctl("apply network.yaml --yes").expect(0);
    let one = world.control().inventory().unwrap();
    world.platctl("apply second.yaml --yes").expect(0);
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
    world
        .platctl("plan second.yaml --detailed-exitcode")
        .expect(0);
    world.platctl("destroy second.yaml --yes").expect(0);
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
    assert_eq!(world.control().inventory().unwrap(), one);
}

#[test]
fn a_read_that_fails_for_long_says_what_why_and_for_how_long() {
    let world = World::new();
    parameters(&world, "a");
    let faults = json!([{"kind": "error_before", "operation": "sts:GetCallerIdentity", "times": 7,
        "status": 500, "code": "InternalFailure", "message": "oh"}]);
    world.control().faults(&faults).unwrap();
    let ended = world.platctl("plan many.yaml").expect(0);
    let said =
        "  checking the AWS credentials: sts:GetCallerIdentity failed with InternalFailure: oh";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}
