//! Our layer, which the binary carries within itself.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::EmulatorError;
use crate::install::lock;

/// Names and texts of all files in `python/platctl_emulator`, which the build script finds there.
const LAYER: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/layer.rs"));

/// The packages, with their hashes.
pub(crate) const PACKAGES: &str = include_str!("../python/requirements.lock");

/// A short name of some content.
pub(crate) fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The name of this binary's layer, with its packages.
pub(crate) fn layer_name() -> String {
    let texts = LAYER.iter().flat_map(|(name, text)| [*name, *text]);
    digest(texts.chain([PACKAGES]))
}

/// Writes the layer into the cache, unless it is there; answers its folder.
pub(crate) fn write_layer(cache: &Path) -> Result<PathBuf, EmulatorError> {
    let folder = cache.join("layers").join(layer_name());
    if folder.is_dir() {
        return Ok(folder);
    }
    let _lock = lock(&cache.join("install.lock"))?;
    if folder.is_dir() {
        return Ok(folder);
    }
    let new = folder.with_extension("new");
    for (name, text) in LAYER {
        let path = new.join("platctl_emulator").join(name);
        let parent = path.parent().unwrap_or(&new);
        fs::create_dir_all(parent).map_err(|error| EmulatorError::file("create", parent, error))?;
        fs::write(&path, text).map_err(|error| EmulatorError::file("write", &path, error))?;
    }
    put_in_place(&new, &folder)?;
    Ok(folder)
}

/// Gives a folder its final name, so that it is never seen half made. Only under the installation's lock.
pub(crate) fn put_in_place(new: &Path, folder: &Path) -> Result<(), EmulatorError> {
    fs::rename(new, folder).map_err(|error| EmulatorError::file("create", folder, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_is_what_is_in_its_folder() {
        let root = Path::new("python/platctl_emulator");
        let names: Vec<_> = LAYER.iter().map(|(name, _)| *name).collect();
        assert!(names.is_sorted());
        for name in [
            "__main__.py",
            "patches/ec2.py",
            "rules/__init__.py",
            "rules/network.py",
            "stand_in.yaml",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        for (name, text) in LAYER {
            assert_eq!(&fs::read_to_string(root.join(name)).unwrap(), text);
            assert!(!name.contains("__pycache__"));
        }
    }

    #[test]
    fn the_layer_is_written_once_and_whole() {
        let cache = tempfile::tempdir().unwrap();
        let folder = write_layer(cache.path()).unwrap();
        for (name, text) in LAYER {
            assert_eq!(
                &fs::read_to_string(folder.join("platctl_emulator").join(name)).unwrap(),
                text
            );
        }
        assert_eq!(write_layer(cache.path()).unwrap(), folder);
        assert_eq!(
            fs::read_dir(cache.path().join("layers")).unwrap().count(),
            1
        );
    }

    #[test]
    fn many_at_once_write_it_once() {
        let cache = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| write_layer(cache.path()).unwrap()))
                .collect();
            let folders: Vec<_> = writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .collect();
            assert!(
                folders
                    .iter()
                    .all(|folder| folder.join("platctl_emulator/app.py").is_file())
            );
        });
        assert_eq!(
            fs::read_dir(cache.path().join("layers")).unwrap().count(),
            1
        );
    }

    #[test]
    fn every_package_is_pinned_by_hash() {
        let pinned = PACKAGES.lines().filter(|line| line.contains("==")).count();
        let starts = PACKAGES
            .lines()
            .filter(|line| line.starts_with(char::is_alphanumeric))
            .count();
        assert_eq!(pinned, starts);
        assert!(pinned > 10 && PACKAGES.matches("--hash=sha256:").count() >= pinned);
        assert!(!PACKAGES.contains("://"), "no index is named");
    }
}
