//! The local AWS: installs it, starts and supervises it, and talks to its control interface.
//!
//! It is the pinned moto of `python/requirements.lock`, in a virtual environment in the user's cache folder,
//! behind a layer of ours (`python/platctl_emulator`) that makes it as strict, slow and hostile as the real
//! AWS. It runs in a process of its own and lives on between commands; its data lives as long as it does.

mod control;
mod error;
mod files;
mod home;
mod install;
mod process;

pub use control::{Call, Control, Held, HoldAt, KEY_HEADER, Moment};
pub use error::EmulatorError;
pub use home::Home;
pub use process::{Running, SECRET_KEY, ensure, fork, status, stop};
