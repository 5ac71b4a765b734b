//! Why there is no local AWS.

use std::path::PathBuf;

/// Why the local AWS could not be installed, started or reached. No real AWS is ever called instead.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum EmulatorError {
    #[error(
        "cannot determine the cache folder for the emulator: set PLATCTL_CACHE_DIR, XDG_CACHE_HOME or HOME"
    )]
    NoHome,
    #[error(
        "the emulator requires Python 3.10 or newer, but `{python}` cannot be run: {error}. Install python3, \
         or set PLATCTL_PYTHON to another executable"
    )]
    NoPython {
        python: String,
        error: std::io::Error,
    },
    #[error(
        "the emulator requires Python 3.10 or newer, but `{python}` has version {version}. Set \
         PLATCTL_PYTHON to a newer executable"
    )]
    OldPython { python: String, version: String },
    #[error(
        "`{python}` cannot create a virtual environment. On Debian and Ubuntu, install python3-venv. Output:\n\
         {said}"
    )]
    NoVenv { python: String, said: String },
    #[error(
        "pip could not install the emulator's packages. Check the connection to the package index \
         (PIP_INDEX_URL, proxies), then run the command again. Output:\n{said}"
    )]
    Pip { said: String },
    #[error("cannot {action} {path}: {error}", path = path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        error: std::io::Error,
    },
    #[error(
        "{path} belongs to another user, or others can write it, so that it may lead to a program of theirs. Remove \
         it, or set PLATCTL_EMULATOR_HOME to a folder of your own",
        path = path.display()
    )]
    Foreign { path: PathBuf },
    #[error("the emulator exited immediately after it was started; its log, {log}, ends with:\n{said}", log = log.display())]
    Ended { log: PathBuf, said: String },
    #[error("the emulator did not respond within {seconds} s; its log is {log}", log = log.display())]
    Silent { seconds: u64, log: PathBuf },
    #[error("the emulator rejected {request}: {reason}")]
    Control { request: String, reason: String },
}

impl EmulatorError {
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
        error: std::io::Error,
    ) -> Self {
        Self::File {
            action,
            path: path.into(),
            error,
        }
    }
}
