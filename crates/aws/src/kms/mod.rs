//! KMS: keys and their names.

pub mod alias;
mod codes;
pub mod key;
mod tags;

pub(crate) use codes::CODES;
