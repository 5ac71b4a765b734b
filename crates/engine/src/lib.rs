//! The convergence engine of platctl.
//!
//! It orders typed resource nodes, compares what is wanted with what is live, plans, executes and
//! remembers. It knows no cloud: a [`Kind`] brings the five verbs, the engine brings order, waiting,
//! retries, recovery after a crash, and the record of what exists.
//!
//! Data flows one way: [`graph`] → [`plan`] → [`execute`] → [`state`].

pub mod address;
pub mod behind;
pub mod changes;
pub mod contents;
pub mod diff;
pub mod drift;
pub mod erased;
pub mod error;
pub mod events;
pub mod execute;
pub mod fields;
pub mod flow;
pub mod graph;
pub mod import;
pub mod input;
pub mod kind;
#[cfg(test)]
mod lifecycle;
pub mod manual;
mod nearest;
pub mod observe;
pub mod orders;
mod partial;
pub mod plan;
pub mod planner;
mod precious;
pub mod predict;
pub mod read;
pub mod recover;
pub mod resolve;
pub mod retry;
pub mod schedule;
pub mod select;
pub mod state;
pub mod stop;
pub mod tell;
#[cfg(test)]
mod testing;

pub use address::Address;
pub use changes::{Change, Changes};
pub use erased::{AnyKind, AnyLive, AnyWanted, Bound, Catalog, Facts, SpecError};
pub use error::{Class, CloudError, CloudResult, chain};
pub use input::{Data, Declared, Handle, Input, Output, Resolved, Stage};
pub use kind::{
    Attached, Candidate, Claim, Contents, Id, Identity, Kind, Leaves, Live, Outputs, Owner,
    Permissions, Phase, Replace, Then, Timing, Vacated, Wanted,
};
pub use nearest::nearest;
pub use read::{Read, find_by_id};
