//! `platctl state recover`, `history`, and `rollback`

use std::path::Path;
use std::time::{Duration, SystemTime};

use platctl_engine::graph::Graph;
use platctl_engine::observe::{Claims, ReadOptions};
use platctl_engine::recover::{RecoverError, Recovered, recover};
use platctl_engine::state::{Lifespan, Session, Version};
use time::OffsetDateTime;

use crate::cli::Global;
use crate::cloud::{Site, load};
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::{Named, locked, typed};
use crate::prompt::confirm;
use crate::render;

/// Makes state anew from what AWS says of a stack file. What is left of a damaged state is set aside, never deleted.
///
/// What cannot be tagged, and lives in nothing that is, is recognised by its name alone: it is listed, and taken only
/// with consent.
pub(crate) async fn run(path: &Path, yes: bool, global: &Global) -> Result<Exit, CliError> {
    let stack = load(path, global)?;
    let store = Named::of(&stack).store(global).await?;
    let site = Site::connect(stack.region(), global).await?;
    // Before anything is moved: a state of another account is left as it is.
    let known = store.read().await.map(|loaded| loaded.state).ok();
    if let Some(state) = &known {
        site.guard(stack.account(), state)?;
    }
    let is_lost = known
        .as_ref()
        .is_none_or(|state| state.resources.is_empty());
    let ttl = stack.ttl().filter(|_| is_lost);
    let graph = site.graph(&stack, known.as_ref()).await?;
    for place in store.set_aside().await? {
        render::line(&format!("Corrupted, moved aside: {place}"), global);
    }
    let recovered = locked(
        &store,
        Some(&site),
        "state recover",
        global,
        async |session| {
            site.guard(stack.account(), &session.state())?;
            let recovered = claim(&graph, &session, &site, yes, global).await;
            session.finish().await?;
            let recovered = recovered.map_err(|error| CliError::other(error.to_string()))?;
            Ok((recovered, live_anew(&session, ttl).await?))
        },
    );
    let (recovered, life) = recovered.await?;
    render::recovered(&recovered, &typed(path, global), global);
    if life.is_some() {
        render::environments::life(stack.name(), life, OffsetDateTime::now_utc(), global);
    }
    Ok(Exit::Done)
}

/// When the stack expires was in the lost state only: without it, nothing would ever delete a temporary stack.
async fn live_anew(session: &Session, ttl: Option<Duration>) -> Result<Option<Lifespan>, CliError> {
    // A copy of the state that was put in its place may still say it.
    let ttl = ttl.filter(|_| session.state().lifespan.is_none());
    let life = ttl.map(|ttl| Lifespan::renewed(None, ttl, OffsetDateTime::now_utc()));
    if life.is_some() {
        session.set_lifespan(life).await?;
    }
    Ok(life)
}

async fn claim(
    graph: &Graph,
    session: &Session,
    site: &Site,
    yes: bool,
    global: &Global,
) -> Result<Recovered, RecoverError> {
    let options = site.read_options(true);
    let mut recovered = recover(graph, session, &*site.aws, options.clone()).await?;
    if recovered.by_name.is_empty() {
        return Ok(recovered);
    }
    render::by_name(&recovered.by_name, global);
    if yes
        || confirm(
            "Do you want to adopt these resources, although only their names indicate that they \
        belong to this stack?",
        )
    {
        let claims = Claims::ByName;
        let more = recover(
            graph,
            session,
            &*site.aws,
            ReadOptions { claims, ..options },
        )
        .await?;
        let known = recovered.known;
        recovered.found.extend(more.found);
        recovered = Recovered {
            found: recovered.found,
            known,
            ..more
        };
    }
    Ok(recovered)
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
    let ago = version
        .written
        .and_then(|at| SystemTime::now().duration_since(at).ok());
    let ago = ago.map_or_else(
        || "some time ago".to_owned(),
        |ago| format!("{} ago", render::time(ago)),
    );
    let mark = if version.current { "  (now)" } else { "" };
    format!("{:>6}  {ago:>16}  {}{mark}", version.serial, version.name)
}

/// Makes an earlier version the state again.
pub(crate) async fn rollback(
    path: &Path,
    to: Option<u64>,
    global: &Global,
) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let store = named.store(global).await?;
    locked(&store, None, "state rollback", global, async |session| {
        let now = session.state().serial;
        let Some(serial) = to.or_else(|| now.checked_sub(1)) else {
            return Err(CliError::other("no earlier version exists; nothing was changed"));
        };
        let earlier = store.version(serial).await?.ok_or_else(|| {
            CliError::other(format!(
                "version {serial} does not exist; to list the versions, run `platctl state history {}`. \
                 Nothing was changed",
                path.display()
            ))
        })?;
        if earlier.lineage != session.state().lineage {
            return Err(CliError::other(format!(
                "version {serial} belongs to another state; nothing was changed"
            )));
        }
        let count = earlier.resources.len();
        let new = session.bring_back(earlier).await?;
        render::line(
            &format!(
                "The state was rolled back to version {serial}, as the new version {new}: {count} resources. \
                 Nothing was changed in AWS. To find resources that were created since by their tags, run \
                 `platctl state recover` with the stack file; then run `platctl plan` to see how AWS \
                 differs."
            ),
            global,
        );
        Ok(Exit::Done)
    })
    .await
}
