//! CodeCommit: Git repositories.

pub mod approval_rule_template;
mod commits;
pub mod files;
pub mod repository;
