//! Several runs at once: of one stack they take turns, of different stacks they do not notice each other.

use std::process::Child;
use std::time::Duration;

use platctl_emulator::Moment;

use crate::world::World;

const APPLY: &str = "apply network.yaml --yes";

/// A run that holds the lock, for as long as the answer to one of its calls is held back.
fn busy(world: &World) -> Child {
    let control = world.control();
    control.hold(20, Moment::Before).unwrap();
    let child = world.spawn(APPLY);
    assert!(control.held(Duration::from_secs(30)).unwrap().is_some());
    child
}

#[test]
fn a_second_run_says_who_is_at_work_or_waits() {
    let world = World::new();
    world.network(&[]);
    let first = busy(&world);
    let refused = world.platctl(APPLY).expect(1).stderr;
    assert!(
        refused.contains(&format!("(pid {})", first.id())) && refused.contains("`platctl apply`"),
        "{refused}"
    );
    let told = world.platctl("unlock network").expect(1).stderr;
    assert!(told.contains(&format!("kill {}", first.id())), "{told}");
    // Whoever only looks does not wait.
    world.platctl("state list network").expect(0);
    world.platctl("plan network.yaml").expect(0);
    let second = world.spawn(&format!("{APPLY} --lock-timeout 60s"));
    std::thread::sleep(Duration::from_millis(500));
    world.control().release(false).unwrap();
    for child in [first, second] {
        let ended = child.wait_with_output().unwrap();
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
}

#[test]
fn the_lock_dies_with_its_process() {
    let world = World::new();
    world.network(&[]);
    let mut first = busy(&world);
    first.kill().unwrap();
    first.wait().unwrap();
    world.control().release(true).unwrap();
    world.platctl(APPLY).expect(0);
}

#[test]
fn different_stacks_do_not_notice_each_other() {
    let world = World::new();
    let names = ["one", "two", "three"];
    let text = std::fs::read_to_string("../../stacks/network.yaml").unwrap();
    for name in names {
        world.file(
            &format!("{name}.yaml"),
            &text.replace("stack: network", &format!("stack: {name}")),
        );
    }
    for command in ["apply NAME.yaml --yes", "destroy NAME.yaml --yes"] {
        let children: Vec<Child> = names
            .iter()
            .map(|name| world.spawn(&command.replace("NAME", name)))
            .collect();
        for child in children {
            let ended = child.wait_with_output().unwrap();
            assert!(
                ended.status.success(),
                "{}",
                String::from_utf8_lossy(&ended.stderr)
            );
        }
    }
}
