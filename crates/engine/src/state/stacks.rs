//! Which stacks have their state in one place.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Blobs, StateError};

/// The names of the stacks whose state files lie in a folder, in order. None where there is no such folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn in_folder(folder: &Path) -> Result<Vec<String>, StateError> {
    let failed = |source| StateError::Io {
        what: "read",
        path: folder.to_owned(),
        source: Arc::new(source),
    };
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        names.extend(
            name.to_str()
                .and_then(|name| name.strip_suffix(".json"))
                .filter(|name| is_name(name))
                .map(ToOwned::to_owned),
        );
    }
    Ok(names.into_iter().collect())
}

/// The names of the stacks whose state lies in a bucket, in order.
///
/// # Errors
/// When the bucket cannot be read.
pub async fn in_bucket(blobs: &dyn Blobs) -> Result<Vec<String>, StateError> {
    let listed = blobs.list("").await.map_err(|source| StateError::Remote {
        what: "list",
        place: blobs.place(""),
        source: Box::new(source),
    })?;
    let names: BTreeSet<String> = listed
        .iter()
        .filter_map(|object| object.key.split_once('/'))
        .map(|(name, _)| name.to_owned())
        .filter(|name| is_name(name))
        .collect();
    Ok(names.into_iter().collect())
}

/// Other files may lie beside states.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_stack_for_each_state_file() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "b.json",
            "a.json",
            "a.journal",
            "a.lock",
            "a.json.backup",
            "not a name.json",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(in_folder(folder.path()).unwrap(), ["a", "b"]);
        assert!(in_folder(&folder.path().join("none")).unwrap().is_empty());
    }
}
