//! State in S3: by real processes, several at once, stopped, cut off and woken up again.

use std::io::Read;
use std::process::Child;
use std::time::Duration;

use platctl_emulator::Moment;
use rustix::process::{Pid, Signal, kill_process};

use crate::recovery::differences;
use crate::world::{Ended, World};

const STATE: &str = "--state s3://acme-state/platctl --lease 3s";
const APPLY: &str = "apply network.yaml --yes";

fn run(world: &World, line: &str) -> Ended {
    world.platctl(&format!("{line} {STATE}"))
}

fn spawn(world: &World, line: &str) -> Child {
    world.spawn(&format!("{line} {STATE}"))
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn stderr(child: &mut Child) -> String {
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// A network's apply that is stopped in the middle, with a call under way.
fn stalled(world: &World) -> Child {
    let control = world.control();
    control.hold(40, Moment::Before).unwrap();
    let child = spawn(world, APPLY);
    control.held(Duration::from_secs(30)).unwrap().unwrap();
    signal(&child, Signal::STOP);
    control.release(false).unwrap();
    child
}

#[test]
fn state_lives_in_the_bucket_and_every_command_finds_it_there() {
    let world = World::new();
    world.network(&[(
        "stack: network\n",
        "stack: network\nstate: s3://acme-state/platctl?region=eu-west-1\n",
    )]);
    world.platctl("apply network.yaml --yes").expect(0);
    assert!(
        !world.path().join("state").exists(),
        "nothing is left on this machine"
    );
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
    let listed = world.platctl("state list network.yaml").expect(0).stdout;
    assert!(listed.contains("network.vpc"), "{listed}");
    // By name, and another machine's environment.
    run(&world, "drift network --detailed-exitcode").expect(0);
    run(&world, "state rm network network.vpc").expect(0);
    let history = run(&world, "state history network").expect(0).stdout;
    assert!(
        history.contains("s3://acme-state/platctl/network/versions/"),
        "{history}"
    );
    assert_eq!(history.lines().count(), 2, "{history}");
    run(&world, "state rollback network").expect(0);
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
    run(&world, "destroy network --yes").expect(0);
}

#[test]
fn a_run_that_sleeps_loses_its_lease_and_writes_nothing_when_it_wakes_up() {
    let world = World::new();
    world.network(&[]);
    run(&world, APPLY).expect(0);
    let wanted = world.control().inventory().unwrap();
    world.reset();

    let mut first = stalled(&world);
    let refused = run(&world, APPLY).expect(1).stderr;
    assert!(
        refused.contains("is locked") && refused.contains("platctl apply"),
        "{refused}"
    );
    run(&world, &format!("{APPLY} --lock-timeout 60s")).expect(0);
    signal(&first, Signal::CONT);
    let said = stderr(&mut first);
    assert!(!first.wait().unwrap().success(), "{said}");
    run(&world, "plan network.yaml --detailed-exitcode").expect(0);
    let found = world.control().inventory().unwrap();
    assert_eq!(differences(&found, &wanted), Vec::<String>::new());
}

#[test]
fn unlock_says_what_it_breaks_and_stops_the_run() {
    let world = World::new();
    world.network(&[]);
    let mut first = stalled(&world);
    let asked = run(&world, "unlock network").expect(1);
    assert!(
        asked.stdout.contains("has been running since")
            && asked.stdout.contains("their resources by their tags"),
        "{asked:?}"
    );
    run(&world, "unlock network --yes").expect(0);
    run(&world, APPLY).expect(0);
    signal(&first, Signal::CONT);
    assert!(!first.wait().unwrap().success());
    run(&world, "plan network.yaml --detailed-exitcode").expect(0);
    let nothing = run(&world, "unlock network --yes").expect(0).stdout;
    assert!(nothing.contains("is not locked"), "{nothing}");
}

#[test]
fn killed_anywhere_the_next_run_goes_on_from_the_bucket() {
    let world = World::new();
    world.network(&[]);
    run(&world, APPLY).expect(0);
    let (wanted, calls) = (world.control().inventory().unwrap(), world.mutations());
    let step = (calls / crate::recovery::setting("PLATCTL_TEST_POINTS", 12)).max(1);
    for call in (1..=calls).step_by(step) {
        for moment in [Moment::Before, Moment::After] {
            world.reset();
            let control = world.control();
            control.hold(call, moment).unwrap();
            let mut child = spawn(&world, APPLY);
            let held = control.held(Duration::from_secs(20)).unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            control.release(true).unwrap();
            run(&world, &format!("{APPLY} --lock-timeout 30s")).expect(0);
            let found = control.inventory().unwrap();
            assert_eq!(
                differences(&found, &wanted),
                Vec::<String>::new(),
                "{moment:?} {call} {held:?}"
            );
        }
    }
}

#[test]
fn two_runs_at_once_take_turns() {
    let world = World::new();
    world.network(&[]);
    let line = format!("{APPLY} --lock-timeout 60s");
    let children: Vec<Child> = (0..3).map(|_| spawn(&world, &line)).collect();
    for child in children {
        let ended = child.wait_with_output().unwrap();
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    run(&world, "plan network.yaml --detailed-exitcode").expect(0);
}

#[test]
fn a_journal_that_is_gone_or_damaged_is_recovered_from_the_versions_and_the_tags() {
    let world = World::new();
    world.network(&[]);
    run(&world, APPLY).expect(0);
    let wanted = world.control().inventory().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let s3 = world.s3();
    runtime.block_on(async {
        let put = s3
            .put_object()
            .bucket("acme-state")
            .key("platctl/network/journal");
        put.body(aws_sdk_s3::primitives::ByteStream::from_static(
            b"damaged\n",
        ))
        .send()
        .await
        .unwrap();
    });
    let refused = run(&world, "plan network.yaml").expect(1).stderr;
    assert!(
        refused.contains("s3://acme-state/platctl/network/journal"),
        "{refused}"
    );
    run(&world, "state recover network.yaml").expect(0);
    run(&world, "plan network.yaml --detailed-exitcode").expect(0);
    runtime.block_on(async {
        s3.delete_object()
            .bucket("acme-state")
            .key("platctl/network/journal")
            .send()
            .await
            .unwrap();
    });
    run(&world, "state recover network.yaml").expect(0);
    run(&world, APPLY).expect(0);
    let found = world.control().inventory().unwrap();
    assert_eq!(differences(&found, &wanted), Vec::<String>::new());
    run(&world, "destroy network --yes").expect(0);
}
