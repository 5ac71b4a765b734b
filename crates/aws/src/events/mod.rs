//! EventBridge: what happens because something happened.

mod codes;
pub mod rule;
mod tags;
mod targets;

pub(crate) use codes::CODES;
