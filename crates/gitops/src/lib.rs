//! What runs in the cluster: components and services, as files of a GitOps repository, with the AWS permissions
//! that their pods need. Pure data: nothing here talks to anything.
//!
//! Values that AWS knows only once its resources exist stand in the objects as the engine's expressions
//! (`{"$ref": "network.vpc.vpc_id"}`); whoever writes the files resolves them.

mod application;
pub mod bootstrap;
pub mod component;
mod components;
mod inputs;
mod repository;
mod services;
mod settings;
mod versions;

#[cfg(test)]
mod tests;

pub use component::{Component, Leftover, Workload};
pub use components::all;
pub use inputs::{Database, Inputs, Replicas, Service, Zone};
pub use repository::{File, files};
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
            (Some(true), Some(why)) => return Err(Unfit { component: component.name, why: why.to_owned() }),
            (_, None) => chosen.push(component),
        }
    }
    for component in &chosen {
        let lacking = component.needs.iter().find(|need| !chosen.iter().any(|other| other.name == **need));
        if let Some(need) = lacking {
            return Err(Unfit {
                component: component.name,
                why: format!("needs `{need}`, which is switched off"),
            });
        }
    }
    chosen.sort_by_key(|component| (component.wave, component.name));
    Ok(chosen)
}

/// A component that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Its name.
    pub component: &'static str,
    /// Why it cannot be.
    pub why: String,
}
