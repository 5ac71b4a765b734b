//! SNS: notifications.

pub mod subscription;
pub mod topic;
