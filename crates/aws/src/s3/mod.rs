//! S3.

pub mod bucket;
mod contents;
pub mod extras;
pub mod lifecycle;
pub mod listing;
mod settings;
