//! GitHub: files in its repositories, by a GitHub App.

mod api;
mod app;
pub mod deploy_key;
pub mod files;

pub(crate) use crate::errors::NONE as CODES;
