//! IAM: roles and what they may do. Global: one name serves all regions.

pub mod policy_attachment;
pub mod role;
pub mod role_policy;
