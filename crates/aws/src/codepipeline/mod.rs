//! CodePipeline: the way of a commit to production.

pub mod pipeline;
mod structure;
