//! What can be wrong with state, and what to do next.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lock::Holder;
use crate::Address;

/// What can be wrong with state. Nothing was changed unless the message says so.
#[derive(Clone, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum StateError {
    #[error("cannot {what} {}: {source}{}", path.display(), remedy(source.kind()))]
    Io { what: &'static str, path: PathBuf, source: Arc<io::Error> },
    #[error(
        "{path} is no state file: {why}. The last good copy is {path}.backup: put it in its place and move \
         {journal} away; what was made since then is found again by its tags",
        path = path.display(), journal = path.with_extension("journal").display()
    )]
    Corrupt { path: PathBuf, why: String },
    #[error(
        "{} is damaged at line {line}: {why}. The lines before it are sound: keep a copy of the file, cut it off \
         there and run again; what was made since then is found by its tags",
        path.display()
    )]
    Journal { path: PathBuf, line: usize, why: String },
    #[error(
        "{} was written by a newer platctl (format {found}, this one reads {known}); use that one",
        path.display()
    )]
    Newer { path: PathBuf, found: u64, known: u32 },
    #[error(
        "{} is larger than {} MiB, which no state should be; see what is in it",
        path.display(), limit >> 20
    )]
    TooLarge { path: PathBuf, limit: u64 },
    #[error(
        "{} belongs to stack `{found}`, not to `{wanted}`; name the right state file with --state, or move this \
         one away",
        path.display()
    )]
    OtherStack { path: PathBuf, found: String, wanted: String },
    #[error(
        "{} belongs to another state: it continues serial {found} of lineage {lineage}, the state file is at serial \
         {serial}. Put the state file back that it belongs to; if an older one was restored on purpose, move the \
         journal away",
        path.display()
    )]
    Stray { path: PathBuf, lineage: String, found: u64, serial: u64 },
    #[error(
        "{} is there, but the state file that it continues is not. Put {} back, or its {}.backup; if the \
         stack is to begin anew, move the journal away",
        path.display(), state.display(), state.display()
    )]
    Orphan { path: PathBuf, state: PathBuf },
    #[error("`{from}` cannot become `{to}`: state has a `{to}` already")]
    Taken { from: Address, to: Address },
    #[error(
        "the state is locked: {holder}. Wait for it to end, or use --lock-timeout to wait here; a lock ends with its \
         process, so there is nothing to break ({})",
        path.display()
    )]
    Locked { path: PathBuf, holder: Holder },
}

impl StateError {
    pub(super) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { what, path: path.to_owned(), source: Arc::new(source) }
    }
}

const fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room on that disk and run again",
        io::ErrorKind::PermissionDenied => "; give yourself the right to read and write it and its folder",
        io::ErrorKind::ReadOnlyFilesystem => "; choose a folder that can be written with --state",
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => "; move away what stands in its place",
        _ => "",
    }
}
