//! Killed while AWS works: in every wait of an apply, a change and a destroy of the whole platform, the next run goes on,
//! also while AWS is not done.
//!
//! The time of the local AWS stands from the moment on at which something begins that takes time, so that whoever waits
//! for it waits, and nothing here depends on how fast this machine is.

use std::collections::BTreeSet;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use platctl_emulator::Control;
use serde_json::json;

use crate::recovery::{APPLY, DESTROY, Scenario, UPDATE, tell};
use crate::world::{ENDLESS, World, signal, stop_process};
use rustix::process::Signal;

/// A second of AWS: long enough for every state to be seen by somebody who asks.
const SCALE: f64 = 0.002;

/// Who has asked so often without changing anything is waiting.
const READS: u64 = 6;

impl Scenario {
    fn survives_in_waits(&self, at_least: usize) {
        let world = self.world();
        let control = || world.control();
        control()
            .profile(&json!({"name": "realistic", "scale": SCALE}))
            .unwrap();
        let (undisturbed, mut left) = {
            let _branch = world.branch();
            let undisturbed = self.undisturbed(&world);
            (
                undisturbed,
                control()
                    .timed()
                    .unwrap()
                    .into_keys()
                    .collect::<BTreeSet<_>>(),
            )
        };
        assert!(left.len() >= at_least, "only these take time: {left:?}");
        let all = left.len();
        control().stop_time_at(&left).unwrap();
        let mut child = world.silent(self.run);
        let mut kills = 0;
        while waits(&control(), &mut child) {
            stop_process(&child);
            let settling: BTreeSet<String> = control().timed().unwrap().into_keys().collect();
            kills += 1;
            let whence = format!("{} killed while {settling:?} are not over", self.name);
            {
                let _branch = world.branch();
                self.goes_on(&world, &whence);
                self.is_as(&world, &undisturbed, &whence);
            }
            // Also what was on its way when the run was stopped.
            left.retain(|operation| !settling.contains(operation));
            let late = control().let_time_go_on(&left).unwrap();
            left.retain(|operation| !late.contains_key(operation));
            signal(&child, Signal::CONT);
        }
        self.is_as(&world, &undisturbed, &format!("{} not killed", self.name));
        // Who reads six times may still have something to do, so that now and then an operation is over too early.
        assert!(
            all - left.len() >= at_least,
            "never killed while one of these took time: {left:?}"
        );
        tell(&format!(
            "{}: killed in {kills} waits for {all} operations, 0 duplicates, 0 orphans",
            self.name
        ));
    }

    /// The next run can be planned, and begins while AWS is not done yet.
    fn goes_on(&self, world: &World, whence: &str) {
        let planned = world.platctl(&self.plan());
        assert_eq!(
            planned.code,
            Some(0),
            "{whence}:\n{}{}",
            planned.stdout,
            planned.stderr
        );
        let mut child = world.logged(self.run);
        if waits(&world.control(), &mut child) {
            world.control().let_time_go_on([]).unwrap();
        }
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{whence}:\n{}", world.said());
    }

    /// What would show the same without doing it.
    fn plan(&self) -> String {
        self.run
            .replace("apply", "plan")
            .replace("destroy prod", "plan prod.yaml --destroy")
            .replace(" --yes", "")
    }
}

/// Until a run waits, with the time standing; false when it ends instead.
fn waits(control: &Control, child: &mut Child) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < ENDLESS {
        if control.time_stands().unwrap() && control.reads_since_change().unwrap() >= READS {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    panic!("it neither waits nor ends");
}

#[test]
fn an_apply_killed_in_any_wait_goes_on() {
    APPLY.survives_in_waits(10);
}

#[ignore = "a long loop: cargo test --workspace --test e2e waits:: -- --ignored"]
#[test]
fn an_update_killed_in_any_wait_goes_on() {
    UPDATE.survives_in_waits(5);
}

#[ignore = "a long loop: cargo test --workspace --test e2e waits:: -- --ignored"]
#[test]
fn a_destroy_killed_in_any_wait_goes_on() {
    DESTROY.survives_in_waits(5);
}
