//! What happens to state: full disks, torn tails, cut files, lost files. Nothing in AWS is lost with it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use platctl_emulator::Moment;

use crate::recovery::{differences, setting};
use crate::world::World;

const APPLY: &str = "apply network.yaml --yes";

fn path(world: &World, extension: &str) -> PathBuf {
    world.path().join(format!("state/emulator/network.{extension}"))
}

/// A network's world, and what an undisturbed apply makes of it.
fn network() -> (World, std::collections::BTreeMap<String, usize>) {
    let world = World::new();
    world.network(&[]);
    world.platctl(APPLY).expect(0);
    let wanted = world.control().inventory().unwrap();
    (world, wanted)
}

/// A run that was killed at a call.
fn killed(world: &World, call: usize) {
    world.reset();
    let control = world.control();
    control.hold(call, Moment::After).unwrap();
    let mut child = world.spawn(APPLY);
    assert!(control.held(Duration::from_secs(30)).unwrap().is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    control.release(true).unwrap();
}

fn goes_on(world: &World, wanted: &std::collections::BTreeMap<String, usize>, what: &str) {
    let ended = world.platctl(APPLY);
    assert_eq!(ended.code, Some(0), "{what}:\n{}{}", ended.stdout, ended.stderr);
    let found = world.control().inventory().unwrap();
    assert_eq!(differences(&found, wanted), Vec::<String>::new(), "{what}");
    world.platctl("plan network.yaml --detailed-exitcode").expect(0);
}

#[test]
fn a_full_disk_stops_the_run_and_the_next_one_goes_on() {
    let (world, wanted) = network();
    let mut stopped = 0;
    // The limit of the shell is on single files, in blocks of half a kilobyte: the same to a journal that grows.
    for blocks in [0, 1, 8, 40, 90] {
        world.reset();
        let line = world.command(&format!("{APPLY} --emulator"));
        let program = line.get_program().to_str().unwrap().to_owned();
        let arguments: Vec<&str> = line.get_args().filter_map(|it| it.to_str()).collect();
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec '{program}' {}", arguments.join(" "));
        let mut full = Command::new("sh");
        full.arg("-c")
            .arg(script)
            .current_dir(world.path())
            .env("PLATCTL_EMULATOR_HOME", world.path().join("emulator"));
        let ended = full.output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        if !ended.status.success() {
            assert!(said.contains("make room on that disk"), "{blocks}: {said}");
            stopped += 1;
        }
        goes_on(&world, &wanted, &format!("{blocks} blocks"));
    }
    assert!(stopped >= 4, "only {stopped} runs were stopped");
}

#[test]
fn where_nothing_can_be_written_nothing_is_made() {
    let world = World::new();
    world.network(&[]);
    for place in ["/proc/platctl", "network.yaml/state"] {
        world.control().clear_calls().unwrap();
        let ended = world.platctl(&format!("{APPLY} --state {place}")).expect(1);
        assert!(ended.stderr.contains(place), "{}", ended.stderr);
        assert_eq!(world.mutations(), 0, "{place}");
    }
}

#[test]
fn a_journal_cut_at_any_byte_loses_nothing() {
    let (world, wanted) = network();
    killed(&world, 45);
    let journal = fs::read(path(&world, "journal")).unwrap();
    assert!(journal.len() > 10_000, "only {} bytes", journal.len());
    let cuts = setting("PLATCTL_TEST_POINTS", 6);
    for cut in (1..=cuts).map(|part| journal.len() * part / (cuts + 1)) {
        killed(&world, 45);
        let journal = fs::read(path(&world, "journal")).unwrap();
        fs::write(path(&world, "journal"), &journal[..cut.min(journal.len())]).unwrap();
        goes_on(&world, &wanted, &format!("cut at {cut}"));
    }
}

#[test]
fn a_journal_that_is_gone_loses_nothing() {
    let (world, wanted) = network();
    for call in [3, 20, 45] {
        killed(&world, call);
        fs::remove_file(path(&world, "journal")).unwrap();
        goes_on(&world, &wanted, &format!("call {call}"));
    }
}

#[test]
fn a_state_file_cut_at_any_byte_is_refused_and_recovered() {
    let (world, wanted) = network();
    let whole = fs::read(path(&world, "json")).unwrap();
    let cuts = setting("PLATCTL_TEST_POINTS", 6);
    for cut in (0..cuts).map(|part| whole.len() * part / cuts) {
        fs::write(path(&world, "json"), &whole[..cut]).unwrap();
        world.control().clear_calls().unwrap();
        let refused = world.platctl(APPLY).expect(1);
        assert!(refused.stderr.contains("state recover"), "{}", refused.stderr);
        assert_eq!(world.mutations(), 0);
        let recovered = world.platctl("state recover network.yaml").expect(0).stdout;
        assert!(recovered.contains("network.json.damaged-"), "{recovered}");
        assert_eq!(world.mutations(), 0);
        goes_on(&world, &wanted, &format!("cut at {cut}"));
    }
}

/// The whole platform, whose state is gone without a copy.
#[test]
fn a_lost_state_is_made_anew_from_the_tags_alone() {
    let world = World::new();
    world.file("prod.yaml", &fs::read_to_string("../../stacks/prod.yaml").unwrap());
    world.platctl("apply prod.yaml --yes").expect(0);
    let wanted = world.control().inventory().unwrap();
    fs::remove_dir_all(world.path().join("state")).unwrap();
    world.control().clear_calls().unwrap();
    let recovered = world.platctl("state recover prod.yaml").expect(0).stdout;
    assert_eq!(world.mutations(), 0, "nothing in AWS is changed");
    assert!(recovered.contains("State recovered: "), "{recovered}");
    world.platctl("apply prod.yaml --yes").expect(0);
    let found = world.control().inventory().unwrap();
    assert_eq!(differences(&found, &wanted), Vec::<String>::new(), "{recovered}");
    world.platctl("plan prod.yaml --detailed-exitcode").expect(0);
    // A state that is in order stays as it is.
    let again = world.platctl("state recover prod.yaml").expect(0).stdout;
    assert!(again.contains("0 found in AWS"), "{again}");
    world.platctl("destroy prod --yes --allow-data-loss").expect(0);
}
