//! CodeBuild: builds.

mod codes;
mod kept;
pub mod project;
mod project_parts;
pub mod webhook;

pub(crate) use codes::CODES;
