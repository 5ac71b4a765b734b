//! A hostile AWS: lost answers, broken connections, throttling, slow states; and signals.

use std::time::Duration;

use platctl_emulator::Moment;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::inventory::Inventory;
use crate::recovery::differences;
use crate::world::World;

async fn undisturbed(world: &World) -> Inventory {
    world.platctl("apply network.yaml --yes").expect(0);
    let found = Inventory::of(world).await;
    world.reset();
    found
}

#[tokio::test]
async fn lost_answers_and_broken_connections_cost_nothing() {
    let world = World::new();
    world.network(&[]);
    let wanted = undisturbed(&world).await;
    for seed in 1..=3 {
        world.reset();
        world
            .control()
            .profile(&json!({"chaos": {"seed": seed, "rate": 0.15}}))
            .unwrap();
        let mut ended = world.platctl("apply network.yaml --yes");
        for _ in 0..10 {
            if ended.code == Some(0) {
                break;
            }
            ended = world.platctl("apply network.yaml --yes");
        }
        let ended = ended.expect(0);
        world.control().profile(&json!({"chaos": null})).unwrap();
        assert_eq!(
            Inventory::of(&world).await.differences(&wanted),
            [""; 0],
            "seed {seed}: {}",
            ended.stderr
        );
        world
            .platctl("plan network.yaml --detailed-exitcode")
            .expect(0);
    }
}

#[tokio::test]
async fn states_that_take_their_time_are_waited_for() {
    let world = World::new();
    world.network(&[("availability_zones: 3", "availability_zones: 2")]);
    let wanted = undisturbed(&world).await;
    // A hundredth of the time that AWS takes; a role is not known at once.
    world
        .control()
        .profile(&json!({"time_scale": 0.01, "propagation": 0.3}))
        .unwrap();
    world.platctl("apply network.yaml --yes").expect(0);
    assert_eq!(Inventory::of(&world).await.differences(&wanted), [""; 0]);
    world.platctl("destroy network --yes").expect(0);
    assert_eq!(Inventory::of(&world).await, Inventory::default());
}

#[tokio::test]
async fn throttling_slows_down_and_fails_nothing() {
    let world = World::new();
    world.network(&[("availability_zones: 3", "availability_zones: 2")]);
    let wanted = undisturbed(&world).await;
    let throttle = json!({"ec2:CreateSubnet": [1, 5], "ec2:CreateVpcEndpoint": [1, 5]});
    world
        .control()
        .profile(&json!({"throttle": throttle}))
        .unwrap();
    world.platctl("apply network.yaml --yes").expect(0);
    let calls = world.control().calls().unwrap();
    assert!(
        calls.iter().any(|call| call.status == Some(503)),
        "nothing was throttled"
    );
    assert_eq!(Inventory::of(&world).await.differences(&wanted), [""; 0]);
}

#[tokio::test]
async fn one_failure_stops_only_what_depends_on_it() {
    let world = World::new();
    world.network(&[]);
    let fault = json!([{"kind": "error_before", "operation": "ec2:CreateInternetGateway", "times": 99,
        "code": "UnauthorizedOperation", "message": "You are not authorized", "status": 403}]);
    world.control().faults(&fault).unwrap();
    let ended = world.platctl("apply network.yaml --yes").expect(2);
    assert!(
        ended.stdout.contains("✗ network.internet_gateway: "),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("UnauthorizedOperation"),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .contains("Skipped because network.internet_gateway failed: "),
        "{}",
        ended.stdout
    );
    let found = Inventory::of(&world).await;
    assert_eq!(
        (
            found.of_kind("subnet").len(),
            found.of_kind("endpoint").len()
        ),
        (9, 5)
    );
    assert_eq!(
        (
            found.of_kind("nat gateway").len(),
            found.of_kind("internet gateway").len()
        ),
        (0, 0)
    );
    world.control().faults(&json!([])).unwrap();
    world.platctl("apply network.yaml --yes").expect(0);
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
}

/// Clients open connections that they then do not use.
#[test]
fn connections_that_say_nothing_keep_nobody_waiting() {
    let world = World::new();
    let address = world.endpoint().trim_start_matches("http://").to_owned();
    let silent: Vec<_> = (0..100)
        .map(|_| std::net::TcpStream::connect(&address).unwrap())
        .collect();
    world.control().status().unwrap();
    drop(silent);
}

fn signalled(signal: Signal) -> i32 {
    let world = World::new();
    world.network(&[]);
    let control = world.control();
    // All of the network waits behind this one.
    control.hold_first("ec2:CreateVpc", Moment::Before).unwrap();
    let child = world.spawn("apply network.yaml --yes");
    assert!(control.held(Duration::from_secs(20)).unwrap().is_some());
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
    // The call in flight is waited for.
    std::thread::sleep(Duration::from_millis(300));
    control.release(false).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("Interrupted.") && text.contains(" not started in "),
        "{text}"
    );
    let made = control.inventory().unwrap();
    assert_eq!(
        (made.get("ec2:VPC"), made.get("ec2:Subnet")),
        (Some(&1), None),
        "{made:?}"
    );
    world.platctl("apply network.yaml --yes").expect(0);
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
    output.status.code().unwrap()
}

