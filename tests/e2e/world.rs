//! A folder, a local AWS of its own, and the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_ec2::config::{BehaviorVersion, Region};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platctl_emulator::{Control, Held, HoldAt, Home, Running, SECRET_KEY, ensure, fork, stop};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

/// No command of the tests takes that long: whatever does is hung, and is killed, so that its test fails.
pub(crate) const ENDLESS: Duration = Duration::from_secs(180);

pub(crate) const REGION: &str = "eu-west-1";

/// A client of the local AWS; every SDK crate has a configuration type of its own.
macro_rules! client {
    ($world:expr, $sdk:ident) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(REGION))
                .endpoint_url(&$world.running.endpoint)
                .credentials_provider($world.credentials())
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .build(),
        )
    };
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

/// A run that is held at some of its calls.
pub(crate) struct HeldRun<'a> {
    world: &'a World,
    child: Child,
}

impl HeldRun<'_> {
    /// The next call that is held, with the run stopped; nothing when the run has ended without another one.
    pub(crate) fn next(&mut self) -> Option<Held> {
        let begun = Instant::now();
        while begun.elapsed() < ENDLESS {
            if let Some(held) = self
                .world
                .control()
                .held(Duration::from_millis(200))
                .unwrap()
            {
                stop_process(&self.child);
                return Some(held);
            }
            if let Some(ended) = self.child.try_wait().unwrap() {
                assert!(ended.success(), "undisturbed, it ended with {ended}");
                return None;
            }
        }
        panic!("it neither ends nor makes a call that is to be held");
    }

    /// Goes on with the call that is held.
    pub(crate) fn go_on(&self) {
        signal(&self.child, Signal::CONT);
        self.world.control().release_one(false).unwrap();
    }
}

impl Drop for HeldRun<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Stops a process where it is: what is there then is what is there when it is killed.
pub(crate) fn stop_process(child: &Child) {
    signal(child, Signal::STOP);
    waitpid(Some(Pid::from_child(child)), WaitOptions::UNTRACED).unwrap();
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Where a test lives. Nothing of it is left when it ends.
pub(crate) struct World {
    folder: TempDir,
    home: Home,
    running: Running,
}

/// A local AWS with nothing in it that every test's own is a copy of: what takes long, loading the services, is done
/// once. It ends with the tests.
fn empty() -> &'static Running {
    static EMPTY: OnceLock<Running> = OnceLock::new();
    EMPTY.get_or_init(|| {
        // Nobody looks for it: it is spoken to by those that know it.
        let folder = tempfile::tempdir().unwrap();
        let home = Home::default_for_user()
            .unwrap()
            .with_instance(&folder.path().join("emulator"))
            .owned();
        ensure(&home, &mut |_| ()).unwrap()
    })
}

/// While it lives, its world is a copy: what is done has never happened once it is dropped, in AWS as in state.
pub(crate) struct Branch<'a> {
    world: &'a World,
    /// Where the state is meanwhile.
    aside: PathBuf,
}

impl Drop for Branch<'_> {
    fn drop(&mut self) {
        let violations = if thread::panicking() {
            Vec::new()
        } else {
            self.world.violations()
        };
        self.world.control().back().unwrap();
        let state = self.world.state();
        if state.exists() {
            fs::remove_dir_all(&state).unwrap();
        }
        if self.aside.exists() {
            fs::rename(&self.aside, state).unwrap();
        }
        assert_eq!(violations, Vec::<String>::new());
    }
}

