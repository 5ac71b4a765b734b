//! CodeBuild: builds.

pub mod project;
mod project_parts;
