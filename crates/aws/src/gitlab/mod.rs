//! GitLab: files in its repositories, by an access token.

mod api;
pub mod files;
