//! CodeCommit: Git repositories.

mod codes;
mod commits;
pub mod files;
pub mod repository;
mod tags;

pub(crate) use codes::CODES;
