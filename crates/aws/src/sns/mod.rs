//! SNS: notifications.

mod codes;
pub mod subscription;
pub mod topic;

pub(crate) use codes::CODES;
