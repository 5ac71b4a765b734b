//! RDS: Aurora clusters, their instances, and what both are configured with.
