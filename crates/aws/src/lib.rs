//! Every AWS resource kind that platctl manages, one file each, and the clients through which they speak.
//!
//! A kind's file states everything about the kind; [`registry`] has one line for each.

pub mod acm;
mod alike;
pub mod applicationautoscaling;
pub mod backup;
mod bounded;
pub mod branch;
mod budget;
mod cloud;
pub mod cloudfront;
pub mod cloudwatch;
pub mod codebuild;
pub mod codecommit;
pub mod codeconnections;
pub mod codepipeline;
mod connect;
pub mod dns;
pub mod document;
pub mod ec2;
pub mod ecr;
pub mod eks;
pub mod elasticache;
pub mod elbv2;
pub mod errors;
pub mod events;
pub mod github;
pub mod gitlab;
mod host;
mod hosted_files;
pub mod iam;
pub mod kms;
#[cfg(test)]
mod local;
pub mod logs;
mod merge;
pub mod policy;
mod poll;
mod profile;
pub mod rds;
pub mod reach;
pub mod regions;
pub mod registry;
pub mod route53;
pub mod s3;
pub mod secretsmanager;
pub mod sns;
pub mod sqs;
mod ssh;
pub mod ssm;
pub mod state;
pub mod tags;
mod text;
mod transport;
pub mod types;
mod unmanaged;
mod versions;
pub mod wafv2;
pub mod web;
mod wire;

pub use cloud::Cloud;
pub use connect::{Aws, ConnectError, Identity, Options, connect};
pub use document::Document;
pub use policy::Policy;
pub use transport::Calls;
