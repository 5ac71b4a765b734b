//! Bad days: whatever the seed brings, a run ends converged, or says why, and the next one goes on.
//!
//! A few seeds for each stack by default, one for the largest; `PLATCTL_TEST_SEEDS=200` takes that many, from
//! `PLATCTL_TEST_SEED` on.

use crate::recovery::{differences, setting, tell};
use crate::world::World;

use serde_json::json;

/// Runs of one command until it succeeds; with all this going wrong a second one may be needed, a fourth never.
const RUNS: usize = 4;

fn through_bad_days(stack: &str) {
    let world = World::new();
    let text = std::fs::read_to_string(format!("../../stacks/{stack}.yaml")).unwrap();
    world.file(&format!("{stack}.yaml"), &text);
    let apply = format!("apply {stack}.yaml --yes");
    let destroy = format!("destroy {stack} --yes --allow-data-loss all");

    world.platctl(&apply).expect(0);
    let calm = world.control().calls().unwrap().len();
    let there = world.control().inventory().unwrap();
    world.control().clear_calls().unwrap();
    world.platctl(&destroy).expect(0);
    let calm_end = world.control().calls().unwrap().len();
    let left = world.control().inventory().unwrap();

    let seeds = setting("PLATCTL_TEST_SEEDS", if stack == "prod" { 1 } else { 4 });
    let (mut runs, mut struck, mut most) = (0, 0, 0);
    let first = setting("PLATCTL_TEST_SEED", 1);
    for seed in first..first + seeds {
        world.reset();
        world
            .control()
            .profile(&json!({"name": "hostile", "seed": seed}))
            .unwrap();
        runs += until_done(&world, &apply, seed);
        let calls = world.control().calls().unwrap().len();
        most = most.max(calls * 100 / calm);
        assert!(
            calls < 3 * calm,
            "seed {seed}: {calls} calls, on a calm day {calm}"
        );
        struck += faults(&world);
        let found = differences(&world.control().inventory().unwrap(), &there);
        assert!(found.is_empty(), "seed {seed}: {found:#?}");
        world.control().profile(&json!({"name": "calm"})).unwrap();
        world
            .platctl(&format!("plan {stack}.yaml --detailed-exitcode"))
            .expect(0);
        world.control().clear_calls().unwrap();
        world
            .control()
            .profile(&json!({"name": "hostile", "seed": seed}))
            .unwrap();
        runs += until_done(&world, &destroy, seed);
        let calls = world.control().calls().unwrap().len();
        most = most.max(calls * 100 / calm_end);
        assert!(
            calls < 3 * calm_end,
            "seed {seed}: {calls} calls to destroy, on a calm day {calm_end}"
        );
        struck += faults(&world);
        let found = differences(&world.control().inventory().unwrap(), &left);
        assert!(found.is_empty(), "seed {seed}, destroyed: {found:#?}");
    }
    tell(&format!(
        "{stack}: {seeds} seeds, {struck} faults, {} runs for {} commands, at most {most} % of the calm run's calls, \
         0 duplicates, 0 orphans",
        runs,
        2 * seeds
    ));
}

fn faults(world: &World) -> u64 {
    let status = world.control().status().unwrap();
    status["struck"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(serde_json::Value::as_u64)
        .sum()
}

/// How many runs it took.
fn until_done(world: &World, line: &str, seed: usize) -> usize {
    for run in 1..=RUNS {
        let ended = world.platctl(line);
        if ended.code == Some(0) {
            return run;
        }
        assert!(
            ended.stdout.contains('✗') || ended.stderr.contains("Error: "),
            "seed {seed}: it does not say why:\n{}{}",
            ended.stdout,
            ended.stderr
        );
        if run == RUNS {
            panic!(
                "seed {seed}: `{line}` does not end:\n{}{}",
                tail(&ended.stdout),
                tail(&ended.stderr)
            );
        }
    }
    RUNS
}

fn tail(text: &str) -> &str {
    &text[text.char_indices().rev().nth(40000).map_or(0, |(at, _)| at)..]
}

#[test]
fn the_network_gets_through_bad_days() {
    through_bad_days("network");
}

#[test]
fn a_preview_gets_through_bad_days() {
    through_bad_days("preview");
}

#[test]
fn production_gets_through_bad_days() {
    through_bad_days("prod");
}
