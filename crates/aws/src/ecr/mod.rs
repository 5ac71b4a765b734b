//! ECR: repositories of images.

mod codes;
pub mod lifecycle_policy;
pub mod repository;

pub(crate) use codes::CODES;
