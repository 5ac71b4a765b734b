//! Application Auto Scaling: the number of Aurora readers.
