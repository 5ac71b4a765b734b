//! Systems Manager: parameters.

mod codes;
pub mod parameter;

pub(crate) use codes::CODES;
