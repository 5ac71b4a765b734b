//! CodeBuild: builds.

mod codes;
mod kept;
pub mod project;
mod project_parts;

pub(crate) use codes::CODES;
