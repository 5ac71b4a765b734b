//! The few file operations that state is made of, each of them durable when it returns.
//!
//! What is guaranteed, on a local file system that honours `fsync`: a replaced file is the old or the new
//! one, in full, at every instant, and the new one after a power failure. What is not: advisory locks and
//! renames of some network file systems; keep state on a local disk, or in S3.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::StateError;

/// The path with something added to its name.
pub(super) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// Reads a file of at most `limit` bytes; none when there is no such file.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, StateError> {
    let failed = |error| StateError::io("read", path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    let length = file
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if length as u64 > limit {
        return Err(StateError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(Some(bytes))
}

/// Replaces a file by rename; the new one is private to its owner.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create_folder(folder(path))?;
    let new = sibling(path, ".new");
    write_new(&new, bytes)?;
    rename(&new, path)?;
    sync_folder(folder(path))
}

/// A second name for the present file, under which it survives its replacement.
pub(super) fn keep(path: &Path, second: &Path) -> io::Result<()> {
    if !path.try_exists()? {
        return Ok(());
    }
    let new = sibling(second, ".new");
    remove(&new)?;
    step()?;
    if fs::hard_link(path, &new).is_err() {
        // Not every file system has hard links.
        write_new(&new, &fs::read(path)?)?;
    }
    rename(&new, second)?;
    sync_folder(folder(second))
}

/// Gives a file another name, under which nothing reads it; answers that, or none when there is no such file.
pub(super) fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    if !path.try_exists()? {
        return Ok(None);
    }
    for number in 1_u32.. {
        let new = sibling(path, &format!(".damaged-{number}"));
        if !new.try_exists()? {
            rename(path, &new)?;
            sync_folder(folder(&new))?;
            return Ok(Some(new));
        }
    }
    Ok(None)
}

/// Makes the folder of a file, private to its owner, with all that are missing above it.
pub(super) fn create_folder_of(path: &Path) -> io::Result<()> {
    create_folder(folder(path))
}

/// Appends durably.
pub(super) fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    step()?;
    file.write_all(bytes)?;
    step()?;
    file.sync_data()
}

/// Cuts a file off behind `length` bytes, durably.
pub(super) fn cut(file: &File, length: u64) -> io::Result<()> {
    step()?;
    file.set_len(length)?;
    step()?;
    file.sync_all()
}

fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = self::folder(folder);
    create_folder(parent)?;
    step()?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(parent),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    remove(path)?;
    step()?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    step()?;
    file.write_all(bytes)?;
    step()?;
    file.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    step()?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    step()?;
    fs::rename(from, to)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    step()?;
    File::open(folder)?.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."))
}

/// Stands before every operation that changes the disk: where tests end the process.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails")]
const fn step() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use power::step;

/// The end of a process, between any two operations that its thread makes on the disk.
#[cfg(test)]
pub(super) mod power {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// Runs something of which only the first `steps` operations happen; answers whether all did.
    pub(in super::super) fn fails_after<T>(steps: usize, work: impl FnOnce() -> T) -> (T, bool) {
        LEFT.set(Some(steps));
        let result = work();
        let whole = LEFT.replace(None) != Some(0);
        (result, whole)
    }

    /// Counts down; at zero it stays there, and nothing happens any more.
    pub(super) fn step() -> io::Result<()> {
        match LEFT.get() {
            Some(0) => Err(io::ErrorKind::StorageFull.into()),
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_replaced_file_and_its_new_folders_are_private() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/s.json");
        replace(&path, b"x").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(
            (mode(&home.path().join("a")), mode(&home.path().join("a/b"))),
            (0o700, 0o700)
        );
        // A file that was made readable to others does not stay so.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        replace(&path, b"y").unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_replaced_file_is_the_old_or_the_new_one_wherever_the_process_ends() {
        for steps in 0.. {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("s.json");
            fs::write(&path, "old").unwrap();
            let (result, whole) = power::fails_after(steps, || {
                keep(&path, &sibling(&path, ".backup"))?;
                replace(&path, b"new")
            });
            let text = fs::read_to_string(&path).unwrap();
            assert!(text == "old" || text == "new", "{steps}: {text:?}");
            if result.is_ok() {
                assert_eq!(text, "new");
                assert_eq!(
                    fs::read_to_string(sibling(&path, ".backup")).unwrap(),
                    "old"
                );
            }
            if whole {
                return;
            }
        }
    }

    #[test]
    fn too_much_is_refused_and_nothing_is_none() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("s.json");
        assert_eq!(read(&path, 3).unwrap(), None);
        fs::write(&path, "abc").unwrap();
        assert_eq!(read(&path, 3).unwrap().unwrap(), b"abc");
        assert!(matches!(
            read(&path, 2),
            Err(StateError::TooLarge { limit: 2, .. })
        ));
    }
}
