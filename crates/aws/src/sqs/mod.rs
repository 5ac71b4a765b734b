//! SQS: queues.

mod attributes;
mod checks;
pub mod queue;
