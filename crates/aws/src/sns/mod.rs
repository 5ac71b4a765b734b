//! SNS: notifications.

mod codes;
pub mod subscription;
mod tags;
pub mod topic;

pub(crate) use codes::CODES;
