//! S3.

pub mod bucket;
mod contents;
mod settings;
