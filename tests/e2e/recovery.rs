//! Killed anywhere, over the whole platform: the next run, without any flag, ends where an undisturbed one does.
//!
//! By default, the first call of each operation, once it has happened, and a seeded sample of all instants.
//! `PLATCTL_TEST_POINTS=all` takes every one of them, a number that many for each scenario; `PLATCTL_TEST_SEED` draws
//! others.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Stdio};
use std::time::Duration;

use platctl_emulator::Moment;
use serde_json::Value;

use crate::alike;
use crate::world::World;

/// How many instants of each scenario are tried when nothing is said, beside one for each operation.
const SAMPLE: usize = 20;

/// By how many calls one undisturbed run may differ from another: two that wait for the same thing may ask twice.
const MARGIN: usize = 12;

/// How many operations one undisturbed run may make and another one not: a build that is there already, or no more.
const SOMETIMES: usize = 2;

pub(crate) struct Scenario {
    name: &'static str,
    before: &'static [&'static str],
    run: &'static str,
}

const APPLY: Scenario = Scenario { name: "apply", before: &[], run: "apply prod.yaml --yes" };

/// What the changed file changes: an endpoint, a node group and a service of other names, so that all of them is made
/// and deleted; a target group that must be replaced; updates in every block.
const EDITS: [(&str, &str); 9] = [
    ("logs, sts]", "logs, sqs]"),
    ("retention_days: 30", "retention_days: 60"),
    ("general: {instance_types: [m6i.large]", "ordinary: {instance_types: [m7i.large]"),
    ("count: 2", "count: 1"),
    ("port: 8080", "port: 9090"),
    ("frontend: {port: 3000", "web: {port: 3100"),
    ("names: [www]", "names: [www, shop]"),
    ("cpu: 60", "cpu: 70"),
    ("owner: platform-team", "owner: other-team"),
];

const UPDATE: Scenario = Scenario {
    name: "update",
    before: &["apply prod.yaml --yes"],
    run: "apply changed.yaml --yes --allow-data-loss all",
};

const DESTROY: Scenario = Scenario {
    name: "destroy",
    before: &["apply prod.yaml --yes"],
    run: "destroy prod --yes --allow-data-loss all",
};

/// When it is killed.
#[derive(Debug)]
enum Instant {
    /// At the call of this number.
    Call(usize, Moment),
    /// When the first call of an operation, such as `ec2:CreateVpc`, has happened, and its answer has not come.
    First(String),
}

type Counts = BTreeMap<String, usize>;

/// A run without a mishap.
struct Undisturbed {
    /// The calls that change something, in their order: `ec2:CreateVpc`.
    calls: Vec<String>,
    inventory: Counts,
    state: Value,
}

/// What a stack's state knows.
pub(crate) fn known(world: &World, stack: &str) -> Value {
    let path = world.path().join(format!("state/emulator/{stack}.json"));
    alike::known(&std::fs::read_to_string(path).unwrap())
}

impl Scenario {
    fn prepare(&self, world: &World) {
        world.reset();
        for line in self.before {
            world.platctl(line).expect(0);
        }
    }

    fn undisturbed(&self, world: &World) -> Undisturbed {
        self.prepare(world);
        world.control().clear_calls().unwrap();
        world.platctl(self.run).expect(0);
        let calls = world.control().calls().unwrap();
        let changing = calls.iter().filter(|call| call.mutation.is_some());
        Undisturbed {
            calls: changing.map(|call| format!("{}:{}", call.service, call.operation)).collect(),
            inventory: world.control().inventory().unwrap(),
            state: known(world, "prod"),
        }
    }

    /// Kills it at one instant and runs it again; answers the call. Side by side it makes now one call more, now one
    /// less: where the last ones are concerned there may be no such call this time, which is no instant to be killed at.
    fn killed_at(&self, world: &World, instant: &Instant) -> Option<String> {
        self.prepare(world);
        let control = world.control();
        match instant {
            Instant::Call(number, moment) => control.hold(*number, *moment).unwrap(),
            Instant::First(operation) => control.hold_first(operation, Moment::After).unwrap(),
        }
        // Nobody reads what it says: a pipe would fill up.
        let mut command = world.command(&format!("{} --emulator", self.run));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let Some(held) = held_by(world, &mut child) else {
            control.release(true).unwrap();
            return None;
        };
        child.kill().unwrap();
        child.wait().unwrap();
        control.release(true).unwrap();
        let ended = world.platctl(self.run);
        assert_eq!(ended.code, Some(0), "killed at {instant:?}, {held}:\n{}{}", ended.stdout, ended.stderr);
        Some(held)
    }

