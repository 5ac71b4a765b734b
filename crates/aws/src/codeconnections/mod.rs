//! CodeConnections: sources outside of AWS.

pub mod connection;
