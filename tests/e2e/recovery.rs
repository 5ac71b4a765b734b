//! Killed anywhere, over the whole platform: the next run, without any flag, ends where an undisturbed one does.
//!
//! By default, the first call of every sixth operation, once it has happened, and a seeded sample of all instants. What
//! the change creates and deletes is left to the two other scenarios there; of what it updates, it takes operations
//! that these leave out. `PLATCTL_TEST_POINTS=all` takes every instant, a number that many for each scenario beside the
//! first call of each operation; `PLATCTL_TEST_SEED` draws others: six seeds in a row take all operations.

use std::collections::{BTreeMap, BTreeSet};

use platctl_emulator::{HoldAt, Moment};
use serde_json::Value;

use crate::alike;
use crate::world::World;

/// How many instants of each scenario are tried when nothing is said, beside one for each operation.
const SAMPLE: usize = 6;

/// Of how many operations one is the first to be killed at by default.
const SHARE: usize = 6;

/// By how many calls one undisturbed run may differ from another: two that wait for the same thing may ask twice.
const MARGIN: usize = 12;

/// How many operations one undisturbed run may make and another one not: a build that is there already, or no more.
const SOMETIMES: usize = 2;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    before: &'static [&'static str],
    pub(crate) run: &'static str,
    /// Operations whose first call another scenario is killed at already, by the beginning of their names. A sample of
    /// all calls is taken from them too.
    tried: &'static [&'static str],
    /// Which of each `SHARE` other operations it is killed at by default.
    turn: usize,
}

pub(crate) const APPLY: Scenario = Scenario {
    name: "apply",
    before: &[],
    run: "apply prod.yaml --yes",
    tried: &[],
    turn: 0,
};

/// What the changed file changes: an endpoint, a node group and a service of other names, so that all of them is made
/// and deleted; a target group that must be replaced; updates in every block.
const EDITS: [(&str, &str); 9] = [
    ("logs, sts]", "logs, sqs]"),
    ("retention_days: 30", "retention_days: 60"),
    (
        "general: {instance_types: [m6i.xlarge]",
        "ordinary: {instance_types: [m7i.xlarge]",
    ),
    ("count: 2", "count: 1"),
    ("port: 8080", "port: 9090"),
    ("frontend: {port: 3000", "web: {port: 3100"),
    ("names: [www]", "names: [www, shop]"),
    ("cpu: 60", "cpu: 70"),
    ("owner: platform-team", "owner: other-team"),
];

pub(crate) const UPDATE: Scenario = Scenario {
    name: "update",
    before: &["apply prod.yaml --yes"],
    run: "apply changed.yaml --yes --allow-data-loss all",
    // What is created is tried by the apply, what is deleted by the destroy.
    tried: &["Create", "Delete"],
    turn: 1,
};

pub(crate) const DESTROY: Scenario = Scenario {
    name: "destroy",
    before: &["apply prod.yaml --yes"],
    run: "destroy prod --yes --allow-data-loss all",
    tried: &[],
    turn: 2,
};

type Counts = BTreeMap<String, usize>;

/// A run without a mishap.
pub(crate) struct Undisturbed {
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
    /// A world with the stack's files, in which all has been run that comes before.
    pub(crate) fn world(&self) -> World {
        let world = World::new();
        let text = std::fs::read_to_string("../../stacks/prod.yaml").unwrap();
        world.file("prod.yaml", &text);
        world.file("changed.yaml", &changed(text));
        self.prepare(&world);
        world
    }

    fn prepare(&self, world: &World) {
        for line in self.before {
            world.platctl(line).expect(0);
        }
    }

    pub(crate) fn undisturbed(&self, world: &World) -> Undisturbed {
        world.control().clear_calls().unwrap();
        world.platctl(self.run).expect(0);
        world.control().run_time_out().unwrap();
        let calls = world.control().calls().unwrap();
        let changing = calls.iter().filter(|call| call.mutation.is_some());
        Undisturbed {
            calls: changing
                .map(|call| format!("{}:{}", call.service, call.operation))
                .collect(),
            inventory: world.control().inventory().unwrap(),
            state: known(world, "prod"),
        }
    }

