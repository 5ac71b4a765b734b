//! `platctl rollback`

use std::path::Path;

use platctl_aws::Cloud;
use platctl_aws::eks::rollback::{Rollback, control_plane, look, node_group};

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

/// Takes a cluster back to the version of Kubernetes that it had before its last upgrade.
pub(crate) async fn run(
    path: &Path,
    address: &str,
    yes: bool,
    global: &Global,
) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let store = named.store(global).await?;
    let state = store.read().await?.state;
    named.exists(&state)?;
    let target = target(&state, &named.name, address, &CLUSTER)?;
    let site = Site::connect(state.home(), global).await?;
    site.guard(None, &state)?;
    let cloud = site.aws.cloud(&target.scope);
    locked(&store, Some(&site), "rollback", global, async |_| {
        roll_back(&cloud, &target.id, yes, global).await
    })
    .await
}

async fn roll_back(
    cloud: &Cloud,
    cluster: &str,
    yes: bool,
    global: &Global,
) -> Result<Exit, CliError> {
    let found = look(cloud, cluster).await?.ok_or_else(|| {
        CliError::other(format!(
            "the cluster {cluster} no longer exists. Nothing was changed"
        ))
    })?;
    agreed(yes, &question(cluster, &found))?;
    let Rollback {
        to, node_groups, ..
    } = &found;
    for group in node_groups {
        node_group(cloud, cluster, group, to).await?;
        let done = format!("The nodes of {group} have Kubernetes {to}.");
        render::line(&done, global);
    }
    control_plane(cloud, cluster, to).await?;
    let done = format!(
        "{cluster} has Kubernetes {to}. Set `version` of the cluster to \"{to}\" in the stack file, then run `platctl \
         plan`. Add-ons were not rolled back."
    );
    render::line(&done, global);
    Ok(Exit::Done)
}

fn question(cluster: &str, found: &Rollback) -> String {
    let Rollback {
        from,
        to,
        node_groups,
    } = found;
    let nodes = match node_groups.as_slice() {
        [] => String::new(),
        groups => format!(
            " The nodes of {} are replaced first, one after another.",
            groups.join(", ")
        ),
    };
    format!("Do you want to roll back {cluster} from Kubernetes {from} to {to}?{nodes}")
}
