//! The cluster of a stack, for commands that work with what runs in it.

use std::path::Path;

use platctl_aws::reach::Endpoint;
use platctl_engine::state::State;

use crate::cli::{API_PORT, ClusterAccess, Global};
use crate::cloud::Site;
use crate::error::CliError;
use crate::place::Named;

/// What EKS calls it, and the stack that it is in.
pub(crate) struct StackCluster {
    pub(crate) stack: String,
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) site: Site,
}

const KIND: &str = "eks.Cluster";

impl StackCluster {
    /// The one cluster of a stack, with AWS connected. The way to its API server is one that ends on this machine.
    pub(crate) async fn find(path: &Path, global: &Global) -> Result<Self, CliError> {
        let named = Named::find(path, global)?;
        let state = named.store(global).await?.read().await?.state;
        named.exists(&state)?;
        let (name, region) = cluster(&state, &named.name)?;
        let site = Site::connect(state.home(), &global.for_people()).await?;
        site.guard(None, &state)?;
        Ok(Self {
            stack: named.name,
            name,
            region,
            site,
        })
    }

    /// Where its API server is.
    pub(crate) async fn endpoint(&self) -> Result<Endpoint, CliError> {
        let found = self.site.aws.endpoint(&self.region, &self.name).await?;
        found.ok_or_else(|| CliError::other(format!("cluster {} no longer exists", self.name)))
    }
}

/// What has to be typed for the port of this machine that leads to the API server: nothing for the usual one.
pub(crate) fn port_flag(port: u16) -> String {
    match port {
        API_PORT => String::new(),
        port => format!(" --port {port}"),
    }
}

/// The name of a stack's cluster in EKS, and its region.
pub(crate) fn cluster(state: &State, stack: &str) -> Result<(String, String), CliError> {
    let mut found = state.resources.iter().filter_map(|(address, record)| {
        let object = record.object.as_ref().filter(|_| record.kind == KIND)?;
        Some((
            address.as_str(),
            (object.id.to_string(), record.scope.clone()),
        ))
    });
    let none = || {
        CliError::other(format!(
            "stack `{stack}` has no cluster: add `cluster:` to the stack file and run `platctl apply` first"
        ))
    };
    let first = found.next().ok_or_else(none)?;
    // The block's own before any that `resources:` declares.
    let of_block = found.find(|(address, _)| *address == "cluster.cluster");
    Ok(of_block.unwrap_or(first).1)
}

impl Global {
    /// The same, for what a person does at an API server.
    pub(crate) fn for_people(&self) -> Self {
        Self {
            cluster_access: self.cluster_access.for_people(),
            ..self.clone()
        }
    }
}

impl ClusterAccess {
    /// The same, but never a build: a person cannot speak through one.
    const fn for_people(self) -> Self {
        match self {
            Self::Auto => Self::Here,
            stated => stated,
        }
    }

    /// Whether a person reaches the API server without a tunnel; `public` is whether its endpoint is.
    pub(crate) const fn is_direct(self, public: bool) -> bool {
        match self {
            Self::Direct => true,
            Self::Tunnel => false,
            Self::Auto | Self::Runner | Self::Here => public,
        }
    }

    /// Refuses the runner, for what a person does: `what` says that it cannot be.
    pub(crate) fn without_runner(self, what: &str) -> Result<(), CliError> {
        if self != Self::Runner {
            return Ok(());
        }
        Err(CliError::other(format!(
            "{what} through the runner. Use --cluster-access tunnel, or, inside the VPC or through a VPN, \
             --cluster-access direct"
        )))
    }
}
