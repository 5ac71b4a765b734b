//! CodeCommit: Git repositories.

mod codes;
mod commits;
pub mod files;
pub mod repository;

pub(crate) use codes::CODES;
