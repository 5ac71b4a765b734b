//! Secrets Manager.

mod codes;
pub mod secret;

pub(crate) use codes::CODES;
