//! Who works on a stack. The lock is the operating system's: it dies with its process, so it is never stale.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, sleep};

use super::StateError;
use super::disk::create_folder_of;
use crate::tell::{Teller, Told};

/// As good as no limit to a wait, and still a time that a clock can tell.
pub(super) const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Who holds a lock, since when, from where, to do what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Holder {
    pub command: String,
    pub pid: u32,
    pub host: String,
    pub user: String,
    /// RFC 3339, UTC.
    pub since: String,
    /// Tells this boot of this machine, and this space of process ids, from all others. Empty where nothing does.
    #[serde(default)]
    pub machine: String,
}

impl Holder {
    /// This process, which is about to carry out `command`.
    #[must_use]
    pub fn here(command: &str) -> Self {
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let user = std::env::var("USER")
            .unwrap_or_else(|_| rustix::process::getuid().as_raw().to_string());
        let since = OffsetDateTime::now_utc()
            .format(&Rfc3339)
            .unwrap_or_default();
        Self {
            command: command.to_owned(),
            pid: std::process::id(),
            host,
            user,
            since,
            machine: machine(),
        }
    }

    /// Whether it was a process of this very machine, and is no more. Of other machines nothing is known.
    pub(super) fn is_gone(&self) -> bool {
        if self.machine.is_empty() || self.machine != machine() {
            return false;
        }
        let pid = i32::try_from(self.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(Errno::SRCH))
    }
}

/// Linux says which boot this is, and which processes can see each other.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    if boot.is_empty() {
        String::new()
    } else {
        format!("{} {}", boot.trim(), space.display())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            pid,
            host,
            user,
            since,
            ..
        } = self;
        if command.is_empty() {
            return f.write_str("another platctl process is running");
        }
        // It comes from a file, and goes to a terminal.
        let text = format!(
            "`platctl {command}` by {user} on {host} (pid {pid}) has been running since {since}"
        );
        f.write_str(&text.replace(char::is_control, "\u{fffd}"))
    }
}

/// A held lock. Released when dropped, or when the process ends in whatever way.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock, waiting for up to `timeout` while another process holds it.
    ///
    /// # Errors
    /// When it is held by another for all that time, saying by whom; when the file cannot be opened.
    pub async fn acquire(
        path: &Path,
        holder: &Holder,
        timeout: Duration,
    ) -> Result<Self, StateError> {
        let silent = Teller::default();
        Self::acquire_telling(path, holder, timeout, &silent.about("")).await
    }

    /// The same; `told` hears who holds it.
    pub(super) async fn acquire_telling(
        path: &Path,
        holder: &Holder,
        timeout: Duration,
        told: &Told<'_>,
    ) -> Result<Self, StateError> {
        let failed = |error| StateError::io("lock", path, error);
        create_folder_of(path).map_err(failed)?;
        let mut file = open(path).map_err(failed)?;
        let deadline = Instant::now() + timeout.min(FOR_EVER);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(StateError::Locked {
                        path: path.to_owned(),
                        holder: said(&file),
                    });
                }
                Err(TryLockError::WouldBlock) => {
                    told.for_reason(said(&file).to_string());
                    sleep(Duration::from_millis(200)).await;
                }
            }
        }
        check_ours(&mut file).map_err(failed)?;
        let mut lock = Self {
            file,
            path: path.to_owned(),
        };
        lock.write(&serde_json::to_vec(holder).unwrap_or_default())
            .map_err(failed)?;
        Ok(lock)
    }

    fn write(&mut self, text: &[u8]) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text)
    }

    /// The lock's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // What stays in the file is only ever shown while somebody holds the lock.
        let _ = self.write(b"");
    }
}

/// Opens the file of a lock. A link at its place is not followed: what it leads to is nobody's lock, and would lose what
/// is in it.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    options.custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default());
    options
        .open(path)
        .map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::LOOP) => std::io::Error::other(
                "it is a symbolic link; remove it, then run the command again",
            ),
            _ => error,
        })
}

/// Refuses a file that has something else in it than what a holder wrote: a second name of another file.
fn check_ours(file: &mut File) -> std::io::Result<()> {
    let mut text = Vec::new();
    file.rewind()?;
    (&*file).take(HOLDER.len() as u64).read_to_end(&mut text)?;
    if file.metadata()?.is_file() && (text.is_empty() || text == HOLDER) {
        return Ok(());
    }
    Err(std::io::Error::other(
        "it is not a lock file of platctl; remove it, then run the command again",
    ))
}

/// How a holder's words begin.
const HOLDER: &[u8] = b"{\"command\":";

/// What the holder wrote about itself.
fn said(mut file: &File) -> Holder {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    let unknown = Holder::default();
    read.ok()
        .and_then(|_| serde_json::from_str(&text).ok())
        .unwrap_or(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_lock_says_who_holds_it_and_ends_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.lock");
        let held = Lock::acquire(&path, &Holder::here("apply"), Duration::ZERO)
            .await
            .unwrap();
        let error = Lock::acquire(&path, &Holder::here("destroy"), Duration::ZERO)
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`platctl apply`"), "{text}");
        assert!(text.contains(&std::process::id().to_string()), "{text}");
        drop(held);
        Lock::acquire(&path, &Holder::here("destroy"), Duration::ZERO)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn what_is_no_lock_keeps_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, precious) = (folder.path().join("s.lock"), folder.path().join("precious"));
        std::fs::write(&precious, "years of work").unwrap();
        std::os::unix::fs::symlink(&precious, &path).unwrap();
        let holder = Holder::here("apply");
        let error = Lock::acquire(&path, &holder, Duration::ZERO)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("s.lock") && error.contains("symbolic link"),
            "{error}"
        );
        std::fs::remove_file(&path).unwrap();
        std::fs::hard_link(&precious, &path).unwrap();
        let error = Lock::acquire(&path, &holder, Duration::ZERO)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("not a lock file"), "{error}");
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "years of work");
        // Neither is a link to nothing: it would make a file elsewhere.
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        Lock::acquire(&path, &holder, Duration::ZERO)
            .await
            .unwrap_err();
        assert!(!folder.path().join("elsewhere").exists());
    }

    #[tokio::test]
    async fn the_lock_of_a_killed_process_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.lock");
        std::fs::write(&path, serde_json::to_vec(&Holder::here("apply")).unwrap()).unwrap();
        Lock::acquire(&path, &Holder::here("apply"), Duration::ZERO)
            .await
            .unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_the_holder_to_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.lock");
        let held = Lock::acquire(&path, &Holder::here("apply"), Duration::ZERO)
            .await
            .unwrap();
        let holder = Holder::here("destroy");
        let waiting = Lock::acquire(&path, &holder, Duration::from_secs(60));
        let release = async {
            sleep(Duration::from_secs(5)).await;
            drop(held);
        };
        let (lock, ()) = tokio::join!(waiting, release);
        assert_eq!(lock.unwrap().path(), path);
    }
}
