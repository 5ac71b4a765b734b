//! What can be wrong with state, and what to do next.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lock::Holder;
use crate::CloudError;

/// What can be wrong with state. Nothing was changed unless the message says so.
#[derive(Clone, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum StateError {
    #[error("cannot {what} {}: {source}{}", path.display(), remedy(source.kind()))]
    Io { what: &'static str, path: PathBuf, source: Arc<io::Error> },
    #[error(
        "{path} is no state file: {why}. `platctl state recover` with the stack file sets it aside, goes on from the \
         last good copy ({path}.backup) if there is one, and finds by its tags what was made since",
        path = path.display()
    )]
    Corrupt { path: PathBuf, why: String },
    #[error(
        "{} is damaged at line {line}: {why}. `platctl state recover` with the stack file sets it aside and finds by \
         its tags what it told of",
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
         state is lost, `platctl state recover` with the stack file begins anew from what AWS says",
        path.display(), state.display(), state.display()
    )]
    Orphan { path: PathBuf, state: PathBuf },
    #[error(
        "the state is locked: {holder}. Wait for it to end, or use --lock-timeout to wait here; a lock ends with its \
         process, so there is nothing to break ({})",
        path.display()
    )]
    Locked { path: PathBuf, holder: Holder },
    #[error(
        "the state in {place} is locked: {holder}, last heard of {heard} s ago. Use --lock-timeout to wait for it; \
         not heard of again, it loses its lease in {left} s. `platctl unlock {stack}` ends the lease at once and \
         says what that breaks"
    )]
    Leased { place: String, stack: String, holder: Holder, heard: u64, left: u64 },
    #[error(
        "this run was taken for dead and lost the state in {place} to another one: {holder}. It has stopped; what it \
         had done is in the state or is found again by its tags, by that run or the next one"
    )]
    Lost { place: String, holder: Holder },
    #[error(
        "{place} is not there, though the journal of `{stack}` goes on from it. Bring the object back if the bucket \
         keeps versions, or move the journal away and run `platctl state recover` with the stack file"
    )]
    Missing { place: String, stack: String },
    #[error(
        "{place} is not there, though there are versions of the state of `{stack}`. `platctl state recover` with the \
         stack file goes on from the last of them, and finds by its tags what was made since"
    )]
    NoJournal { place: String, stack: String },
    #[error("cannot {what} {place}: {source}")]
    Remote { what: &'static str, place: String, source: Box<CloudError> },
}

impl StateError {
    pub(super) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { what, path: path.to_owned(), source: Arc::new(source) }
    }
}

const fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "; make room on that disk and run again"
        }
        io::ErrorKind::PermissionDenied => "; give yourself the right to read and write it and its folder",
        io::ErrorKind::ReadOnlyFilesystem => "; choose a folder that can be written with --state",
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => "; move away what stands in its place",
        _ => "",
    }
}
