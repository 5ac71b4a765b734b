//! What can be wrong with state, and what to do next.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Illegal;
use super::lock::Holder;
use crate::CloudError;

/// What can be wrong with state. Nothing was changed unless the message says so.
#[derive(Clone, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum StateError {
    #[error("cannot {what} {}: {source}{}", path.display(), remedy(source.kind()))]
    Io {
        what: &'static str,
        path: PathBuf,
        source: Arc<io::Error>,
    },
    #[error(
        "{path} is not a valid state file: {why}. Run `platctl state recover` with the stack file: it moves \
         the file aside, continues from the last good copy ({path}.backup) if there is one, and finds \
         resources that were created since by their tags",
        path = path.display()
    )]
    Corrupt { path: PathBuf, why: String },
    #[error(
        "{} is corrupted at line {line}: {why}. Run `platctl state recover` with the stack file: it moves \
         the file aside and finds the resources that it recorded by their tags",
        path.display()
    )]
    Journal {
        path: PathBuf,
        line: usize,
        why: String,
    },
    #[error(
        "{} was written by a newer version of platctl (format {found}, this version reads {known}); use that \
         version",
        path.display()
    )]
    Newer {
        path: PathBuf,
        found: u64,
        known: u32,
    },
    #[error(
        "{} is larger than {} MiB, the limit for a state file; check its contents",
        path.display(), limit >> 20
    )]
    TooLarge { path: PathBuf, limit: u64 },
    #[error(
        "{} belongs to stack `{found}`, not to `{wanted}`; specify the correct state file with --state, or \
         move this one away",
        path.display()
    )]
    OtherStack {
        path: PathBuf,
        found: String,
        wanted: String,
    },
    #[error(
        "{} belongs to another state: it continues serial {found} of lineage {lineage}, but the state file \
         is at serial {serial}. Restore the state file that it belongs to; if you restored an older one on \
         purpose, move the journal away",
        path.display()
    )]
    Stray {
        path: PathBuf,
        lineage: String,
        found: u64,
        serial: u64,
    },
    #[error(
        "{} exists, but the state file that it continues is missing. Restore {}, or its backup {}.backup; if \
         the state is lost, run `platctl state recover` with the stack file to rebuild it from AWS",
        path.display(), state.display(), state.display()
    )]
    Orphan { path: PathBuf, state: PathBuf },
    #[error(
        "the state is locked: {holder}. Wait for that process to finish, or use --lock-timeout to wait here; \
         the lock is released when the process ends, so it never has to be removed by hand ({})",
        path.display()
    )]
    Locked { path: PathBuf, holder: Holder },
    #[error(
        "the state in {place} is locked: {holder}, last heartbeat {heard} s ago. Use --lock-timeout to wait \
         for it; without another heartbeat, its lease expires in {left} s. `platctl unlock {stack}` ends the \
         lease immediately and explains the consequences"
    )]
    Leased {
        place: String,
        stack: String,
        holder: Holder,
        heard: u64,
        left: u64,
    },
    #[error(
        "the lease of this run expired or was ended, and another run now holds the state in {place}: \
         {holder}. This run has stopped. Changes that it could not record in the state are found by their tags \
         by the next run"
    )]
    Lost { place: String, holder: Holder },
    #[error(
        "{place} is missing, but the journal of `{stack}` continues from it. Restore the object if the \
         bucket is versioned, or move the journal away and run `platctl state recover` with the stack file"
    )]
    Missing { place: String, stack: String },
    #[error(
        "{place} is missing, but versions of the state of `{stack}` exist. Run `platctl state recover` with \
         the stack file: it continues from the latest version, and finds resources that were created since \
         by their tags"
    )]
    NoJournal { place: String, stack: String },
    #[error(
        "{0}. This run has stopped; nothing is lost. Report this error with the log of the run (--log-file)"
    )]
    Illegal(#[from] Illegal),
    #[error("cannot {what} {place}: {source}")]
    Remote {
        what: &'static str,
        place: String,
        source: Box<CloudError>,
    },
}

impl StateError {
    pub(super) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            what,
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }
}

const fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "; free up disk space and run again"
        }
        io::ErrorKind::PermissionDenied => {
            "; grant yourself permission to read and write it and its folder"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; choose a writable folder with --state",
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => {
            "; move away whatever has that name"
        }
        _ => "",
    }
}
