//! SQS: queues.

mod attributes;
mod checks;
mod codes;
pub mod queue;
mod tags;

pub(crate) use codes::CODES;
