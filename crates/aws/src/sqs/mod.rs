//! SQS: queues.

mod attributes;
mod checks;
mod codes;
pub mod queue;

pub(crate) use codes::CODES;