/// A folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, new) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &new)
        } else {
            fs::copy(path, new).map(drop).unwrap()
        }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::default_for_user()
            .unwrap()
            .with_instance(&folder.path().join("emulator"));
        let running = fork(empty(), &home).unwrap();
        Self {
            folder,
            home,
            running,
        }
    }

    /// A copy of this world in its place, for as long as the branch lives. Nothing may be running, or be stopped.
    pub(crate) fn branch(&self) -> Branch<'_> {
        let state = self.state();
        let aside = (0..)
            .map(|depth| self.path().join(format!("state.{depth}")))
            .find(|path| !path.exists());
        let aside = aside.unwrap();
        if state.exists() {
            // Whoever is stopped in the middle keeps the files that it has opened.
            fs::rename(&state, &aside).unwrap();
            copy(&aside, &state);
        }
        self.control().branch().unwrap();
        Branch { world: self, aside }
    }

    fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// A run that can be stopped at a call that is held, as if it were killed there. Nobody reads what it says.
    pub(crate) fn run_held(&self, line: &str, at: &[HoldAt]) -> HeldRun<'_> {
        self.control().hold_all(at).unwrap();
        HeldRun {
            world: self,
            child: self.silent(line),
        }
    }

    /// A run of which nobody reads what it says: a pipe would fill up.
    pub(crate) fn silent(&self, line: &str) -> Child {
        let mut command = self.command(&format!("{line} --emulator"));
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn control(&self) -> Control {
        self.running.control()
    }

    /// Where the local AWS listens.
    pub(crate) fn endpoint(&self) -> &str {
        &self.running.endpoint
    }

    /// Writes a file into the folder.
    pub(crate) fn file(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// The repository's ten-line stack, as `network.yaml`, with some of its text replaced.
    pub(crate) fn network(&self, edits: &[(&str, &str)]) {
        let path = Path::new("../../stacks/network.yaml");
        let mut text = fs::read_to_string(path).unwrap();
        for (old, new) in edits {
            assert!(text.contains(old), "{old:?} is not in the file");
            text = text.replace(old, new);
        }
        self.file("network.yaml", &text);
    }

    /// Requests that do not keep to AWS's own models, each once.
    fn violations(&self) -> Vec<String> {
        let calls = self.control().calls().unwrap_or_default();
        let said = |call: &platctl_emulator::Call| {
            let name = format!("{}:{}", call.service, call.operation);
            call.violations
                .iter()
                .map(move |what| format!("{name} {what}"))
                .collect::<Vec<_>>()
        };
        let mut all: Vec<String> = calls.iter().flat_map(said).collect();
        all.sort();
        all.dedup();
        all
    }

    /// A new AWS and no state: another test in the same world.
    pub(crate) fn reset(&self) {
        assert_eq!(self.violations(), Vec::<String>::new());
        self.control().reset().unwrap();
        let state = self.state();
        if state.exists() {
            fs::remove_dir_all(state).unwrap();
        }
    }

    /// The binary as a user of this folder runs it, without what the environment of the test says. `~` within a word is
    /// a blank.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platctl"));
        for (name, _) in std::env::vars() {
            if name.starts_with("AWS_")
                || name.starts_with("PLATCTL_") && name != "PLATCTL_CACHE_DIR"
            {
                command.env_remove(name);
            }
        }
        command
            .args(line.split_whitespace().map(|word| word.replace('~', " ")))
            .current_dir(self.path())
            .env("PLATCTL_EMULATOR_HOME", self.path().join("emulator"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// A run whose words are written to a file.
    pub(crate) fn logged(&self, line: &str) -> Child {
        let file = fs::File::create(self.path().join("said")).unwrap();
        let mut command = self.command(&format!("{line} --emulator"));
        command
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap()
    }

    /// What the last of those runs said.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.path().join("said")).unwrap()
    }

    pub(crate) fn run(&self, line: &str) -> Ended {
        let child = self
            .command(line)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let (ended, waits) = mpsc::channel::<()>();
        let watchdog = thread::spawn(move || {
            if waits.recv_timeout(ENDLESS) == Err(RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        let output = child.wait_with_output().unwrap();
        drop(ended);
        watchdog.join().unwrap();
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The same against the emulator.
    pub(crate) fn platctl(&self, line: &str) -> Ended {
        self.run(&format!("{line} --emulator"))
    }

    pub(crate) fn spawn(&self, line: &str) -> Child {
        let mut command = self.command(&format!("{line} --emulator"));
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// How many calls of a command change something.
    pub(crate) fn mutations(&self) -> usize {
        let calls = self.control().calls().unwrap();
        calls.iter().filter(|call| call.mutation.is_some()).count()
    }

    /// The access key, which the emulator knows its owner by.
    pub(crate) fn key(&self) -> &str {
        &self.running.key
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(self.key(), SECRET_KEY, None, None, "test")
    }

    /// A token for the API servers of this world, as `aws eks get-token` makes one.
    pub(crate) fn token(&self) -> String {
        let url = format!(
            "https://sts.{REGION}.amazonaws.com/?Action=GetCallerIdentity&X-Amz-Credential={}%2F20260101",
            self.key()
        );
        format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url))
    }

    pub(crate) fn ec2(&self) -> aws_sdk_ec2::Client {
        client!(self, aws_sdk_ec2)
    }

    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        client!(self, aws_sdk_iam)
    }

    pub(crate) fn rds(&self) -> aws_sdk_rds::Client {
        client!(self, aws_sdk_rds)
    }

    pub(crate) fn kms(&self) -> aws_sdk_kms::Client {
        client!(self, aws_sdk_kms)
    }

    pub(crate) fn eks(&self) -> aws_sdk_eks::Client {
        client!(self, aws_sdk_eks)
    }

    pub(crate) fn elbv2(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        client!(self, aws_sdk_elasticloadbalancingv2)
    }

    pub(crate) fn wafv2(&self) -> aws_sdk_wafv2::Client {
        client!(self, aws_sdk_wafv2)
    }

    pub(crate) fn cloudfront(&self) -> aws_sdk_cloudfront::Client {
        client!(self, aws_sdk_cloudfront)
    }

    pub(crate) fn route53(&self) -> aws_sdk_route53::Client {
        client!(self, aws_sdk_route53)
    }

    pub(crate) fn codecommit(&self) -> aws_sdk_codecommit::Client {
        client!(self, aws_sdk_codecommit)
    }

    pub(crate) fn codepipeline(&self) -> aws_sdk_codepipeline::Client {
        client!(self, aws_sdk_codepipeline)
    }

    pub(crate) fn secretsmanager(&self) -> aws_sdk_secretsmanager::Client {
        client!(self, aws_sdk_secretsmanager)
    }

    /// Without a host for each bucket.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = client!(self, aws_sdk_s3)
            .config()
            .to_builder()
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    pub(crate) fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        client!(self, aws_sdk_cloudwatchlogs)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Whatever a test is about: every request that it made has to be one that AWS would understand.
        let violations = if thread::panicking() {
            Vec::new()
        } else {
            self.violations()
        };
        let _ = self.control().release(false);
        let _ = stop(&self.home);
        assert_eq!(violations, Vec::<String>::new());
    }
}

/// Ids of AWS and durations, which differ from run to run, as placeholders.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    for piece in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
        let (word, rest) = piece.split_at(
            piece
                .trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
                .len(),
        );
        let id = word
            .rsplit_once('-')
            .filter(|(_, tail)| tail.len() >= 17 && tail.bytes().all(|b| b.is_ascii_hexdigit()));
        match id {
            Some((kind, _)) => out.push_str(&format!("{kind}-…")),
            None => out.push_str(word),
        }
        out.push_str(rest);
    }
    out
}
