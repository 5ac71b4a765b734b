//! The process of the local AWS: found, started, ended.

use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::control::Control;
use crate::files::{layer_name, write_layer};
use crate::install::{last_lines, lock, python};
use crate::{EmulatorError, Home};

/// How long it may take to start; the very first time Python compiles everything.
const START: Duration = Duration::from_secs(60);
/// How long it may take to end.
const STOP: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// What the process gets of the environment of the command that starts it: it lives on, and what is in there, such as
/// credentials, is not its business.
const PASSED_ON: [&str; 7] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "TMPDIR",
    "TZ",
];

/// The secret access key of its clients: it does not verify signatures, the access key is what it knows them by.
pub const SECRET_KEY: &str = "emulator";

/// A local AWS that runs.
#[derive(Clone)]
pub struct Running {
    /// Where it answers: a loopback address.
    pub endpoint: String,
    /// The access key that each request must carry: the secret of this one, which its owner alone can read.
    pub key: String,
    /// Its process.
    pub pid: u32,
    /// What it prints.
    pub log: PathBuf,
    /// Whether it was started by another version of platctl.
    pub outdated: bool,
    status: Value,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("endpoint", &self.endpoint)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// How many real seconds a second of AWS takes.
    #[must_use]
    pub fn time_scale(&self) -> f64 {
        self.status
            .pointer("/profile/time_scale")
            .and_then(Value::as_f64)
            .unwrap_or(0.0)
    }

    /// For how long its reads may lag behind its writes: on a hostile day they do.
    #[must_use]
    pub fn lag(&self) -> Duration {
        let lag = self
            .status
            .pointer("/profile/chaos/lag")
            .and_then(Value::as_f64)
            .unwrap_or(0.0);
        Duration::try_from_secs_f64(lag).unwrap_or_default()
    }

    /// Its control interface.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(&self.endpoint, &self.key)
    }
}

/// What the process writes about itself when it listens.
#[derive(Deserialize)]
struct Instance {
    endpoint: String,
    pid: u32,
    layer: String,
    /// An older version has none: it takes any.
    #[serde(default = "any_key")]
    key: String,
}

fn any_key() -> String {
    SECRET_KEY.to_owned()
}

/// The text of the instance file, if there is one. One that others can write would lead to wherever they like.
fn read_instance(path: &Path) -> Result<Option<String>, EmulatorError> {
    let failed = |error| EmulatorError::file("read", path, error);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let about = file.metadata().map_err(failed)?;
    if about.uid() != rustix::process::geteuid().as_raw() || about.mode() & 0o022 != 0 {
        return Err(EmulatorError::Foreign {
            path: path.to_owned(),
        });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

/// The running local AWS, if there is one. Installs and starts nothing.
///
/// # Errors
/// When its files cannot be read.
pub fn status(home: &Home) -> Result<Option<Running>, EmulatorError> {
    let Some(text) = read_instance(&home.instance_file())? else {
        return Ok(None);
    };
    let Ok(Instance {
        endpoint,
        pid,
        layer,
        key,
    }) = serde_json::from_str(&text)
    else {
        return Ok(None);
    };
    // Killed, it leaves its file; its port may be another's by now.
    let Ok(status) = Control::new(&endpoint, &key).status() else {
        return Ok(None);
    };
    if status.get("pid").and_then(Value::as_u64) != Some(u64::from(pid)) {
        return Ok(None);
    }
    Ok(Some(Running {
        endpoint,
        key,
        pid,
        log: home.log(),
        outdated: layer != layer_name(),
        status,
    }))
}

/// The running local AWS, which is installed and started when there is none. `say` hears what takes long.
///
/// # Errors
/// When there is no Python, or it cannot be installed or started.
pub fn ensure(home: &Home, say: &mut dyn FnMut(&str)) -> Result<Running, EmulatorError> {
    if let Some(running) = status(home)? {
        return Ok(running);
    }
    let _lock = lock(&home.instance.join("start.lock"))?;
    if let Some(running) = status(home)? {
        return Ok(running);
    }
    let python = python(home, say)?;
    let layer = write_layer(&home.cache)?;
    let mut child = spawn(home, &python, &layer)?;
    wait(home, &mut child)
}

fn spawn(home: &Home, python: &Path, layer: &Path) -> Result<Child, EmulatorError> {
    let path = home.instance_file();
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(EmulatorError::file("remove", path, error));
        }
        _ => {}
    }
    let log = home.log();
    let file = new_file(&log).map_err(|error| EmulatorError::file("write", &log, error))?;
    let second = file
        .try_clone()
        .map_err(|error| EmulatorError::file("write", &log, error))?;
    Command::new(python)
        .args(["-m", "platctl_emulator"])
        .arg(path)
        .arg(layer_name())
        // Python looks for modules where it is started first: not in the folder that the user happens to be in.
        .current_dir(layer)
        .env_clear()
        .envs(
            PASSED_ON
                .iter()
                .filter_map(|name| Some((name, env::var_os(name)?))),
        )
        .env("PYTHONPATH", layer)
        // The SDK below moto would look for credentials in these.
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(home.owned.then_some(("PLATCTL_EMULATOR_OWNED", "1")))
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(second)
        .spawn()
        .map_err(|error| EmulatorError::NoPython {
            python: python.display().to_string(),
            error,
        })
}

/// A new file in the place of an old one, or of a link that leads elsewhere.
fn new_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn wait(home: &Home, child: &mut Child) -> Result<Running, EmulatorError> {
    let begun = Instant::now();
    loop {
        if let Some(running) = status(home)? {
            tracing::debug!(endpoint = running.endpoint, "the emulator answers");
            return Ok(running);
        }
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            let said = fs::read(home.log()).unwrap_or_default();
            let said = last_lines(&String::from_utf8_lossy(&said), 15);
            return Err(EmulatorError::Ended {
                log: home.log(),
                said,
            });
        }
        if begun.elapsed() > START {
            let _ = child.kill();
            return Err(EmulatorError::Silent {
                seconds: START.as_secs(),
                log: home.log(),
            });
        }
        sleep(PAUSE);
    }
}

/// A copy of a running local AWS with all that is in it, at an address of its own. It ends when the first one does.
///
/// # Errors
/// When it cannot be made.
pub fn fork(running: &Running, home: &Home) -> Result<Running, EmulatorError> {
    let _lock = lock(&home.instance.join("start.lock"))?;
    running.control().fork(&home.instance_file())?;
    status(home)?.ok_or_else(|| EmulatorError::Silent {
        seconds: 0,
        log: running.log.clone(),
    })
}

/// Ends the local AWS, and all that is in it. Answers whether there was one.
///
/// # Errors
/// When it does not end.
pub fn stop(home: &Home) -> Result<bool, EmulatorError> {
    let Some(running) = status(home)? else {
        return Ok(false);
    };
    running.control().stop()?;
    let begun = Instant::now();
    while home.instance_file().exists() && status(home)?.is_some() {
        if begun.elapsed() > STOP {
            return Err(EmulatorError::Silent {
                seconds: STOP.as_secs(),
                log: home.log(),
            });
        }
        sleep(PAUSE);
    }
    Ok(true)
}
