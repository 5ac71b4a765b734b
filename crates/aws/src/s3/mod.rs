//! S3.

pub mod bucket;
mod codes;
mod contents;
pub mod extras;
pub mod lifecycle;
pub mod listing;
mod settings;

pub(crate) use codes::CODES;