    /// Killed at each of the instants and run again, it ends as undisturbed. The run itself is stopped, not killed, and
    /// goes on afterwards: what comes of a kill is tried on a copy of all that is there then.
    fn survives(&self) {
        let world = self.world();
        let undisturbed = {
            let _branch = world.branch();
            self.undisturbed(&world)
        };
        let count = undisturbed.calls.len();
        assert!(count >= 100, "only {count} calls change something");
        let instants = instants(&undisturbed.calls);
        let mut run = world.run_held(self.run, &instants);
        let mut missed = instants.clone();
        let (mut killed, mut operations) = (0, BTreeSet::new());
        while let Some(held) = run.next() {
            let whence = format!(
                "{} killed {} call {}, {}",
                self.name, held.moment, held.mutation, held.operation
            );
            let drawn = missed.len();
            missed.retain(|at| !matches!(at, HoldAt::Call(call, moment) if (*call, moment.name()) == (held.mutation, held.moment.as_str())));
            let left_out = missed.len() == drawn && self.leaves_out(&held.operation);
            operations.insert(held.operation);
            if !left_out {
                killed += 1;
                let _branch = world.branch();
                let ended = world.platctl(self.run);
                assert_eq!(
                    ended.code,
                    Some(0),
                    "{whence}:\n{}{}",
                    ended.stdout,
                    ended.stderr
                );
                self.is_as(&world, &undisturbed, &whence);
            }
            run.go_on();
        }
        self.is_as(&world, &undisturbed, &format!("{} not killed", self.name));
        missed.retain(|at| !matches!(at, HoldAt::Each(_)));
        let last = |at: &HoldAt| matches!(at, HoldAt::Call(call, _) if call + MARGIN > count);
        assert!(
            missed.iter().all(last),
            "of {count} calls, these were never made: {missed:?}"
        );
        let never: Vec<_> = undisturbed
            .calls
            .iter()
            .filter(|call| !operations.contains(*call))
            .collect();
        assert!(
            never.len() <= SOMETIMES,
            "these operations were never called: {never:?}"
        );
        tell(&format!(
            "{}: {count} changing calls, killed at {killed} instants: 0 duplicates, 0 orphans, 1 run more each",
            self.name
        ));
    }

    /// Whether the first call of an operation, such as `ec2:CreateVpc`, is no instant of this test run.
    fn leaves_out(&self, operation: &str) -> bool {
        let verb = operation.split_once(':').map_or("", |(_, verb)| verb);
        let number =
            operation.bytes().map(usize::from).sum::<usize>() + setting("PLATCTL_TEST_SEED", 1);
        self.tried.iter().any(|start| verb.starts_with(start))
            || std::env::var_os("PLATCTL_TEST_POINTS").is_none() && number % SHARE != self.turn
    }

    pub(crate) fn is_as(&self, world: &World, undisturbed: &Undisturbed, whence: &str) {
        world.control().run_time_out().unwrap();
        let differences = differences(
            &world.control().inventory().unwrap(),
            &undisturbed.inventory,
        );
        assert!(differences.is_empty(), "{whence}: {differences:#?}");
        let differences = alike::differences(&known(world, "prod"), &undisturbed.state);
        assert!(differences.is_empty(), "{whence}: {differences:#?}");
    }
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
        .map(|kind| {
            format!(
                "{kind}: {} instead of {}",
                count(found, kind),
                count(wanted, kind)
            )
        })
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

/// Every call, or, unless `PLATCTL_TEST_POINTS=all` asks for them all, every other one: those before which a run is
/// killed are not those after which it is.
pub(crate) fn alternating(moment: Moment, calls: usize) -> impl Iterator<Item = usize> {
    let all = setting("PLATCTL_TEST_POINTS", 0) == usize::MAX;
    let first = usize::from(moment == Moment::After) + 1;
    if all {
        (1..=calls).step_by(1)
    } else {
        (first..=calls).step_by(2)
    }
}

/// The first call of each operation, and a sample of all instants; or all of them.
fn instants(calls: &[String]) -> Vec<HoldAt> {
    let mut all: Vec<HoldAt> = (1..=calls.len())
        .flat_map(|call| {
            [
                HoldAt::Call(call, Moment::Before),
                HoldAt::Call(call, Moment::After),
            ]
        })
        .collect();
    let mut dice = setting("PLATCTL_TEST_SEED", 1) as u64;
    // A shuffle of which the first ones are taken.
    for at in (1..all.len()).rev() {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        all.swap(at, usize::try_from(dice >> 33).unwrap() % (at + 1));
    }
    all.truncate(setting("PLATCTL_TEST_POINTS", SAMPLE));
    all.push(HoldAt::Each(Moment::After));
    all
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
