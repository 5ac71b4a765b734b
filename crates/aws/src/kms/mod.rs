//! KMS: keys and their names.

pub mod alias;
mod codes;
pub mod key;

pub(crate) use codes::CODES;
