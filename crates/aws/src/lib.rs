//! Every AWS resource kind that platctl manages, one file each, and the clients through which they speak.
//!
//! A kind's file states everything about the kind; [`registry`] has one line for each.

mod budget;
mod cloud;
mod connect;
pub mod ec2;
pub mod errors;
pub mod iam;
pub mod kms;
pub mod logs;
pub mod policy;
pub mod registry;
pub mod s3;
pub mod tags;
mod transport;
pub mod types;

pub use cloud::Cloud;
pub use connect::{Aws, ConnectError, Identity, Options, connect};
pub use policy::Policy;
pub use transport::Calls;
