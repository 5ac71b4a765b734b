//! ECR: repositories of images.

pub mod lifecycle_policy;
pub mod repository;
