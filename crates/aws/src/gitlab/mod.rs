//! GitLab: files in its repositories, by an access token.

mod api;
pub mod files;

pub(crate) use crate::errors::NONE as CODES;
