//! CodeConnections: sources outside of AWS.
