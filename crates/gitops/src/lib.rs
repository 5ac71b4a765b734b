//! What runs in the cluster: components and services, as files of a GitOps repository, with the AWS permissions
//! that their pods need. Pure data: nothing here talks to anything.
//!
//! Values that AWS knows only once its resources exist stand in the objects as the engine's expressions
//! (`{"$ref": "network.vpc.vpc_id"}`); whoever writes the files resolves them.

mod application;
pub mod bootstrap;
mod check;
pub mod component;
mod components;
mod inputs;
pub mod nodes;
mod repository;
mod room;
mod services;
mod settings;
mod versions;

#[cfg(test)]
mod tests;

pub use check::check;
pub use component::{
    Component, Count, Exit, Leftover, Login, Page, PodSecurity, Pods, Resources, To, Workload,
};
pub use components::all;
pub use inputs::{
    Alerts, Analysis, Database, DatabaseLogin, Inputs, Replicas, Secret, Service, Source, Web,
    Work, Zone,
};
pub use nodes::Nodes;
pub use repository::{File, files};
pub use room::{Need, Needs, Node, needs};
pub use services::{DEFAULT_RESOURCES, SHUTDOWN_SECONDS, STARTUP_SECONDS, deregistration_seconds};
pub use settings::{
    AlertReceivers, CertManager, Elastic, ManifestSource, Prometheus, Settings, Switch, Vault,
};

/// The components that a platform gets, in the order of their waves.
///
/// # Errors
/// A component that is asked for and cannot be, and why.
pub fn chosen(inputs: &Inputs, settings: &Settings) -> Result<Vec<&'static Component>, Unfit> {
    let mut chosen: Vec<&'static Component> = Vec::new();
    for component in all() {
        let wish = settings.wish(component.name);
        let missing = (component.missing)(inputs, settings);
        match (wish, missing) {
            (Some(false), _) | (None, Some(_)) => {}
            (Some(true), Some(why)) => return Err(Unfit::component(component.name, why)),
            (_, None) => chosen.push(component),
        }
    }
    for component in &chosen {
        let lacking = component
            .needs
            .iter()
            .find(|need| !chosen.iter().any(|other| other.name == **need));
        if let Some(need) = lacking {
            return Err(Unfit::needs(component.name, need, settings));
        }
    }
    chosen.sort_by_key(|component| (component.wave, component.name));
    Ok(chosen)
}

/// Something that is asked for and cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What is asked for.
    pub what: String,
    /// Why it cannot be.
    pub why: String,
    /// The key of the stack file that asks for it, from the file's root; what of it is not there is a default.
    pub key: Vec<String>,
    /// What to do, where that can be said.
    pub help: Option<String>,
}

impl Unfit {
    /// A component that cannot be.
    fn component(name: &str, why: impl Into<String>) -> Self {
        Self::new(name, why, &["gitops", settings::key_of(name)])
    }

    /// A component that needs another one, which is not there.
    fn needs(name: &str, need: &str, settings: &Settings) -> Self {
        let unfit = Self::component(name, format!("requires `{need}`, which is disabled"));
        let (key, needed) = (settings::key_of(name), settings::key_of(need));
        if settings.wish(need) == Some(false) && !key.is_empty() {
            let help = format!("remove `gitops.{needed}: false`, or set `gitops.{key}: false`");
            return unfit.help(help);
        }
        unfit
    }

    fn new(what: &str, why: impl Into<String>, key: &[&str]) -> Self {
        let key = key.iter().map(|part| (*part).to_owned()).collect();
        Self {
            what: what.to_owned(),
            why: why.into(),
            key,
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
