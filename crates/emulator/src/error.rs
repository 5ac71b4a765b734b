//! Why there is no local AWS.

use std::path::PathBuf;

/// Why the local AWS could not be installed, started or reached. No real AWS is ever called instead.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum EmulatorError {
    #[error("neither PLATCTL_CACHE_DIR, XDG_CACHE_HOME nor HOME is set: there is no place for the emulator")]
    NoHome,
    #[error(
        "the emulator needs Python 3.10 or newer, and `{python}` cannot be run: {error}. Install python3, or \
         name another one in PLATCTL_PYTHON"
    )]
    NoPython { python: String, error: std::io::Error },
    #[error(
        "the emulator needs Python 3.10 or newer, and `{python}` is {version}. Name a newer one in \
         PLATCTL_PYTHON"
    )]
    OldPython { python: String, version: String },
    #[error(
        "`{python}` cannot make a virtual environment. On Debian and Ubuntu, install python3-venv. It said:\n\
         {said}"
    )]
    NoVenv { python: String, said: String },
    #[error(
        "pip could not install the emulator's packages. Is the package index reached from here (PIP_INDEX_URL, \
         proxies)? Run the command again to try again. It said:\n{said}"
    )]
    Pip { said: String },
    #[error("cannot {action} {path}: {error}", path = path.display())]
    File { action: &'static str, path: PathBuf, error: std::io::Error },
    #[error("the emulator ended as soon as it was started; its log, {log}, ends with:\n{said}", log = log.display())]
    Ended { log: PathBuf, said: String },
    #[error("the emulator did not answer within {seconds} s; its log is {log}", log = log.display())]
    Silent { seconds: u64, log: PathBuf },
    #[error("the emulator refused {request}: {reason}")]
    Control { request: String, reason: String },
}

impl EmulatorError {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>, error: std::io::Error) -> Self {
        Self::File { action, path: path.into(), error }
    }
}
