//! Application Auto Scaling: the number of Aurora readers.

pub mod scalable_target;
pub mod scaling_policy;
