//! CodeCommit: Git repositories.

mod commits;
pub mod files;
pub mod repository;
