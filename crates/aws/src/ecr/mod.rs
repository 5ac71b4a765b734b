//! ECR: repositories of images.

mod codes;
pub mod lifecycle_policy;
pub mod repository;
mod tags;

pub(crate) use codes::CODES;
