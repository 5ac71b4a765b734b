//! ACM: certificates.

pub mod certificate;
mod codes;

pub(crate) use codes::CODES;
