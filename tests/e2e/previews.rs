//! Many short-lived environments at once: whatever ends them, nothing of them is left, and nothing of others goes.

use std::collections::BTreeMap;
use std::fs;
use std::process::Child;

use platctl_emulator::{HoldAt, Moment};
use serde_json::{Value, json};

use crate::recovery::setting;
use crate::world::World;

/// How many there are, unless the environment asks for a crowd.
const FEW: usize = 4;

/// So many VPCs fit into a region.
const FIT: usize = 4;

const REGIONS: [&str; 5] = [
    "eu-west-1",
    "eu-central-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];

/// Calls that change something in the destroy of one of them, after each of which it is killed.
const KILLED_AT: [usize; 4] = [1, 8, 16, 24];

fn file(number: usize) -> String {
    let region = REGIONS[number / FIT % REGIONS.len()];
    format!(
        "stack: pr-{number}\nregion: {region}\nttl: 8h\n\
         network: {{cidr: 10.{number}.0.0/16, availability_zones: 2, nat: none, endpoints: [], flow_logs: false}}\n\
         cluster: {{endpoint: public, public_cidrs: [203.0.113.0/24], log_days: 1, \
         node_groups: {{general: {{instance_types: [m6i.large], min: 1, max: 2}}}}}}\n"
    )
}

/// All runs go on at the same time.
fn side_by_side(world: &World, lines: impl Iterator<Item = String>) {
    let runs: Vec<(String, Child)> = lines
        .map(|line| (line.clone(), world.silent(&line)))
        .collect();
    for (line, mut run) in runs {
        let ended = run.wait().unwrap();
        assert!(ended.success(), "{line}: {ended}");
    }
}

/// As if eight hours had passed.
fn expire(world: &World, stack: &str) {
    let path = world.path().join(format!("state/emulator/{stack}.json"));
    let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    state["lifespan"]["expires"] = json!("2026-01-31T12:00:00Z");
    fs::write(&path, state.to_string()).unwrap();
}

/// All that there is, but for roles that AWS makes for its services, and keys, which only go in their own time.
fn inventory(world: &World) -> BTreeMap<String, usize> {
    let mut found = world.control().inventory().unwrap();
    found.retain(|kind, _| !kind.starts_with("iam:") && !kind.starts_with("kms:"));
    found
}

/// Killed again and again, a destroy goes on until it is complete.
fn killed(world: &World, stack: &str) {
    let line = format!("destroy {stack} --yes");
    for call in KILLED_AT {
        let mut run = world.run_held(&line, &[HoldAt::Call(call, Moment::After)]);
        let held = run.next();
        // Whoever holds the run ends it.
        drop(run);
        world.control().release(true).unwrap();
        if held.is_none() {
            return;
        }
    }
    world.platctl(&line).expect(0);
}

#[test]
fn whatever_ends_an_environment_nothing_of_it_is_left() {
    let world = World::new();
    let before = inventory(&world);
    let count = setting("PLATCTL_TEST_PREVIEWS", FEW).max(2);
    for number in 0..count {
        world.file(&format!("pr-{number}.yaml"), &file(number));
    }
    side_by_side(
        &world,
        (0..count).map(|number| format!("apply pr-{number}.yaml --yes")),
    );
    for number in 0..count {
        let cluster = json!({"cluster": format!("pr-{number}-cluster")});
        world.control().controllers(&cluster).unwrap();
    }
    // The first one is killed, the other even ones are destroyed, the odd ones expire.
    killed(&world, "pr-0");
    side_by_side(
        &world,
        (2..count)
            .step_by(2)
            .map(|number| format!("destroy pr-{number} --yes")),
    );
    for number in (1..count).step_by(2) {
        expire(&world, &format!("pr-{number}"));
    }
    world.platctl("reap --yes").expect(0);
    assert_eq!(inventory(&world), before);
}
