//! CodeCommit: Git repositories.
