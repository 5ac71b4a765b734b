//! WAF: what requests are let through.

mod codes;
mod kept;
pub mod logging_configuration;
pub mod rules;
mod tags;
pub mod web_acl;
pub mod web_acl_association;

pub(crate) use codes::CODES;
