//! Objects of a Kubernetes cluster as nodes of the resource graph.
//!
//! A [`Objects`] set is applied by the server (server-side apply), and remembered in the cluster itself, in an
//! inventory that says whose it is and what was applied. How the API server is reached is somebody else's
//! business: a [`Provider`] finds the cluster and the way to it, be it an address or a build that runs next to it.

mod access;
mod api;
mod budgets;
mod digest;
mod drifted;
mod errors;
mod forward;
mod health;
mod inventory;
mod jobs;
mod key;
pub mod kubeconfig;
mod manifest;
pub mod objects;
mod owned;
mod releases;
mod secrets;
mod server;
mod tokens;
mod vacate;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use access::{Access, Clusters, Provider, Renewing, Way};
pub use api::Api;
pub use budgets::Blocking;
pub use forward::{Destination, Forwarder};
pub use key::key_of;
pub use manifest::verify;
pub use objects::{Manifest, Objects};
pub use secrets::secret;
pub use server::{JobOrder, Order, Outcome, ReleaseOrder, Server, SetState, Step, Task, perform};
pub use vacate::{VacateOrder, VacateReport};
