//! Route 53: names.
