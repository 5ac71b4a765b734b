//! KMS: keys and their names.

pub mod alias;
pub mod key;
