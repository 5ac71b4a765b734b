//! `platctl extend` and `platctl pin`

use std::path::Path;
use std::time::Duration;

use platctl_engine::state::Lifespan;
use time::OffsetDateTime;

use crate::cli::Global;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::{Named, locked};
use crate::render;

/// Moves the expiry of a temporary stack.
pub(crate) async fn extend(path: &Path, by: Duration, global: &Global) -> Result<Exit, CliError> {
    let now = OffsetDateTime::now_utc();
    change(path, "extend", |life| life.extended(by, now), global).await
}

/// Keeps a temporary stack beyond its expiry, or no longer does.
pub(crate) async fn pin(path: &Path, pinned: bool, global: &Global) -> Result<Exit, CliError> {
    change(path, "pin", |life| Lifespan { pinned, ..life }, global).await
}

async fn change(
    path: &Path,
    command: &str,
    how: impl FnOnce(Lifespan) -> Lifespan,
    global: &Global,
) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let store = named.store(global).await?;
    named.exists(&store.read().await?.state)?;
    let life = locked(&store, None, command, global, async |session| {
        let state = session.state();
        if state.resources.is_empty() {
            return Err(gone(&named.name));
        }
        let life = state.lifespan.ok_or_else(|| stays(&named.name))?;
        let life = how(life);
        session.set_lifespan(Some(life)).await?;
        Ok(life)
    })
    .await?;
    render::environments::life(&named.name, Some(life), OffsetDateTime::now_utc(), global);
    Ok(Exit::Done)
}

fn gone(name: &str) -> CliError {
    CliError::other(format!(
        "stack `{name}` has no resources: it was deleted, or never applied; nothing was changed"
    ))
}

fn stays(name: &str) -> CliError {
    CliError::other(format!(
        "stack `{name}` does not expire: it was not applied with `ttl:` in the stack file or with --ttl; nothing was \
         changed"
    ))
}
