//! Systems Manager: parameters.

mod codes;
pub mod parameter;
mod tags;

pub(crate) use codes::CODES;
