//! Ways in that do not exist: each test here is what somebody would try.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use aws_sdk_s3::primitives::ByteStream;
use platctl_emulator::{Home, KEY_HEADER, Moment, status};
use sha2::{Digest as _, Sha256};
use ureq::http::StatusCode;

use crate::bootstrap::STACK;
use crate::world::World;

const NOBODY: u32 = 65534;

/// A request as any program or page on this machine can send it; answers the status and what was said.
fn ask(world: &World, path: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let mut call = agent.post(format!("{}{path}", world.endpoint()));
    for (name, value) in headers {
        call = call.header(*name, *value);
    }
    let mut answer = call.send(r#"{"projectName": "prod-runner"}"#).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status(), text)
}

fn signature(key: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/codebuild/aws4_request, SignedHeaders=host, Signature=0"
    )
}

const START_BUILD: (&str, &str) = ("X-Amz-Target", "CodeBuild_20161006.StartBuild");
const JSON: (&str, &str) = ("Content-Type", "application/x-amz-json-1.1");

#[test]
fn the_emulator_starts_builds_for_its_owner_alone() {
    let world = World::new();
    let build = |key: &str| {
        ask(
            &world,
            "/",
            &[
                ("Authorization", signature(key).as_str()),
                START_BUILD,
                JSON,
            ],
        )
    };
    for key in [
        "test",
        "emulator",
        "AKIAIOSFODNN7EXAMPLE",
        &world.key()[..world.key().len() - 1],
    ] {
        let (status, said) = build(key);
        assert_eq!(status, StatusCode::FORBIDDEN, "{said}");
        assert!(said.contains("UnrecognizedClientException"), "{said}");
    }
    assert_eq!(world.mutations(), 0);
    // There is no such project, which is told to the owner.
    let (_, said) = build(world.key());
    assert!(said.contains("ResourceNotFoundException"), "{said}");
}

#[test]
fn the_emulator_is_controlled_by_its_owner_alone() {
    let world = World::new();
    world.network(&[]);
    world.platctl("apply network.yaml --yes").expect(0);
    for headers in [
        &[][..],
        &[(KEY_HEADER, "test")],
        &[("Authorization", signature(world.key()).as_str())],
    ] {
        for path in ["reset", "stop", "fork", "profile"] {
            assert_eq!(
                ask(&world, &format!("/_platctl/{path}"), headers).0,
                StatusCode::FORBIDDEN,
                "{path}"
            );
        }
    }
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
}

/// A page knows no secret; with one, it would still be told apart by what its browser sends along.
#[test]
fn a_page_in_a_browser_does_not_reach_the_emulator() {
    let world = World::new();
    let signed = signature(world.key());
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Host", "evil.example"),
        ("Host", "evil.example:80"),
    ] {
        let aws = ask(
            &world,
            "/",
            &[
                ("Authorization", signed.as_str()),
                START_BUILD,
                JSON,
                (name, value),
            ],
        );
        let control = ask(
            &world,
            "/_platctl/reset",
            &[(KEY_HEADER, world.key()), (name, value)],
        );
        for (status, said) in [aws, control] {
            assert_eq!(status, StatusCode::FORBIDDEN, "{name}: {value}: {said}");
            assert!(said.contains("the emulator does not answer"), "{said}");
        }
    }
    assert_eq!(world.mutations(), 0);
}

#[test]
fn another_user_does_not_read_the_secret() {
    // Only root can become somebody else.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let world = World::new();
    let file = world.path().join("emulator/instance.json");
    let output = Command::new("cat")
        .arg(&file)
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    assert!(fs::read_to_string(&file).unwrap().contains(world.key()));
}

