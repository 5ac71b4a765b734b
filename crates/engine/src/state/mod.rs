//! What platctl remembers: a state file, a write-ahead journal beside it, and a lock.
//!
//! Invariants:
//! - The state file is always one complete, valid document: it is only ever replaced by rename.
//! - An intent is on disk before its call is made, its outcome before any dependant starts.
//! - State is the file, plus the journal whose header names the file's serial. A journal of a lower serial
//!   is already contained in the file.
//! - No secret value is ever written: write-only fields are fingerprints.
//! - A run that only looks writes nothing.

mod error;
mod file;
mod fingerprint;
mod journal;
mod lock;
mod record;
mod store;

pub use error::StateError;
pub use file::State;
pub use fingerprint::{conceal, same};
pub use journal::{Entry, Moment, Verb};
pub use lock::{Holder, Lock};
pub use record::{Creating, Object, Record};
pub use store::{Loaded, Session, Store};
