//! CodeConnections: sources outside of AWS.

pub mod connection;

pub(crate) use crate::errors::NONE as CODES;
