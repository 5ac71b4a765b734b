//! `platctl import`

use std::path::Path;

use platctl_engine::Id;
use platctl_engine::import::import;

use crate::cli::Global;
use crate::cloud::{Site, load};
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::{Named, locked};
use crate::render;

/// Makes an existing object stand for a declared resource. Writes state only.
pub(crate) async fn run(
    path: &Path,
    address: &str,
    id: &str,
    global: &Global,
) -> Result<Exit, CliError> {
    let stack = load(path, global)?;
    let site = Site::connect(stack.region(), global).await?;
    let store = Named::of(&stack).store(global).await?;
    let graph = site.graph(&stack, Some(&store.read().await?.state)).await?;
    let entry = graph.get(address).ok_or_else(|| {
        CliError::other(format!(
            "{} does not declare `{address}`: declare the resource first, then import it",
            path.display()
        ))
    })?;
    locked(&store, Some(&site), "import", global, async |session| {
        site.guard(stack.account(), &session.state())?;
        let result = import(&entry.node, &Id::from(id), &session, &*site.aws).await;
        session.finish().await?;
        result.map_err(|error| CliError::other(format!("{error}; nothing was changed")))
    })
    .await?;
    render::line(
        &format!(
            "{address}: imported {id}. To see what the next apply would change, run `platctl plan {}`.",
            path.display()
        ),
        global,
    );
    Ok(Exit::Done)
}