#[test]
fn an_interrupt_lets_calls_in_flight_be_recorded() {
    assert_eq!(signalled(Signal::INT), 130);
}

#[test]
fn so_does_a_request_to_end() {
    assert_eq!(signalled(Signal::TERM), 143);
}

#[tokio::test]
async fn a_second_run_is_told_who_holds_the_lock() {
    let world = World::new();
    world.network(&[]);
    let control = world.control();
    control.hold(3, Moment::Before).unwrap();
    let mut child = world.spawn("apply network.yaml --yes");
    assert!(control.held(Duration::from_secs(20)).unwrap().is_some());
    let ended = world.platctl("destroy network --yes").expect(1);
    assert!(
        ended.stderr.contains(&format!("pid {}", child.id())),
        "{}",
        ended.stderr
    );
    control.release(false).unwrap();
    assert!(child.wait().unwrap().success());
}

/// The reference platform in a world of its own.
fn platform() -> World {
    let world = World::new();
    world.file(
        "prod.yaml",
        &std::fs::read_to_string("../../stacks/prod.yaml").unwrap(),
    );
    world
}

const APPLY: &str = "apply prod.yaml --yes";
const DESTROY: &str = "destroy prod --yes --allow-data-loss all";

#[test]
fn the_platform_is_made_and_ended_where_states_take_their_time() {
    let world = platform();
    world
        .control()
        .profile(&json!({"name": "realistic", "scale": 0.004}))
        .unwrap();
    world.platctl(APPLY).expect(0);
    world
        .platctl("plan prod.yaml --detailed-exitcode")
        .expect(0);
    world.platctl(DESTROY).expect(0);
}

#[test]
fn a_new_accounts_quotas_are_told_by_name_and_the_run_goes_on_once_they_are_raised() {
    let world = platform();
    let strict = |quotas: serde_json::Value| {
        world.control().profile(&json!({"name": "strict"})).unwrap();
        world.control().profile(&json!({"quotas": quotas})).unwrap();
    };
    // What an account with two stacks of that kind would have left.
    strict(json!({"L-0263D0A3": 2}));
    let ended = world.platctl(APPLY).expect(2);
    let said = &ended.stdout;
    assert!(
        said.contains("AddressLimitExceeded: The maximum number of addresses has been reached"),
        "{said}"
    );
    assert!(
        said.contains("a service quota is exceeded: request an increase, or reduce usage"),
        "{said}"
    );
    // A new account may have five processors, the node group has six. Nodes wait for their way out.
    strict(json!({"L-0263D0A3": 5}));
    let ended = world.platctl(APPLY).expect(2);
    let said = &ended.stdout;
    assert!(
        said.contains("AsgInstanceLaunchFailures") && said.contains("VcpuLimitExceeded"),
        "{said}"
    );
    assert!(said.contains("limit of 5"), "{said}");
    strict(json!({"L-1216C47A": 64}));
    world.platctl(APPLY).expect(0);
    world
        .platctl("plan prod.yaml --detailed-exitcode")
        .expect(0);
    world.platctl(DESTROY).expect(0);
}

#[test]
fn a_cut_connection_is_one_call_that_is_made_again() {
    let world = platform();
    world.platctl(APPLY).expect(0);
    let there = world.control().inventory().unwrap();
    let left = {
        world.platctl(DESTROY).expect(0);
        world.control().inventory().unwrap()
    };
    for (call, moment) in [(40, "before"), (150, "after")] {
        world.reset();
        for (line, wanted) in [(APPLY, &there), (DESTROY, &left)] {
            world
                .control()
                .profile(&json!({"name": "cut", "call": call, "moment": moment}))
                .unwrap();
            world.platctl(line).expect(0);
            assert_eq!(
                world.control().status().unwrap()["faults"],
                json!([]),
                "nothing was cut"
            );
            let found = world.control().inventory().unwrap();
            assert_eq!(
                differences(&found, wanted),
                [""; 0],
                "{line}, call {call} cut {moment}"
            );
        }
    }
}

/// AWS says 200, and within the answer that nothing was done.
#[test]
fn what_failed_within_a_success_is_seen_and_done_again() {
    let world = platform();
    world.platctl(APPLY).expect(0);
    let there = world.control().inventory().unwrap();
    world.reset();
    let partly = |operations: &[&str]| {
        let faults = operations
            .iter()
            .map(|name| json!({"kind": "partial", "operation": name}))
            .collect();
        world
            .control()
            .faults(&serde_json::Value::Array(faults))
            .unwrap();
    };
    partly(&["ec2:CreateFlowLogs", "events:PutTargets"]);
    world.platctl(APPLY).expect(0);
    assert_eq!(world.control().status().unwrap()["faults"], json!([]));
    assert_eq!(
        differences(&world.control().inventory().unwrap(), &there),
        [""; 0]
    );
    world
        .platctl("plan prod.yaml --detailed-exitcode")
        .expect(0);
    partly(&[
        "ec2:DeleteFlowLogs",
        "ec2:DeleteVpcEndpoints",
        "events:RemoveTargets",
    ]);
    world.platctl(DESTROY).expect(0);
    assert_eq!(world.control().status().unwrap()["faults"], json!([]));
    assert_eq!(
        world.control().inventory().unwrap().get("ec2:VPCEndPoint"),
        None
    );
}
