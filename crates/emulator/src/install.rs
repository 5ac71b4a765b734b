//! The virtual environment with moto in it.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::files::{PACKAGES, digest, put_in_place};
use crate::{EmulatorError, Home};

/// The oldest Python that the pinned packages run on.
const OLDEST: (u32, u32) = (3, 10);

/// The Python of the virtual environment, which is made when it is not there.
pub(crate) fn python(home: &Home, say: &mut dyn FnMut(&str)) -> Result<PathBuf, EmulatorError> {
    let version = version(home)?;
    let name = format!("python{}.{}-{}", version.0, version.1, digest([PACKAGES]));
    let folder = home.cache.join("venvs").join(name);
    let python = folder.join("bin/python");
    if python.exists() {
        return Ok(python);
    }
    let _lock = lock(&home.cache.join("install.lock"))?;
    if !python.exists() {
        say("Installing the emulator (moto) in the cache folder; this happens only once …");
        make(home, &folder)?;
    }
    Ok(python)
}

/// Waits for other processes that do the same.
pub(crate) fn lock(path: &Path) -> Result<File, EmulatorError> {
    let failed = |error| EmulatorError::file("lock", path, error);
    if let Some(folder) = path.parent() {
        // What is in it is its owner's alone.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    // A link at its place is not followed.
    options.custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default());
    let file = options.open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

fn version(home: &Home) -> Result<(u32, u32), EmulatorError> {
    let python = home.python.to_string_lossy().into_owned();
    let script = "import sys; print('%d %d' % sys.version_info[:2])";
    let output = Command::new(&home.python)
        .args(["-c", script])
        .output()
        .map_err(|error| EmulatorError::NoPython {
            python: python.clone(),
            error,
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST => Ok((major, minor)),
        (Some(Ok(major)), Some(Ok(minor))) => Err(EmulatorError::OldPython {
            python,
            version: format!("{major}.{minor}"),
        }),
        _ => {
            let error = std::io::Error::other(format!(
                "it printed {:?}, and {}",
                text.trim(),
                said(&output)
            ));
            Err(EmulatorError::NoPython { python, error })
        }
    }
}

/// Makes it under another name first: what is cut off is never taken for whole.
fn make(home: &Home, folder: &Path) -> Result<(), EmulatorError> {
    let new = folder.with_extension("new");
    let list = folder.with_extension("lock");
    let result = fill(home, &new, &list);
    let _ = fs::remove_file(&list);
    if result.is_err() {
        let _ = fs::remove_dir_all(&new);
    }
    result?;
    put_in_place(&new, folder)
}

fn fill(home: &Home, new: &Path, list: &Path) -> Result<(), EmulatorError> {
    let python = home.python.to_string_lossy().into_owned();
    let output = Command::new(&home.python)
        // Isolated: a file `venv.py` in the current folder is not Python's.
        .args(["-I", "-m", "venv", "--clear"])
        .arg(new)
        .output()
        .map_err(|error| EmulatorError::NoPython {
            python: python.clone(),
            error,
        })?;
    if !output.status.success() {
        return Err(EmulatorError::NoVenv {
            python,
            said: said(&output),
        });
    }
    fs::write(list, PACKAGES).map_err(|error| EmulatorError::file("write", list, error))?;
    let output = Command::new(new.join("bin/python"))
        .args([
            "-I",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ])
        .args(["--require-hashes", "--requirement"])
        .arg(list)
        .output()
        .map_err(|error| EmulatorError::Pip {
            said: error.to_string(),
        })?;
    if output.status.success() {
        Ok(())
    } else {
        Err(EmulatorError::Pip {
            said: said(&output),
        })
    }
}

/// The last lines of what a program printed.
fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    last_lines(&String::from_utf8_lossy(&text), 15)
}

pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::{Mutex, PoisonError};

    fn home(folder: &Path, script: &str) -> Home {
        let python = folder.join("python");
        fs::write(&python, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        let (cache, instance) = (folder.join("cache"), folder.join("instance"));
        Home {
            cache,
            instance,
            python: python.into(),
            owned: false,
        }
    }

    /// A program that was just written cannot be run while another thread begins a process: it has the file open.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn refusal(script: &str) -> String {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path(), script);
        let error = python(&home, &mut |_| ()).unwrap_err().to_string();
        let left = home.cache.join("venvs");
        assert!(
            !left.exists() || fs::read_dir(left).unwrap().next().is_none(),
            "nothing half made is left"
        );
        error
    }

    #[test]
    fn a_missing_python_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path(), "").with_python("/nowhere/python3");
        let error = python(&home, &mut |_| ()).unwrap_err();
        assert!(matches!(error, EmulatorError::NoPython { .. }), "{error}");
        assert!(error.to_string().contains("/nowhere/python3"), "{error}");
        assert!(error.to_string().contains("PLATCTL_PYTHON"), "{error}");
    }

    #[test]
    fn an_old_python_is_refused() {
        assert!(refusal("echo 3 8").contains("has version 3.8"));
    }

    #[test]
    fn what_is_no_python_is_refused() {
        assert!(refusal("echo hello").contains("hello"));
    }

    #[test]
    fn a_python_without_venv_says_what_to_install() {
        let error = refusal(
            "[ $1 = -c ] && echo 3 12 && exit; echo ensurepip is not available >&2; exit 1",
        );
        assert!(
            error.contains("python3-venv") && error.contains("ensurepip is not available"),
            "{error}"
        );
    }

    #[test]
    fn what_pip_said_is_shown() {
        let script = "if [ $1 = -c ]; then echo 3 12; exit; fi\nmkdir -p $5/bin\n\
                      printf '#!/bin/sh\\necho no route to host >&2; exit 1\\n' > $5/bin/python\nchmod +x $5/bin/python";
        let error = refusal(script);
        assert!(error.contains("no route to host"), "{error}");
    }
}
