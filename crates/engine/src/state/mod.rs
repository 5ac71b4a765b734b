//! What platctl remembers: a state file, a write-ahead journal beside it, and a lock. In a folder, or in a bucket.
//!
//! Invariants:
//! - The state file is always one complete, valid document: it is only ever replaced as a whole.
//! - An intent is durable before its call is made, its outcome before any dependant starts.
//! - State is the file, plus the journal whose header names the file's serial. A journal of a lower serial
//!   is already contained in the file.
//! - In a bucket the journal alone says what state is. Whoever holds the lease has put its number into it, so that
//!   nobody who held it before can write any more.
//! - No secret value is ever written: write-only fields are fingerprints.
//! - A run that only looks writes nothing.

mod blobs;
mod bucket;
mod disk;
mod error;
mod file;
mod fingerprint;
mod folder;
#[cfg(test)]
mod fuzz;
mod journal;
mod life;
mod lifespan;
mod lock;
mod open;
mod receipt;
mod record;
pub mod reserve;
mod session;
pub mod stacks;
mod store;

pub use blobs::{Answer, Blob, Blobs, Condition, Listed, Put};
pub use error::StateError;
pub use file::State;
pub use fingerprint::{conceal, legible, same};
pub use journal::{Entry, Moment, Verb};
pub use life::{Declaration, Illegal, NewObject, RecordEvent};
pub use lifespan::{Creation, Lifespan};
pub use lock::{Holder, Lock};
pub use receipt::{Ended, Fate};
pub use record::{Creating, Object, Record, now};
pub use session::Session;
pub use store::{Loaded, LockStatus, Store, Version};
