//! Whole commands against the local AWS, as a user runs them.

mod crashes;
mod faults;
mod inventory;
mod lifecycle;
mod mistakes;
mod plans;
mod world;
