//! Application Auto Scaling: the number of Aurora readers.

mod codes;
pub mod scalable_target;
pub mod scaling_policy;

pub(crate) use codes::CODES;
