//! CodePipeline: the way of a commit to production.

mod kept;
pub mod pipeline;
mod structure;
