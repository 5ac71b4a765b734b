//! CodeBuild: builds.

mod kept;
pub mod project;
mod project_parts;
pub mod webhook;
