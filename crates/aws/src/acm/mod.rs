//! ACM: certificates.
