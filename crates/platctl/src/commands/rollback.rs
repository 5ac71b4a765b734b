//! `platctl rollback`

use std::path::Path;

use platctl_aws::Cloud;
use platctl_aws::eks::eviction::Force;
use platctl_aws::eks::rollback::{Rollback, add_on, control_plane, look, node_group};
use platctl_engine::CloudError;

use super::target::{Wanted, target};
use crate::cli::Global;
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::{Named, locked};
use crate::prompt::agreed;
use crate::render;

/// A cluster.
const CLUSTER: Wanted = Wanted {
    name: "cluster",
    whole: "eks.Cluster",
    parts: &[],
};

/// What is to be rolled back, and how.
pub(crate) struct Wish<'a> {
    /// The address of the cluster.
    pub(crate) address: &'a str,
    /// Whose nodes are replaced in spite of PodDisruptionBudgets.
    pub(crate) force: Force,
    pub(crate) yes: bool,
}

/// Takes a cluster back to the version of Kubernetes that it had before its last upgrade.
pub(crate) async fn run(path: &Path, wish: &Wish<'_>, global: &Global) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let store = named.store(global).await?;
    let state = store.read().await?.state;
    named.exists(&state)?;
    let target = target(&state, &named.name, wish.address, &CLUSTER)?;
    wish.force.check_in(&state)?;
    let site = Site::connect(state.home(), global).await?;
    site.guard(None, &state)?;
    let cloud = site.aws.cloud(&target.scope);
    locked(&store, Some(&site), "rollback", global, async |_| {
        roll_back(&cloud, &target.id, wish, global).await
    })
    .await
}

async fn roll_back(
    cloud: &Cloud,
    cluster: &str,
    wish: &Wish<'_>,
    global: &Global,
) -> Result<Exit, CliError> {
    let refused = |error: CloudError| CliError::other(error.to_string());
    let found = look(cloud, cluster).await.map_err(refused)?;
    let found = found.ok_or_else(|| {
        CliError::other(format!(
            "the cluster {cluster} no longer exists. Nothing was changed"
        ))
    })?;
    agreed(wish.yes, &question(cluster, &found))?;
    let stopped = |error: CloudError| {
        CliError::other(format!(
            "the rollback of {cluster} is not complete: {error}\nTo continue, run the same command again. To stay at \
             Kubernetes {}, run `platctl apply` with the stack file: it upgrades nodes and add-ons again.",
            found.from
        ))
    };
    steps(cloud, cluster, &found, &wish.force, global)
        .await
        .map_err(stopped)?;
    let to = &found.to;
    let done = format!(
        "{cluster} has Kubernetes {to}. Set `version` of the cluster to \"{to}\" in the stack file, then run `platctl \
         plan`."
    );
    render::line(&done, global);
    Ok(Exit::Done)
}

/// Nodes go first, then add-ons: EKS takes no control plane back below them.
async fn steps(
    cloud: &Cloud,
    cluster: &str,
    found: &Rollback,
    force: &Force,
    global: &Global,
) -> Result<(), CloudError> {
    let to = &found.to;
    for nodes in &found.node_groups {
        let forced = nodes.address.as_ref().is_some_and(|at| force.covers(at));
        node_group(cloud, cluster, nodes, (to, forced)).await?;
        let done = format!("The nodes of {} have Kubernetes {to}.", nodes.name);
        render::line(&done, global);
    }
    for (name, version) in &found.add_ons {
        add_on(cloud, cluster, name, (version.as_str(), to.as_str())).await?;
        render::line(&format!("The add-on {name} has version {version}."), global);
    }
    control_plane(cloud, cluster, to).await
}

fn question(cluster: &str, found: &Rollback) -> String {
    let Rollback {
        from,
        to,
        node_groups,
        add_ons,
    } = found;
    let nodes = match node_groups.as_slice() {
        [] => String::new(),
        groups => {
            let names: Vec<&str> = groups.iter().map(|nodes| nodes.name.as_str()).collect();
            format!(
                " The nodes of {} are replaced first, one after another.",
                names.join(", ")
            )
        }
    };
    let add_ons: Vec<String> = add_ons
        .iter()
        .map(|(name, version)| format!(" The add-on {name} gets version {version}."))
        .collect();
    format!(
        "Do you want to roll back {cluster} from Kubernetes {from} to {to}?{nodes}{}",
        add_ons.concat()
    )
}
