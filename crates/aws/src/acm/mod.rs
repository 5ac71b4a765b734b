//! ACM: certificates.

pub mod certificate;
mod codes;
mod tags;

pub(crate) use codes::CODES;
