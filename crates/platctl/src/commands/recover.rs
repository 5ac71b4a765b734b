//! `platctl state recover`, `history`, and `rollback`

use std::path::Path;
use std::time::SystemTime;

use platctl_engine::recover::recover;
use platctl_engine::state::Version;

use crate::cli::Global;
use crate::cloud::{Site, load};
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::{Named, locked};
use crate::render;

/// Makes state anew from what AWS says of a stack file. What is left of a damaged state is set aside, never deleted.
pub(crate) async fn run(path: &Path, global: &Global) -> Result<Exit, CliError> {
    let stack = load(path, global)?;
    let store = Named::of(&stack).store(global).await?;
    let site = Site::connect(stack.region(), global).await?;
    // Before anything is moved: a state of another account is left as it is.
    let known = store.read().await.map(|loaded| loaded.state).ok();
    if let Some(state) = &known {
        site.guard(stack.account(), state)?;
    }
    let graph = site.graph(&stack, known.as_ref()).await?;
    for place in store.set_aside().await? {
        render::line(&format!("Damaged, and set aside: {place}"), global);
    }
    let recovered = locked(&store, Some(&site), "state recover", global, async |session| {
        site.guard(stack.account(), &session.state())?;
        let recovered = recover(&graph, &session, &*site.aws, site.look(true)).await;
        session.finish().await?;
        recovered.map_err(|error| CliError::other(error.to_string()))
    });
    let recovered = recovered.await?;
    render::recovered(&recovered, path, global);
    Ok(Exit::Done)
}

/// Lists the versions that are still there.
pub(crate) async fn history(path: &Path, global: &Global) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let versions = named.store(global).await?.history().await?;
    if versions.is_empty() {
        render::line(&format!("Stack `{}` has no state yet.", named.name), global);
    }
    for version in versions {
        render::line(&said(&version), global);
    }
    Ok(Exit::Done)
}

fn said(version: &Version) -> String {
    let ago = version.written.and_then(|at| SystemTime::now().duration_since(at).ok());
    let ago = ago.map_or_else(|| "some time ago".to_owned(), |ago| format!("{} ago", render::time(ago)));
    let mark = if version.current { "  (now)" } else { "" };
    format!("{:>6}  {ago:>16}  {}{mark}", version.serial, version.name)
}

/// Makes an earlier version the state again.
pub(crate) async fn rollback(path: &Path, to: Option<u64>, global: &Global) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let store = named.store(global).await?;
    locked(&store, None, "state rollback", global, async |session| {
        let now = session.state().serial;
        let Some(serial) = to.or_else(|| now.checked_sub(1)) else {
            return Err(CliError::other("there is no earlier version; nothing was changed"));
        };
        let earlier = store.version(serial).await?.ok_or_else(|| {
            CliError::other(format!(
                "version {serial} is not there; `platctl state history {}` lists those that are. Nothing was changed",
                path.display()
            ))
        })?;
        if earlier.lineage != session.state().lineage {
            return Err(CliError::other(format!("version {serial} is of another state; nothing was changed")));
        }
        let count = earlier.resources.len();
        let new = session.bring_back(earlier).await?;
        render::line(
            &format!(
                "State is version {serial} again, as version {new}: {count} resources. Nothing in AWS was changed; \
                 `platctl state recover` with the stack file finds by its tags what was made since; then `platctl plan` \
                 shows how AWS differs."
            ),
            global,
        );
        Ok(Exit::Done)
    })
    .await
}
