//! Secrets: planted wherever platctl meets one, and looked for in everything that it writes and says.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use platctl_emulator::Moment;

use crate::world::{Ended, World};

/// What every password of the local AWS begins with, and its beginnings in base 64, wherever in it they stand.
const CANARIES: [&str; 4] = ["canary", "Y2FuYXJ5", "NhbmFye", "jYW5hcn"];

/// Everything below a folder but the local AWS's own files.
fn written(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("emulator")
                || path
                    .parent()
                    .is_some_and(|parent| parent.ends_with("state"))
            {
                found.extend(written(&path));
            }
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

fn innocent(what: &str, text: &str) {
    for canary in CANARIES {
        let at = text.find(canary);
        let around = at.map(|at| {
            text.chars()
                .skip(at.saturating_sub(100))
                .take(200)
                .collect::<String>()
        });
        assert_eq!(around, None, "{what} tells a secret");
    }
}

fn is_innocent(world: &World, line: &str, ended: &Ended) {
    innocent(line, &ended.stdout);
    innocent(line, &ended.stderr);
    for (path, bytes) in written(world.path()) {
        innocent(
            &path.display().to_string(),
            &String::from_utf8_lossy(&bytes),
        );
    }
}

/// The log file has every run, with its operations and calls, whatever the terminal showed.
fn tells_the_story(log: &Path) {
    let text = std::fs::read_to_string(log).unwrap();
    for part in [
        "platctl started",
        "command=\"apply\"",
        "connected account=\"123456789012\" region=\"eu-west-1\" caller=\"arn:aws:",
        "the state is locked stack=\"prod\" serial=0",
        "planned stack=\"prod\" add=",
        "carried out done=",
        "command=\"state list\"",
        "operation{address=network.vpc verb=\"create\" generation=1}: AWS call",
        "operation=\"CreateVpc\"",
        "written to the journal",
        "verb=\"delete\"",
        "platctl ended exit_code=0",
    ] {
        assert!(text.contains(part), "no {part:?} in {}", log.display());
    }
    let harmless = |c: char| !c.is_control() || c == '\n';
    assert!(
        text.chars().all(harmless),
        "{} has control characters",
        log.display()
    );
}

#[test]
fn no_password_is_written_or_said_not_even_to_the_most_talkative_log() {
    let world = World::new();
    let text = std::fs::read_to_string("../../stacks/prod.yaml").unwrap();
    let secret = "resources:\n  token: {kind: secretsmanager.Secret, name: prod/token, generate: {length: 40}}\n";
    world.file("prod.yaml", &format!("{text}{secret}"));
    world
        .control()
        .profile(&serde_json::json!({"record_params": true}))
        .unwrap();
    for line in [
        "apply prod.yaml --yes -vv",
        "plan prod.yaml -vv --json --out prod.plan",
        "apply prod.plan --yes -vv",
        "drift prod -vv",
        "status prod",
        "output prod",
        "state list prod",
        "destroy prod --yes --allow-data-loss all -vv --json",
    ] {
        let mut command = world.command(&format!("{line} --emulator --log-file run.log"));
        command.env("PLATCTL_LOG", "trace");
        let output = command.output().unwrap();
        let ended = Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        is_innocent(&world, line, &ended);
        ended.expect(0);
    }
    tells_the_story(&world.path().join("run.log"));
    let calls = world.control().calls().unwrap();
    assert!(
        calls.iter().any(|call| !call.params.is_null()),
        "no parameters were recorded"
    );
    for call in &calls {
        innocent(
            &format!("the recording of {}", call.operation),
            &call.params.to_string(),
        );
    }
    let made = |name: &str| calls.iter().any(|call| call.operation == name);
    assert!(
        made("GetRandomPassword") && made("CreateServiceSpecificCredential"),
        "no secret was ever met"
    );
}

#[test]
fn ones_own_credentials_are_not_written_or_said() {
    let world = World::new();
    world.network(&[("availability_zones: 3", "availability_zones: 2")]);
    let endpoint = world.endpoint();
    for line in [
        "apply network.yaml --yes -vv",
        "plan network.yaml -vv",
        "destroy network --yes -vv",
    ] {
        let mut command = world.command(&format!("{line} --endpoint-url {endpoint}"));
        command
            .env("AWS_ACCESS_KEY_ID", world.key())
            .env("AWS_SECRET_ACCESS_KEY", "canary-key")
            .env("AWS_SESSION_TOKEN", "canary-token")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("PLATCTL_LOG", "trace");
        let output = command.output().unwrap();
        let ended = Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        is_innocent(&world, line, &ended);
        ended.expect(0);
    }
}

#[test]
fn what_is_written_is_its_owners_alone_whatever_the_mask() {
    let world = World::new();
    world.network(&[]);
    // A plan of yesterday that everybody may read.
    world.file("network.plan", "old");
    let program = env!("CARGO_BIN_EXE_platctl");
    for line in [
        "plan network.yaml --out network.plan",
        "apply network.plan --yes",
        "apply network.yaml --yes",
    ] {
        let mut command = std::process::Command::new("sh");
        command
            .arg("-c")
            .arg(format!(
                "umask 000; exec '{program}' {line} --emulator --log-file run.log"
            ))
            .current_dir(world.path());
        let status = command
            .env("PLATCTL_EMULATOR_HOME", world.path().join("emulator"))
            .output()
            .unwrap()
            .status;
        assert!(status.success(), "{line}");
    }
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for path in written(world.path())
        .keys()
        .filter(|path| !path.ends_with("network.yaml"))
    {
        assert_eq!(mode(path), 0o600, "{}", path.display());
        let folder = path.parent().unwrap();
        assert!(
            folder == world.path() || mode(folder) == 0o700,
            "{}",
            folder.display()
        );
    }
    assert_eq!(mode(&world.path().join("emulator")), 0o700);
}

/// A platform with a secret of its own, in a run that waits for the answer of the call that has just made one.
fn in_the_middle(world: &World, operation: &str, line: &str) {
    let control = world.control();
    control.hold_first(operation, Moment::After).unwrap();
    let mut command = world.command(&format!("{line} --emulator -vv"));
    let (out, err) = (world.path().join("out.log"), world.path().join("err.log"));
    command
        .env("PLATCTL_LOG", "trace")
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(std::fs::File::create(&err).unwrap());
    let mut child = command.spawn().unwrap();
    let held = (0..10).any(|_| control.held(Duration::from_secs(10)).unwrap().is_some());
    let ended = child.try_wait().unwrap();
    let end = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines()
            .rev()
            .take(30)
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(
        held,
        "{operation} was not called: {ended:?} {:#?} {:#?}",
        end(&out),
        end(&err)
    );
    // The journal as it is in the middle, and then as a crash leaves it.
    nothing_tells(world, operation);
    child.kill().unwrap();
    child.wait().unwrap();
    control.release(true).unwrap();
    nothing_tells(world, operation);
}

fn nothing_tells(world: &World, when: &str) {
    let files = written(world.path());
    assert!(
        files.keys().any(|path| path.ends_with("prod.journal")),
        "no journal at {when}"
    );
    for (path, bytes) in files {
        innocent(
            &format!("{} at {when}", path.display()),
            &String::from_utf8_lossy(&bytes),
        );
    }
}

#[test]
fn a_run_that_is_killed_or_fails_leaves_no_secret_behind() {
    let world = World::new();
    let text = std::fs::read_to_string("../../stacks/prod.yaml").unwrap();
    world.file("prod.yaml", &text);
    let apply = "apply prod.yaml --yes";
    for operation in [
        "secretsmanager:CreateSecret",
        "iam:CreateServiceSpecificCredential",
        "secretsmanager:PutSecretValue",
        "rds:CreateDBCluster",
    ] {
        // Anew: while one call is held, the other branches go on, and may make the next one of these.
        world.reset();
        in_the_middle(&world, operation, apply);
    }
    // A call that fails for good says which, and not with what.
    world.reset();
    let fault = serde_json::json!([{"kind": "error_before", "operation": "secretsmanager:PutSecretValue", "times": 99,
        "code": "AccessDeniedException", "message": "You may not", "status": 400}]);
    world.control().faults(&fault).unwrap();
    let mut command = world.command(&format!("{apply} --emulator -vv"));
    let output = command.env("PLATCTL_LOG", "trace").output().unwrap();
    let ended = Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    is_innocent(&world, "a failed apply", &ended);
    assert!(ended.expect(2).stdout.contains("AccessDeniedException"));
    world.control().faults(&serde_json::json!([])).unwrap();
    world.platctl(apply).expect(0);
}

/// State in S3: what is in the bucket is read by more people than a file on this machine.
#[tokio::test]
async fn no_secret_is_in_the_state_s_bucket() {
    let world = World::new();
    let text = std::fs::read_to_string("../../stacks/prod.yaml").unwrap();
    world.file("prod.yaml", &text);
    for line in [
        "apply prod.yaml --yes",
        "apply prod.yaml --yes --set tags.owner=other",
    ] {
        world
            .platctl(&format!("{line} --state s3://acme-state/platctl"))
            .expect(0);
    }
    let s3 = world.s3();
    let versions = s3
        .list_object_versions()
        .bucket("acme-state")
        .send()
        .await
        .unwrap();
    let mut read = 0;
    for version in versions.versions() {
        let (key, id) = (version.key().unwrap(), version.version_id());
        let object = s3
            .get_object()
            .bucket("acme-state")
            .key(key)
            .set_version_id(id.map(Into::into));
        let bytes = object
            .send()
            .await
            .unwrap()
            .body
            .collect()
            .await
            .unwrap()
            .into_bytes();
        innocent(key, &String::from_utf8_lossy(&bytes));
        read += 1;
    }
    assert!(read >= 2, "only {read} objects");
}
