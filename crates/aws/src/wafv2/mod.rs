//! WAF: what requests are let through.

pub mod rules;
pub mod web_acl;
pub mod web_acl_association;
