//! What can be wrong with state, and what to do next.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::lock::Holder;

/// What can be wrong with state. Nothing was changed unless the message says so.
#[derive(Clone, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum StateError {
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: Arc<io::Error> },
    #[error(
        "{} is no state file: {why}. The last good copy is {}.backup; look at both, and put that one in its place",
        path.display(), path.display()
    )]
    Corrupt { path: PathBuf, why: String },
    #[error(
        "{} is damaged at line {line}: {why}. What comes before it is sound; move the file away and run again, \
         objects that were being created are then found by their tags",
        path.display()
    )]
    Journal { path: PathBuf, line: usize, why: String },
    #[error(
        "{} was written by a newer platctl (format {found}, this one reads {known}); use that one",
        path.display()
    )]
    Newer { path: PathBuf, found: u64, known: u32 },
    #[error("{} is the state of stack `{found}`, not of `{wanted}`", path.display())]
    OtherStack { path: PathBuf, found: String, wanted: String },
    #[error(
        "{} belongs to another state: it continues serial {found} of lineage {lineage}, the state file is at serial \
         {serial}. If the state file was restored from an older copy, put the newer one back",
        path.display()
    )]
    Stray { path: PathBuf, lineage: String, found: u64, serial: u64 },
    #[error(
        "the state is locked: {holder}. Wait for it to end, or use --lock-timeout to wait here; a lock ends with its \
         process, so there is nothing to break ({})",
        path.display()
    )]
    Locked { path: PathBuf, holder: Holder },
}

impl StateError {
    pub(super) fn io(what: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        Self::Io { what, path: path.to_owned(), source: Arc::new(source) }
    }
}
