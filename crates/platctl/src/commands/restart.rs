//! `platctl restart`

use std::path::Path;

use platctl_aws::rds::restart::{Member, members, restart};
use platctl_engine::state::State;

use crate::cli::Global;
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::prompt::agreed;
use crate::render;

const CLUSTER: &str = "rds.DbCluster";
const INSTANCE: &str = "rds.DbInstance";

/// What was asked to be restarted.
struct Target {
    kind: String,
    scope: String,
    id: String,
}

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
    let target = target(&state, &named.name, address)?;
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

/// The database, or the instance, at an address. A block stands for the one database in it.
fn target(state: &State, stack: &str, address: &str) -> Result<Target, CliError> {
    let below = format!("{address}.");
    let restartable = |kind: &str| matches!(kind, CLUSTER | INSTANCE);
    let mut found = Vec::new();
    let mut known = Vec::new();
    for (at, record) in state
        .resources
        .iter()
        .filter(|(_, record)| restartable(&record.kind))
    {
        let Some(object) = &record.object else {
            continue;
        };
        known.push(at.to_string());
        if at.as_str() == address || record.kind == CLUSTER && at.as_str().starts_with(&below) {
            let (kind, scope) = (record.kind.clone(), record.scope.clone());
            found.push(Target {
                kind,
                scope,
                id: object.id.to_string(),
            });
        }
    }
    match (found.pop(), found.is_empty()) {
        (Some(target), true) => Ok(target),
        _ if known.is_empty() => Err(CliError::other(format!(
            "stack `{stack}` has no database. Nothing was changed"
        ))),
        _ => Err(CliError::other(format!(
            "`{address}` is not one database of stack `{stack}`. Specify one of {}. Nothing was changed",
            known.join(", ")
        ))),
    }
}
