//! Temporary environments: many from one file, and what has expired is deleted, nothing else.

use std::fs;

use serde_json::{Value, json};

use crate::world::World;

const FILE: &str = "stack: pr-0\nregion: eu-west-1\n\
    resources:\n  note:\n    kind: ssm.Parameter\n    name: /envs/${stack}\n    type: String\n    value: here\n";

fn world() -> World {
    let world = World::new();
    for name in ["pr-1", "pr-2"] {
        let text = FILE.replace("pr-0", name).replace("${stack}", name);
        world.file(&format!("{name}.yaml"), &text);
        world
            .platctl(&format!("apply {name}.yaml --yes --ttl 8h"))
            .expect(0);
    }
    world
}

/// As if eight hours had passed.
fn expire(world: &World, stack: &str) {
    let path = world.path().join(format!("state/emulator/{stack}.json"));
    let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    state["lifespan"]["expires"] = json!("2026-01-31T12:00:00Z");
    fs::write(&path, state.to_string()).unwrap();
}

fn parameters(world: &World) -> Vec<String> {
    let listed = world.platctl("list --json").expect(0).stdout;
    let lines = listed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["type"] == "stack")
        .map(|line| line["stack"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_has_expired_is_reaped_and_nothing_else() {
    let world = world();
    let listed = world.platctl("list").expect(0).stdout;
    assert!(
        listed.contains("pr-1 ") && listed.contains("1 resource"),
        "{listed}"
    );
    assert!(listed.contains("expires on "), "{listed}");
    assert_eq!(
        world.platctl("reap --yes").expect(0).stdout,
        "No stack has expired.\n"
    );

    let said = world.platctl("reap --yes --json").expect(0).stdout;
    assert!(said.contains("\"deleted\":0"), "{said}");

    expire(&world, "pr-1");
    let listed = world.platctl("list").expect(0).stdout;
    assert!(
        listed.contains("expired on 2026-01-31 12:00 UTC, "),
        "{listed}"
    );
    let shown = world.platctl("reap --dry-run").expect(0).stdout;
    assert!(shown.contains("pr-1") && !shown.contains("pr-2"), "{shown}");
    assert_eq!(parameters(&world), ["pr-1", "pr-2"]);

    world.platctl("pin pr-1").expect(0);
    assert_eq!(
        world.platctl("reap --yes").expect(0).stdout,
        "No stack has expired.\n"
    );
    world.platctl("pin pr-1 --off").expect(0);
    let said = world.platctl("extend pr-1 4h").expect(0).stdout;
    assert!(
        said.contains("in 3 h 59 min") || said.contains("in 4 h"),
        "{said}"
    );
    assert_eq!(
        world.platctl("reap --yes").expect(0).stdout,
        "No stack has expired.\n"
    );

    expire(&world, "pr-1");
    let reaped = world.platctl("reap --yes").expect(0).stdout;
    assert!(reaped.ends_with("1 stack was deleted.\n"), "{reaped}");
    assert_eq!(parameters(&world), ["pr-2"]);
    world
        .platctl("plan pr-2.yaml --ttl 8h --detailed-exitcode")
        .expect(0);
}

#[test]
fn a_stack_that_is_applied_without_a_ttl_stays() {
    let world = world();
    expire(&world, "pr-1");
    world.platctl("apply pr-1.yaml --yes").expect(0);
    assert_eq!(
        world.platctl("reap --yes").expect(0).stdout,
        "No stack has expired.\n"
    );
    let refused = world.platctl("extend pr-1 4h").expect(1).stderr;
    assert!(
        refused.contains("stack `pr-1` does not expire"),
        "{refused}"
    );
    let unknown = world.platctl("pin pr-3").expect(1).stderr;
    assert!(
        unknown.contains("no state found for a stack named `pr-3`"),
        "{unknown}"
    );
    let wrong = world.platctl("extend pr-2 soon").expect(1).stderr;
    assert!(wrong.contains("such as 30m, 8h or 2d"), "{wrong}");
}

/// The expiry is part of what was approved.
#[test]
fn a_saved_plan_takes_no_other_ttl() {
    let world = world();
    world
        .platctl("plan pr-1.yaml --ttl 2d --out pr.plan")
        .expect(0);
    let refused = world
        .platctl("apply pr.plan --yes --ttl 8h")
        .expect(1)
        .stderr;
    assert!(
        refused.contains("--ttl cannot be used with a saved plan"),
        "{refused}"
    );
    let applied = world.platctl("apply pr.plan --yes").expect(0).stdout;
    assert!(
        applied.contains("in 47 h 5") || applied.contains("in 2 days"),
        "{applied}"
    );
}

/// One stack that cannot be deleted does not keep the others, and the exit code says so.
#[test]
fn what_cannot_be_reaped_is_named() {
    let world = world();
    expire(&world, "pr-1");
    expire(&world, "pr-2");
    let path = world.path().join("state/emulator/pr-1.json");
    let text = fs::read_to_string(&path).unwrap();
    let foreign = text.replacen(
        "\"account\":\"123456789012\"",
        "\"account\":\"999999999999\"",
        1,
    );
    assert_ne!(text, foreign);
    fs::write(&path, foreign).unwrap();
    let reaped = world.platctl("reap --yes").expect(2);
    assert!(
        reaped
            .stderr
            .contains("Stack `pr-1` was not deleted: the state belongs to account 999999999999"),
        "{}",
        reaped.stderr
    );
    assert!(reaped.stdout.ends_with("1 stack was deleted; not deleted: pr-1. Run `platctl reap` again, or `platctl destroy pr-1`.\n"), "{}", reaped.stdout);
}

/// Whoever creates an environment anew does not want the life of the one that had its name.
#[test]
fn a_new_stack_of_the_same_name_is_neither_pinned_nor_extended() {
    let world = world();
    world.platctl("extend pr-1 99d").expect(0);
    world.platctl("pin pr-1").expect(0);
    world.platctl("destroy pr-1 --yes").expect(0);
    for command in ["extend pr-1 4h", "pin pr-1"] {
        let refused = world.platctl(command).expect(1).stderr;
        assert!(
            refused.contains("stack `pr-1` has no resources"),
            "{refused}"
        );
    }
    let said = world
        .platctl("apply pr-1.yaml --yes --ttl 8h")
        .expect(0)
        .stdout;
    assert!(said.contains("Stack `pr-1` expires on "), "{said}");
    assert!(!said.contains("days"), "{said}");
}

#[test]
fn an_apply_that_makes_a_stack_permanent_says_so() {
    let world = world();
    let said = world.platctl("apply pr-1.yaml --yes").expect(0).stdout;
    assert!(
        said.ends_with("Stack `pr-1` does not expire any more.\n"),
        "{said}"
    );
    let said = world.platctl("apply pr-1.yaml --yes").expect(0).stdout;
    assert!(!said.contains("expire"), "{said}");
}

/// One state that cannot be read neither hides the others nor keeps them.
#[test]
fn a_state_that_cannot_be_read_is_named_and_the_others_are_reaped() {
    let world = world();
    expire(&world, "pr-2");
    fs::write(world.path().join("state/emulator/pr-1.json"), "{spoilt").unwrap();
    let listed = world.platctl("list").expect(2);
    assert!(listed.stdout.starts_with("pr-2 "), "{}", listed.stdout);
    let unread = "Stack `pr-1` was not read: ";
    assert!(listed.stderr.contains(unread), "{}", listed.stderr);
    let reaped = world.platctl("reap --yes").expect(2);
    assert!(reaped.stderr.contains(unread), "{}", reaped.stderr);
    let left = "1 stack was deleted; not deleted: pr-1. ";
    assert!(reaped.stdout.contains(left), "{}", reaped.stdout);
}

#[test]
fn a_recovered_stack_expires_again() {
    let world = world();
    fs::remove_dir_all(world.path().join("state/emulator")).unwrap();
    let said = world
        .platctl("state recover pr-1.yaml --set ttl=8h --yes")
        .expect(0)
        .stdout;
    assert!(said.contains("Stack `pr-1` expires on "), "{said}");
    let listed = world.platctl("list").expect(0).stdout;
    assert!(listed.contains("expires on "), "{listed}");
}

/// The smallest network with a block of a pool.
const POOLED: &str = "stack: pr-0\nregion: eu-west-1\nttl: 8h\ntags: {owner: previews}\nnetwork:\n  cidr: {pool: 10.64.0.0/10, prefix: 20}\n  \
    availability_zones: 1\n  nat: none\n  endpoints: []\n  flow_logs: false\n";

fn state(world: &World, stack: &str) -> Value {
    let path = world.path().join(format!("state/emulator/{stack}.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn block(world: &World, stack: &str) -> String {
    let state = state(world, stack);
    let vpc = &state["resources"]["network.vpc"]["object"];
    assert_eq!(state["reserved"]["network.cidr"], vpc["spec"]["cidr_block"]);
    vpc["spec"]["cidr_block"].as_str().unwrap().to_owned()
}

/// The IDs of all objects of a stack.
fn ids(world: &World, stack: &str) -> Vec<String> {
    let state = state(world, stack);
    let records = state["resources"].as_object().unwrap().values();
    records
        .map(|record| record["object"]["id"].to_string())
        .collect()
}

#[test]
fn two_environments_of_one_file_share_nothing() {
    let world = World::new();
    world.file("preview.yaml", POOLED);
    world.platctl("validate preview.yaml").expect(0);
    let planned = world
        .platctl("plan preview.yaml --set stack=pr-1")
        .expect(0);
    for stack in ["pr-1", "pr-2"] {
        let apply = format!("apply preview.yaml --set stack={stack} --yes");
        world.platctl(&apply).expect(0);
    }
    let (one, other) = (block(&world, "pr-1"), block(&world, "pr-2"));
    assert_ne!(one, other);
    // What was shown is what was taken, and it is remembered.
    assert!(planned.stdout.contains(&one), "{one}: {}", planned.stdout);
    world
        .platctl("plan preview.yaml --set stack=pr-1 --detailed-exitcode")
        .expect(0);
    let mine = ids(&world, "pr-1");
    assert!(ids(&world, "pr-2").iter().all(|id| !mine.contains(id)));

    // Whose they are is what the stack file says.
    let listed = world.platctl("list --owner previews").expect(0).stdout;
    assert!(listed.contains("; owner: previews"), "{listed}");
    let listed = world.platctl("list --owner others").expect(0).stdout;
    assert!(
        listed.contains("No stack here has the tag `owner`"),
        "{listed}"
    );

    // Whose state is elsewhere is found by the tags of its network.
    let tagged = "list --tagged --region eu-west-1";
    let listed = world.platctl(tagged).expect(0).stdout;
    assert!(!listed.contains("no state here"), "{listed}");
    let listed = world
        .platctl(&format!("{tagged} --state elsewhere"))
        .expect(0);
    let line = format!("has a network ({other}), but no state here");
    assert!(listed.stdout.contains(&line), "{}", listed.stdout);
    // What to type next is about this stack, not about the one that the file names.
    let refused = world
        .platctl("plan preview.yaml --set stack=pr-2 --state elsewhere")
        .expect(1)
        .stderr;
    let next = "`platctl state recover preview.yaml --set stack=pr-2`";
    assert!(refused.contains(next), "{refused}");

    world.platctl("destroy pr-1 --yes").expect(0);
    assert!(state(&world, "pr-1")["reserved"].is_null());
    world
        .platctl("plan preview.yaml --set stack=pr-2 --detailed-exitcode")
        .expect(0);
    assert_eq!(block(&world, "pr-2"), other);
}

/// The last block is gone: that is said before anything is created, and nothing stays reserved.
#[test]
fn a_pool_without_a_free_block_is_refused() {
    let world = World::new();
    let text = POOLED.replace("10.64.0.0/10", "10.64.0.0/20");
    world.file("preview.yaml", &text);
    world
        .platctl("apply preview.yaml --set stack=pr-1 --yes")
        .expect(0);
    let refused = world
        .platctl("apply preview.yaml --set stack=pr-2 --yes")
        .expect(1)
        .stderr;
    assert!(
        refused.contains("no block is left in the pool 10.64.0.0/20 (blocks of /20)"),
        "{refused}"
    );
    world.platctl("destroy pr-1 --yes").expect(0);
    // A run that is killed while it asks leaves this behind. The block is not lost with it.
    let path = world.path().join("state/emulator/pr-1.json");
    let mut left = state(&world, "pr-1");
    left["reserved"] = json!({"network.cidr": "10.64.0.0/20"});
    fs::write(path, left.to_string()).unwrap();
    world
        .platctl("apply preview.yaml --set stack=pr-2 --yes")
        .expect(0);
    assert_eq!(block(&world, "pr-2"), "10.64.0.0/20");
    // Whoever moves to a block of their own gives that of the pool back.
    world
        .platctl("apply preview.yaml --set stack=pr-2 --set network.cidr=10.9.0.0/16 --yes")
        .expect(0);
    assert!(state(&world, "pr-2")["reserved"].is_null());
    world
        .platctl("apply preview.yaml --set stack=pr-3 --yes")
        .expect(0);
}
