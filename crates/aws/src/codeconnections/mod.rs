//! CodeConnections: sources outside of AWS.

pub mod connection;
mod tags;

pub(crate) use crate::errors::NONE as CODES;
