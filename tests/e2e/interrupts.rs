//! What ends a run from outside: impatient people, impatient CI systems, credentials that expire.

use std::process::Child;
use std::time::{Duration, Instant};

use platctl_emulator::Moment;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::recovery::differences;
use crate::world::World;

const APPLY: &str = "apply network.yaml --yes";

/// A world with a network's apply that waits for the answer to one of its calls.
fn held() -> (World, Child) {
    let world = World::new();
    world.network(&[]);
    let control = world.control();
    control.hold(30, Moment::After).unwrap();
    let child = world.spawn(APPLY);
    assert!(control.held(Duration::from_secs(30)).unwrap().is_some());
    (world, child)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// The next run ends where an undisturbed one does.
fn goes_on(world: &World) {
    world.control().release(true).unwrap();
    world.platctl(APPLY).expect(0);
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
    let found = world.control().inventory().unwrap();
    world.reset();
    world.platctl(APPLY).expect(0);
    assert_eq!(
        differences(&found, &world.control().inventory().unwrap()),
        Vec::<String>::new()
    );
}

#[test]
fn a_second_interrupt_leaves_at_once_and_the_next_run_goes_on() {
    let (world, mut child) = held();
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(200));
    assert!(
        child.try_wait().unwrap().is_none(),
        "the call under way is waited for"
    );
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    goes_on(&world);
}

/// What CI systems do to a job that is cancelled.
fn ended_after(patience: Duration) {
    let (world, mut child) = held();
    signal(&child, Signal::TERM);
    let begun = Instant::now();
    while begun.elapsed() < patience {
        assert!(
            child.try_wait().unwrap().is_none(),
            "the call under way is waited for"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    goes_on(&world);
}

#[test]
fn a_job_that_is_killed_two_and_a_half_seconds_after_it_was_asked_to_end() {
    ended_after(Duration::from_millis(2_500));
}

#[test]
fn a_job_that_is_killed_seven_and_a_half_seconds_after_it_was_asked_to_end() {
    ended_after(Duration::from_millis(7_500));
}

#[test]
fn expired_credentials_are_told_once_and_nothing_more_is_begun() {
    let world = World::new();
    world.network(&[]);
    let expired = json!([{"kind": "error_before", "operation": "*", "skip": 25, "times": 100_000, "status": 403,
        "code": "ExpiredToken", "message": "The security token included in the request is expired"}]);
    world.control().faults(&expired).unwrap();
    let ended = world.platctl(APPLY).expect(2);
    assert!(
        ended
            .stdout
            .contains("the credentials are expired or invalid: renew them"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.matches("ExpiredToken").count() <= 4,
        "it repeats itself:\n{}",
        ended.stdout
    );
    let refused = world.platctl(APPLY).expect(1);
    assert!(
        refused.stderr.contains("ExpiredToken"),
        "{}",
        refused.stderr
    );
    world.control().faults(&json!([])).unwrap();
    goes_on(&world);
}
