//! CodePipeline: the way of a commit to production.

mod codes;
mod kept;
pub mod pipeline;
mod structure;
mod tags;

pub(crate) use codes::CODES;
