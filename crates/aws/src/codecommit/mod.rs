//! CodeCommit: Git repositories.

pub mod approval_rule_template;
mod codes;
mod commits;
pub mod files;
pub mod repository;
mod tags;

pub(crate) use codes::CODES;
