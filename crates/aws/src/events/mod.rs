//! EventBridge: what happens because something happened.

pub mod rule;
mod targets;
