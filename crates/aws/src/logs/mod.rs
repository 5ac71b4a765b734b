//! CloudWatch Logs.

mod codes;
pub mod log_group;

pub(crate) use codes::CODES;