    fn survives(&self) {
        let world = World::new();
        let text = std::fs::read_to_string("../../stacks/prod.yaml").unwrap();
        world.file("prod.yaml", &text);
        world.file("changed.yaml", &changed(text));
        let undisturbed = self.undisturbed(&world);
        let count = undisturbed.calls.len();
        assert!(count >= 100, "only {count} calls change something");
        let instants = instants(&undisturbed.calls);
        let (mut missed, mut killed) = (Vec::new(), 0);
        for instant in &instants {
            let Some(operation) = self.killed_at(&world, instant) else {
                missed.push(instant);
                continue;
            };
            killed += 1;
            let whence = format!("{} killed at {instant:?}, {operation}", self.name);
            let differences = differences(&world.control().inventory().unwrap(), &undisturbed.inventory);
            assert!(differences.is_empty(), "{whence}: {differences:#?}");
            let differences = alike::differences(&known(&world, "prod"), &undisturbed.state);
            assert!(differences.is_empty(), "{whence}: {differences:#?}");
        }
        let (numbered, named): (Vec<&Instant>, Vec<&Instant>) =
            missed.into_iter().partition(|instant| matches!(instant, Instant::Call(..)));
        let last = |instant: &&Instant| matches!(instant, Instant::Call(call, _) if call + MARGIN > count);
        assert!(numbered.iter().all(last), "of {count} calls, these were never made: {numbered:?}");
        assert!(named.len() <= SOMETIMES, "these operations were never called: {named:?}");
        tell(&format!(
            "{}: {count} changing calls, killed at {killed} instants: 0 duplicates, 0 orphans, 1 run more each",
            self.name
        ));
    }
}

/// The call that is held, or nothing when the run ends without having made it.
fn held_by(world: &World, child: &mut Child) -> Option<String> {
    for _ in 0..600 {
        if let Some(held) = world.control().held(Duration::from_millis(100)).unwrap() {
            return Some(held.operation);
        }
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "undisturbed, it ended with {ended}");
            return None;
        }
    }
    panic!("it neither ends nor makes the call");
}

fn changed(mut text: String) -> String {
    for (old, new) in EDITS {
        assert!(text.contains(old), "{old:?} is not in the file");
        text = text.replace(old, new);
    }
    text
}

/// Kinds of which there is another number than there should be.
pub(crate) fn differences(found: &Counts, wanted: &Counts) -> Vec<String> {
    let kinds: BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
    let count = |counts: &Counts, kind: &String| counts.get(kind).copied().unwrap_or(0);
    kinds
        .into_iter()
        .filter(|kind| count(found, kind) != count(wanted, kind))
        .map(|kind| format!("{kind}: {} instead of {}", count(found, kind), count(wanted, kind)))
        .collect()
}

/// What a long loop comes to, for whoever runs it with `--nocapture`.
pub(crate) fn tell(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A number from the environment.
pub(crate) fn setting(name: &str, default: usize) -> usize {
    match std::env::var(name).as_deref() {
        Ok("all") => usize::MAX,
        Ok(number) => number.parse().unwrap(),
        Err(_) => default,
    }
}

/// The first call of each operation, and a sample of all instants; or all of them.
fn instants(calls: &[String]) -> Vec<Instant> {
    let mut all: Vec<(usize, Moment)> =
        (1..=calls.len()).flat_map(|call| [(call, Moment::Before), (call, Moment::After)]).collect();
    let mut dice = setting("PLATCTL_TEST_SEED", 1) as u64;
    // A shuffle of which the first ones are taken.
    for at in (1..all.len()).rev() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        all.swap(at, usize::try_from(dice >> 33).unwrap() % (at + 1));
    }
    let taken = all.into_iter().take(setting("PLATCTL_TEST_POINTS", SAMPLE));
    let operations: BTreeSet<&String> = calls.iter().collect();
    let first = operations.into_iter().map(|operation| Instant::First(operation.clone()));
    first.chain(taken.map(|(call, moment)| Instant::Call(call, moment))).collect()
}

#[test]
fn an_apply_of_the_platform_killed_anywhere_goes_on() {
    APPLY.survives();
}

#[test]
fn an_update_of_the_platform_killed_anywhere_goes_on() {
    UPDATE.survives();
}

#[test]
fn a_destroy_of_the_platform_killed_anywhere_goes_on() {
    DESTROY.survives();
}
