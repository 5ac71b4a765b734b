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
    let promoted: Vec<String> = services
        .iter()
        .filter(|name| is_promoted(state, name))
        .cloned()
        .collect();
    if promoted.iter().any(|known| known == service) {
        return Ok(());
    }
    let known = if promoted.is_empty() {
        format!("Stack `{stack}` has no service in a cluster with `rollout: blue_green`")
    } else {
        format!("Specify one of {}", promoted.join(", "))
    };
    let what = if services.iter().any(|known| known == service) {
        format!("`{service}` does not use `rollout: blue_green`: its new versions do not wait")
    } else {
        format!("`{service}` is not a service of stack `{stack}`")
    };
    Err(CliError::other(format!(
        "{what}. {known}. Nothing was changed"
    )))
}

/// Whether new versions of a service wait until they are promoted: such a service has a Rollout in the repository. The
/// cluster knows it where the repository is not in the state.
fn is_promoted(state: &State, service: &str) -> bool {
    let path = format!("services/{service}/rollout.yaml");
    let files = state
        .resources
        .iter()
        .find(|(address, _)| address.as_str() == "gitops.files")
        .and_then(|(_, record)| record.object.as_ref()?.spec.get("files")?.as_object());
    files.is_none_or(|files| files.contains_key(&path))
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shop() -> State {
        let record = |kind: &str, id: &str, spec: serde_json::Value| {
            json!({
                "kind": kind, "scope": "eu-west-1", "generation": 1,
                "object": {"id": id, "generation": 1, "spec": spec},
            })
        };
        let files = json!({"files": {
            "services/api/rollout.yaml": "kind: Rollout", "services/api/mailer.yaml": "kind: Deployment",
        }});
        let mut state = json!(State::new("shop"));
        state["resources"] = json!({
            "cluster.cluster": record("eks.Cluster", "shop-cluster", json!({})),
            "gitops.files": record("codecommit.Files", "shop-gitops|main", files),
            "services.api.role": record("iam.Role", "api", json!({})),
            "services.mailer.role": record("iam.Role", "mailer", json!({})),
        });
        serde_json::from_value(state).unwrap()
    }

    #[test]
    fn only_what_waits_is_promoted() {
        let state = shop();
        check(&state, "shop", "api").unwrap();
        let said = |service: &str| check(&state, "shop", service).unwrap_err().to_string();
        assert!(
            said("mailer").contains("`mailer` does not use `rollout: blue_green`"),
            "{}",
            said("mailer")
        );
        assert!(
            said("aip")
                .contains("`aip` is not a service of stack `shop`. Specify one of api. Nothing"),
            "{}",
            said("aip")
        );
    }

    /// Without the repository, the cluster is asked.
    #[test]
    fn a_service_of_an_unknown_repository_may_be_promoted() {
        let mut state = shop();
        state
            .resources
            .retain(|address, _| address.as_str() != "gitops.files");
        assert!(check(&state, "shop", "mailer").is_ok());
    }
}
