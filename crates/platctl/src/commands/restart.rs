//! `platctl restart`

use std::path::Path;

use platctl_aws::rds::restart::{Member, members, restart};

use super::target::{Wanted, target};
use crate::cli::Global;
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::prompt::agreed;
use crate::render;

const INSTANCE: &str = "rds.DbInstance";

/// A database, or one instance of it.
const DATABASE: Wanted = Wanted {
    name: "database",
    whole: "rds.DbCluster",
    parts: &[INSTANCE],
};

/// Restarts a database, or one instance of it: that is how changed parameters take effect that need it.
pub(crate) async fn run(
    path: &Path,
    address: &str,
    yes: bool,
    global: &Global,
) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let state = named.store(global).await?.read().await?.state;
    named.exists(&state)?;
    let target = target(&state, &named.name, address, &DATABASE)?;
    let site = Site::connect(state.home(), global).await?;
    site.guard(None, &state)?;
    let cloud = site.aws.cloud(&target.scope);
    let instances = match target.kind.as_str() {
        INSTANCE => vec![Member {
            instance: target.id,
            writes: false,
        }],
        _ => members(&cloud, &target.id).await?.ok_or_else(|| {
            CliError::other(format!(
                "the database cluster {} no longer exists. Nothing was changed",
                target.id
            ))
        })?,
    };
    let names: Vec<&str> = instances
        .iter()
        .map(|member| member.instance.as_str())
        .collect();
    let question = format!(
        "Do you want to restart {}, in this order? Connections to an instance are closed when it restarts.",
        names.join(", ")
    );
    agreed(yes, &question)?;
    for name in &names {
        restart(&cloud, name).await?;
        render::line(&format!("{name} was restarted and is available."), global);
    }
    Ok(Exit::Done)
}
