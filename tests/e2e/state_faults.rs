//! What happens to state: full disks, torn tails, cut files, lost files. Nothing in AWS is lost with it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use platctl_emulator::Moment;

use crate::recovery::{differences, setting, tell};
use crate::world::World;

const APPLY: &str = "apply network.yaml --yes";

fn path(world: &World, extension: &str) -> PathBuf {
    world
        .path()
        .join(format!("state/emulator/network.{extension}"))
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
    assert_eq!(
        ended.code,
        Some(0),
        "{what}:\n{}{}",
        ended.stdout,
        ended.stderr
    );
    let found = world.control().inventory().unwrap();
    assert_eq!(differences(&found, wanted), Vec::<String>::new(), "{what}");
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
}

/// Where a file of this length is cut: everywhere, when all points are asked for.
fn cuts(length: usize) -> Vec<usize> {
    let many = setting("PLATCTL_TEST_POINTS", 6).min(length);
    (0..many).map(|part| length * part / many).collect()
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
        let script = format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec '{program}' {}",
            arguments.join(" ")
        );
        let mut full = Command::new("sh");
        full.arg("-c")
            .arg(script)
            .current_dir(world.path())
            .env("PLATCTL_EMULATOR_HOME", world.path().join("emulator"));
        let ended = full.output().unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&ended.stdout),
            String::from_utf8_lossy(&ended.stderr)
        );
        if !ended.status.success() {
            assert!(said.contains("free up disk space"), "{blocks}: {said}");
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
    for cut in cuts(journal.len()) {
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
    for cut in cuts(whole.len()) {
        fs::write(path(&world, "json"), &whole[..cut]).unwrap();
        world.control().clear_calls().unwrap();
        let refused = world.platctl(APPLY).expect(1);
        assert!(
            refused.stderr.contains("state recover"),
            "{}",
            refused.stderr
        );
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
    world.file(
        "prod.yaml",
        &fs::read_to_string("../../stacks/prod.yaml").unwrap(),
    );
    world.platctl("apply prod.yaml --yes").expect(0);
    let wanted = world.control().inventory().unwrap();
    fs::remove_dir_all(world.path().join("state")).unwrap();
    world.control().clear_calls().unwrap();
    // Whose the records and aliases are, nothing but their names says.
    let refused = world.platctl("apply prod.yaml --yes").expect(1).stderr;
    assert!(
        refused.contains("platctl state recover prod.yaml"),
        "{refused}"
    );
    let asked = world.platctl("state recover prod.yaml").expect(0).stdout;
    assert!(
        asked.contains("? edge.record") && asked.contains("platctl import prod.yaml edge.record"),
        "{asked}"
    );
    let recovered = world
        .platctl("state recover prod.yaml --yes")
        .expect(0)
        .stdout;
    assert_eq!(world.mutations(), 0, "nothing in AWS is changed");
    assert!(recovered.contains("State recovered: "), "{recovered}");
    world.platctl("apply prod.yaml --yes").expect(0);
    let found = world.control().inventory().unwrap();
    assert_eq!(
        differences(&found, &wanted),
        Vec::<String>::new(),
        "{recovered}"
    );
    world
        .platctl("plan prod.yaml --detailed-exitcode")
        .expect(0);
    // A state that is in order stays as it is.
    let again = world.platctl("state recover prod.yaml").expect(0).stdout;
    assert!(again.contains("0 found in AWS"), "{again}");
    world
        .platctl("destroy prod --yes --allow-data-loss all")
        .expect(0);
}

/// Every verb at once: other subnets for the private ones, one zone's gateway for all, other endpoints and tags.
const CHANGE: &str = "apply network.yaml --yes --set network.nat=single --set network.endpoints=[s3,sts,kms] \
                      --set network.subnets.private.cidrs=[10.10.128.0/20,10.10.144.0/20,10.10.160.0/20] \
                      --set tags.owner=other";
const DESTROY: &str = "destroy network --yes";

type Counts = std::collections::BTreeMap<String, usize>;

/// A network's world, what a change makes of it, in how many calls, and what its end leaves.
fn changed() -> (World, Counts, usize, Counts) {
    let world = World::new();
    world.network(&[]);
    world.platctl(APPLY).expect(0);
    world.control().clear_calls().unwrap();
    world.platctl(CHANGE).expect(0);
    let calls = world.mutations();
    let wanted = world.control().inventory().unwrap();
    world.platctl(DESTROY).expect(0);
    let left = world.control().inventory().unwrap();
    (world, wanted, calls, left)
}

/// A change that was killed in its middle.
fn killed_in_a_change(world: &World, call: usize) {
    world.reset();
    world.platctl(APPLY).expect(0);
    let control = world.control();
    control.hold(call, Moment::After).unwrap();
    let mut child = world.spawn(CHANGE);
    assert!(
        control.held(Duration::from_secs(20)).unwrap().is_some(),
        "there is no call {call}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    control.release(true).unwrap();
}

/// What becomes of a change that was killed, whose state then met with `mishap`: the change is gone on with, nothing
/// is there twice, and nothing is left in the end.
fn a_change_survives(what: &str, mishap: impl Fn(&World)) {
    let (world, wanted, calls, left) = changed();
    for call in [calls / 4, calls / 2, calls * 3 / 4] {
        killed_in_a_change(&world, call);
        mishap(&world);
        let ended = world.platctl(CHANGE);
        assert_eq!(
            ended.code,
            Some(0),
            "{what}, call {call}:\n{}{}",
            ended.stdout,
            ended.stderr
        );
        let found = world.control().inventory().unwrap();
        assert_eq!(
            differences(&found, &wanted),
            Vec::<String>::new(),
            "{what}, call {call}"
        );
        world.platctl(DESTROY).expect(0);
        let found = world.control().inventory().unwrap();
        assert_eq!(
            differences(&found, &left),
            Vec::<String>::new(),
            "{what}, call {call}, destroyed"
        );
    }
}

/// With the file as it was before the change: only that one still declares what the change was to delete.
fn recover(world: &World) {
    world.control().clear_calls().unwrap();
    world.platctl("state recover network.yaml").expect(0);
    assert_eq!(world.mutations(), 0, "nothing in AWS is changed");
}

#[test]
fn a_change_whose_journal_is_gone_is_gone_on_with() {
    a_change_survives("journal gone", |world| {
        fs::remove_file(path(world, "journal")).unwrap()
    });
}

#[test]
fn a_change_whose_journal_is_torn_is_gone_on_with() {
    a_change_survives("journal torn", |world| {
        let journal = fs::read(path(world, "journal")).unwrap();
        fs::write(path(world, "journal"), &journal[..journal.len() * 2 / 3]).unwrap();
    });
}

#[test]
fn a_change_whose_state_is_cut_is_gone_on_with() {
    a_change_survives("state cut", |world| {
        let whole = fs::read(path(world, "json")).unwrap();
        fs::write(path(world, "json"), &whole[..whole.len() / 2]).unwrap();
        recover(world);
    });
}

#[test]
fn a_change_whose_state_is_gone_is_gone_on_with() {
    a_change_survives("state gone", |world| {
        fs::remove_dir_all(world.path().join("state")).unwrap();
        recover(world);
    });
}

/// A folder for state on a small disk of its own, where this may be done; gone with its test.
struct Disk(PathBuf);

impl Disk {
    fn of(world: &World, kilobytes: usize) -> Option<Self> {
        let folder = world.path().join("disk");
        fs::create_dir_all(&folder).unwrap();
        let size = format!("size={kilobytes}k,mode=0700");
        let mounted = mount(&[
            "-t",
            "tmpfs",
            "-o",
            &size,
            "tmpfs",
            folder.to_str().unwrap(),
        ]);
        if !mounted {
            tell("no disk can be mounted here: not tested");
        }
        mounted.then_some(Self(folder))
    }

    fn again(&self, options: &str) {
        assert!(mount(&[
            "-o",
            &format!("remount,{options}"),
            self.0.to_str().unwrap()
        ]));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str]) -> bool {
    let run = Command::new("mount").args(arguments).output();
    run.is_ok_and(|output| output.status.success())
}

/// The disk itself is full, for the journal, the state and every file beside them.
#[test]
fn a_disk_that_is_really_full_stops_the_run_and_the_next_one_goes_on() {
    let (world, wanted) = network();
    let mut stopped = 0;
    for kilobytes in [4, 16, 64, 128] {
        world.reset();
        let Some(disk) = Disk::of(&world, kilobytes) else {
            return;
        };
        let line = format!("{APPLY} --state {}", disk.0.display());
        let ended = world.platctl(&line);
        if ended.code != Some(0) {
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert!(
                said.contains("free up disk space"),
                "{kilobytes} KB: {said}"
            );
            stopped += 1;
        }
        disk.again("size=8m");
        world.platctl(&line).expect(0);
        let found = world.control().inventory().unwrap();
        assert_eq!(
            differences(&found, &wanted),
            Vec::<String>::new(),
            "{kilobytes} KB"
        );
        world
            .platctl(&format!(
                "plan network.yaml --detailed-exitcode --state {}",
                disk.0.display()
            ))
            .expect(0);
        world
            .platctl(&format!("{DESTROY} --state {}", disk.0.display()))
            .expect(0);
    }
    assert!(stopped >= 3, "only {stopped} runs were stopped");
}

/// Modes do not stop the superuser; a disk that is read-only stops everybody.
#[test]
fn on_a_read_only_disk_nothing_is_made_changed_or_deleted() {
    let world = World::new();
    world.network(&[]);
    let Some(disk) = Disk::of(&world, 8192) else {
        return;
    };
    let at = format!("--state {}", disk.0.display());
    let refused = |line: &str| {
        disk.again("ro");
        world.control().clear_calls().unwrap();
        let ended = world.platctl(&format!("{line} {at}")).expect(1);
        assert!(
            ended.stderr.contains("ead-only file system"),
            "{}",
            ended.stderr
        );
        assert_eq!(world.mutations(), 0, "{line}");
        disk.again("rw");
    };
    refused(APPLY);
    world.platctl(&format!("{APPLY} {at}")).expect(0);
    refused(CHANGE);
    refused(DESTROY);
    world.platctl(&format!("{DESTROY} {at}")).expect(0);
}
