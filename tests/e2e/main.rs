//! Whole commands against the local AWS, as a user runs them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod alike;
mod bootstrap;
mod bundle;
mod concurrency;
mod conformance;
mod consent;
mod crashes;
mod database;
mod departure;
mod edge;
mod environments;
mod faults;
mod flips;
mod flips_table;
mod gitops;
mod hostile;
mod hosts;
mod interrupts;
mod inventory;
mod lifecycle;
mod many;
mod mistakes;
mod orders;
mod ownership;
mod partial;
mod plans;
mod platform;
mod recovery;
mod rights;
mod secrets;
mod security;
mod spellings;
mod state_bucket;
mod state_faults;
mod sweep;
mod unmanaged;
mod upgrades;
mod waits;
mod world;
