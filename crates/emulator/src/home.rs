//! Where the local AWS lives.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::EmulatorError;

/// The folders of a user's local AWS.
#[derive(Clone, Debug)]
pub struct Home {
    /// What can be made again: the virtual environment and our layer.
    pub(crate) cache: PathBuf,
    /// What belongs to the running one: instance file, log, lock.
    pub(crate) instance: PathBuf,
    /// The Python that the virtual environment is made with.
    pub(crate) python: OsString,
    /// Whether the running one ends with the process that starts it.
    pub(crate) owned: bool,
}

impl Home {
    /// The user's own: in `PLATCTL_CACHE_DIR`, or the cache folder of the platform. `PLATCTL_EMULATOR_HOME`
    /// moves the running one elsewhere, so that several can run side by side.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn default_for_user() -> Result<Self, EmulatorError> {
        let set = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let cache = set("PLATCTL_CACHE_DIR")
            .or_else(|| Some(set("XDG_CACHE_HOME")?.join("platctl")))
            .or_else(|| Some(set("HOME")?.join(".cache/platctl")))
            .ok_or(EmulatorError::NoHome)?;
        // The process is started in a folder of its own.
        let absolute = |path: PathBuf| {
            std::path::absolute(&path).map_err(|error| EmulatorError::file("find", path, error))
        };
        let cache = absolute(cache)?;
        let instance =
            absolute(set("PLATCTL_EMULATOR_HOME").unwrap_or_else(|| cache.join("emulator")))?;
        let python = env::var_os("PLATCTL_PYTHON").unwrap_or_else(|| "python3".into());
        Ok(Self {
            cache,
            instance,
            python,
            owned: false,
        })
    }

    /// The same installation with another running one: each has its own data.
    #[must_use]
    pub fn with_instance(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.instance);
        self
    }

    /// The same, for a running one that ends when the process that starts it does, however that ends.
    #[must_use]
    pub const fn owned(mut self) -> Self {
        self.owned = true;
        self
    }

    /// The same with another Python.
    #[must_use]
    pub fn with_python(mut self, python: impl Into<OsString>) -> Self {
        self.python = python.into();
        self
    }

    /// The same with another place for what is installed.
    #[must_use]
    pub fn with_cache(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.cache);
        self
    }

    pub(crate) fn instance_file(&self) -> PathBuf {
        self.instance.join("instance.json")
    }

    /// What the running one prints.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.instance.join("emulator.log")
    }
}