#[test]
fn the_emulator_takes_over_neither_credentials_nor_code_from_where_it_is_started() {
    let world = World::new();
    let folder = world.path().join("other");
    // Python would take it for its own where it looks into the current folder.
    for name in ["json.py", "venv.py", "cheroot.py"] {
        world.file(name, "open('taken', 'w').write('over')\n");
    }
    let emulator = |line: &str| {
        let mut command = world.command(line);
        command
            .env("PLATCTL_EMULATOR_HOME", &folder)
            .env("AWS_ACCESS_KEY_ID", "canary-id")
            .env("AWS_SECRET_ACCESS_KEY", "canary-key")
            .env("GITHUB_TOKEN", "canary-token");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    emulator("emulator start");
    let running = status(&Home::default_for_user().unwrap().with_instance(&folder))
        .unwrap()
        .unwrap();
    let environment = format!("/proc/{}/environ", running.pid);
    let inherited = fs::read(environment).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let said = emulator("emulator status --env --region us-east-2");
    emulator("emulator stop");
    assert!(!inherited.unwrap_or_default().contains("canary"));
    assert!(!world.path().join("taken").exists());
    let expected = format!(
        "export AWS_ENDPOINT_URL='{}'\nexport AWS_ACCESS_KEY_ID='{}'\nexport AWS_SECRET_ACCESS_KEY='emulator'\n\
         export AWS_REGION='us-east-2'\nexport AWS_DEFAULT_REGION='us-east-2'\nunset AWS_SESSION_TOKEN\n",
        running.endpoint, running.key
    );
    assert_eq!(said, expected);
}

#[test]
fn an_instance_file_that_others_can_write_is_not_believed() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let file = world.path().join("emulator/instance.json");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let ended = world.run("emulator status").expect(1);
    assert!(
        ended.stderr.contains("instance.json") && ended.stderr.contains("PLATCTL_EMULATOR_HOME"),
        "{}",
        ended.stderr
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

const RUNNERS_BUCKET: &str = "prod-cluster-runner-123456789012-eu-west-1";

/// The keys of the runner's bucket that begin so.
#[tokio::main(flavor = "current_thread")]
async fn keys(world: &World, prefix: &str) -> Vec<String> {
    let found = world
        .s3()
        .list_objects_v2()
        .bucket(RUNNERS_BUCKET)
        .prefix(prefix)
        .send()
        .await
        .unwrap();
    found
        .contents()
        .iter()
        .filter_map(|one| one.key().map(ToOwned::to_owned))
        .collect()
}

#[tokio::main(flavor = "current_thread")]
async fn put(world: &World, key: &str, text: &str) {
    let body = ByteStream::from(text.as_bytes().to_vec());
    world
        .s3()
        .put_object()
        .bucket(RUNNERS_BUCKET)
        .key(key)
        .body(body)
        .send()
        .await
        .unwrap();
}

/// Somebody who can write objects, and nothing more, does so right before a build is started; answers what became of
/// the run.
fn overwritten(world: &World, prefix: &str, text: &str) -> String {
    world
        .control()
        .hold_first("codebuild:StartBuild", Moment::Before)
        .unwrap();
    let child = world.spawn("drift prod");
    assert!(
        world
            .control()
            .held(std::time::Duration::from_secs(20))
            .unwrap()
            .is_some()
    );
    let keys = keys(world, prefix);
    assert!(!keys.is_empty(), "nothing is below {prefix}");
    for key in keys {
        put(world, &key, text);
    }
    world.control().release(false).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn the_runner_runs_no_program_and_carries_out_no_task_that_lies_in_its_bucket() {
    let world = World::new();
    world.file("prod.yaml", STACK);
    world.platctl("apply prod.yaml --yes").expect(0);

    let taken = world.path().join("taken");
    let evil = format!("#!/bin/sh\ntouch '{}'\n", taken.display());
    let said = overwritten(&world, "platctl/", &evil);
    assert!(!taken.exists(), "somebody else's program was run:\n{said}");
    assert!(said.contains("FAILED"), "{said}");
    // What lies there is not what it is called by, and is written anew.
    world.platctl("drift prod --detailed-exitcode").expect(0);
    assert!(!taken.exists());

    let task = r#"["prod-cluster",{"Delete":{"set":"gitops.argo_cd"}}]"#;
    let said = overwritten(&world, "tasks/", task);
    assert!(
        said.contains("is not the task that this build was started for"),
        "{said}"
    );
    world.platctl("drift prod --detailed-exitcode").expect(0);
    a_plan_believes_what_the_last_run_left_and_nothing_else(&world);
}

#[tokio::main(flavor = "current_thread")]
async fn text_of(world: &World, key: &str) -> String {
    let call = world.s3().get_object().bucket(RUNNERS_BUCKET).key(key);
    let bytes = call.send().await.unwrap().body.collect().await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What the last build left is in the bucket, too. Somebody pretends that a change has been applied.
fn a_plan_believes_what_the_last_run_left_and_nothing_else(world: &World) {
    let (key, branch) = ("sets/root.json", "\"targetRevision\":\"main\"");
    let own = text_of(world, key);
    assert!(own.contains(branch), "{own}");
    put(
        world,
        key,
        &own.replace(branch, "\"targetRevision\":\"new\""),
    );
    let said = "is not the one that the last run of platctl wrote";
    let distrusts = |line: &str| {
        let plan = world.platctl(line).expect(0);
        assert!(plan.stdout.contains(said), "{}", plan.stdout);
    };
    distrusts("plan prod.yaml --set gitops.branch=new");
    // What is no record at all stops nobody.
    put(world, key, "{");
    distrusts("plan prod.yaml");
    put(world, key, &own);
    world
        .platctl("plan prod.yaml --detailed-exitcode")
        .expect(0);
}

#[test]
fn a_plan_that_somebody_edited_is_not_applied() {
    let world = World::new();
    world.network(&[]);
    let printed = world
        .platctl("plan network.yaml --out network.plan")
        .expect(0)
        .stdout;
    let sha256 = printed
        .lines()
        .find_map(|line| line.strip_prefix("SHA-256: "))
        .unwrap()
        .to_owned();
    let path = world.path().join("network.plan");
    let whole = fs::read_to_string(&path).unwrap();
    world.control().clear_calls().unwrap();

    let refused = |plan: &str, more: &str, said: &str| {
        world.file("network.plan", plan);
        let ended = world
            .platctl(&format!("apply network.plan --yes {more}"))
            .expect(1);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert_eq!(world.mutations(), 0);
        assert!(!world.path().join("escaped.json").exists());
    };
    for (old, new) in [
        ("10.10.0.0/16", "10.99.0.0/16"),
        ("\"stack\": \"network\"", "\"stack\": \"../../escaped\""),
        ("\"destroy\": false", "\"destroy\": true"),
    ] {
        assert!(whole.contains(old), "{old}");
        let edited = whole.replace(old, new);
        refused(&edited, "", "its digest does not match");
        // Whoever edits it may as well put its digest right: that it is another plan is still told.
        refused(
            &sealed(&edited),
            &format!("--plan-sha256 {sha256}"),
            "is not the plan that was approved",
        );
    }
    let escaped = whole.replace("\"stack\": \"network\"", "\"stack\": \"../../escaped\"");
    refused(&sealed(&escaped), "", "stack name");

    // Derived from the stack file, the plan does what that says, or nothing.
    let edited = sealed(&whole.replace("10.10.0.0/16", "10.99.0.0/16"));
    refused(&edited, "--stack network.yaml", "stale");
    world.network(&[("availability_zones: 3", "availability_zones: 2")]);
    refused(
        &whole,
        "--stack network.yaml",
        "was not created from network.yaml",
    );
    world.network(&[]);
    world.file("network.plan", &whole);
    world
        .platctl(&format!(
            "apply network.plan --yes --stack network.yaml --plan-sha256 {sha256}"
        ))
        .expect(0);
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
    let ended = world
        .platctl("apply network.yaml --yes --plan-sha256 abc")
        .expect(1);
    assert!(
        ended.stderr.contains("require a saved plan"),
        "{}",
        ended.stderr
    );
}

/// The plan with the digest that its text has now.
fn sealed(plan: &str) -> String {
    const MARK: &str = "\"sha256\": \"";
    let start = plan.find(MARK).unwrap() + MARK.len();
    let (before, after) = (&plan[..start], &plan[start + 64..]);
    let digest = Sha256::digest(format!("{before}{after}"));
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{before}{digest}{after}")
}

#[test]
fn a_link_in_the_place_of_a_lock_keeps_what_it_leads_to() {
    let world = World::new();
    world.network(&[]);
    world.file("precious", "years of work");
    let folder = world.path().join("state/emulator");
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(world.path().join("precious"), folder.join("network.lock")).unwrap();
    let ended = world.platctl("apply network.yaml --yes").expect(1);
    assert!(
        ended.stderr.contains("network.lock") && ended.stderr.contains("symbolic link"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        fs::read_to_string(world.path().join("precious")).unwrap(),
        "years of work"
    );
    assert_eq!(world.mutations(), 0);
}
