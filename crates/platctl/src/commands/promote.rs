//! `platctl promote` and `platctl abort`

use platctl_engine::state::State;
use platctl_kubernetes::{ReleaseOrder, Renewing, Server, Step};

use crate::cli::{Global, Release};
use crate::cloud::Site;
use crate::cluster::cluster;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::prompt::agreed;
use crate::render;

/// Switches a service to its new version, or removes that version.
pub(crate) async fn run(wish: &Release, step: Step, global: &Global) -> Result<Exit, CliError> {
    let named = Named::find(&wish.stack, global)?;
    let state = named.store(global).await?.read().await?.state;
    named.exists(&state)?;
    check(&state, &named.name, &wish.service)?;
    let (cluster, region) = cluster(&state, &named.name)?;
    let site = Site::connect(state.home(), global).await?;
    site.guard(None, &state)?;
    let service = &wish.service;
    let question = match step {
        Step::Promote => format!("Do you want to switch {service} to its new version?"),
        Step::Abort => format!("Do you want to remove the new version of {service}?"),
    };
    agreed(wish.yes, &question)?;
    let order = ReleaseOrder {
        namespace: service.clone(),
        name: service.clone(),
        step,
    };
    let server = Renewing::new(site.aws.clusters(&region), cluster);
    let told = site
        .aws
        .teller()
        .about(format!("waiting for Argo Rollouts to switch {service}"));
    told.during(server.release(&order))
        .await
        .map_err(CliError::Runner)?;
    let done = match step {
        Step::Promote => format!("{service} was promoted: the new version gets all requests."),
        Step::Abort => format!("The new version of {service} was aborted. The old version stays."),
    };
    render::line(&done, global);
    Ok(Exit::Done)
}

/// Refuses what is not a service with pods.
fn check(state: &State, stack: &str, service: &str) -> Result<(), CliError> {
    let services = services(state);
    if services.iter().any(|known| known == service) {
        return Ok(());
    }
    let known = if services.is_empty() {
        format!("Stack `{stack}` has no services in a cluster")
    } else {
        format!("Specify one of {}", services.join(", "))
    };
    Err(CliError::other(format!(
        "`{service}` is not a service of stack `{stack}`. {known}. Nothing was changed"
    )))
}

/// The services that have pods: those with a role.
fn services(state: &State) -> Vec<String> {
    let name = |address: &str| {
        let rest = address.strip_prefix("services.")?;
        rest.strip_suffix(".role").map(ToOwned::to_owned)
    };
    state
        .resources
        .keys()
        .filter_map(|address| name(address.as_str()))
        .collect()
}
