//! `platctl list`

use futures::stream::{self, StreamExt};
use platctl_engine::state::State;
use time::OffsetDateTime;

use crate::cli::Global;
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::{Named, all_stacks};
use crate::render;

/// How many states are read at the same time.
const READS: usize = 16;

/// What lies in one folder or bucket.
#[derive(Default)]
pub(crate) struct Existing {
    /// The stacks that have resources, with what state knows of them.
    pub(crate) stacks: Vec<(Named, State)>,
    /// The stacks whose state cannot be read, and why.
    pub(crate) unread: Vec<(String, CliError)>,
}

/// Shows the stacks whose state lies in one folder or bucket.
///
/// With `tagged`, also the stacks whose networks are there, but whose state is elsewhere or lost. With `owner`, only
/// those that are theirs.
pub(crate) async fn run(
    tagged: bool,
    owner: Option<&str>,
    global: &Global,
) -> Result<Exit, CliError> {
    let mut existing = existing(global).await?;
    if owner.is_some() {
        let theirs = |state: &State| render::environments::owner(state) == owner;
        existing.stacks.retain(|(_, state)| theirs(state));
    }
    let now = OffsetDateTime::now_utc();
    render::environments::list(&existing.stacks, owner, now, global);
    if tagged {
        let site = Site::connect(None, global).await?;
        let stateless = stateless(&existing, &site).await?;
        render::environments::stateless(&stateless, &site, global);
    }
    render::environments::unread(&existing.unread, global);
    Ok(if existing.unread.is_empty() {
        Exit::Done
    } else {
        Exit::Changes
    })
}

/// The stacks with a network in this account and region whose state does not lie here, with their blocks.
async fn stateless(existing: &Existing, site: &Site) -> Result<Vec<(String, String)>, CliError> {
    let is_here = |(named, state): &(Named, State), stack: &str| {
        named.name == stack
            && state.account.as_deref() == Some(&*site.aws.identity().account)
            && state.home() == Some(site.region.as_str())
    };
    let mut found = Vec::new();
    for block in site.aws.blocks(&site.region).await? {
        let Some(owner) = block.owner.as_ref() else {
            continue;
        };
        let stack = owner.stack.clone();
        if site.is_own(&stack, &block) && !existing.stacks.iter().any(|one| is_here(one, &stack)) {
            found.push((stack, block.cidr));
        }
    }
    found.sort();
    Ok(found)
}

/// Reads all of them. One that cannot be read does not hide the others.
pub(crate) async fn existing(global: &Global) -> Result<Existing, CliError> {
    let reads = stream::iter(all_stacks(global).await?)
        .map(|(named, store)| async move { (named, store.read().await) });
    let read: Vec<_> = reads.buffered(READS).collect().await;
    let mut existing = Existing::default();
    for (named, loaded) in read {
        match loaded.map(|loaded| loaded.state) {
            Ok(state) if state.resources.is_empty() => {}
            Ok(state) => existing.stacks.push((named, state)),
            Err(error) => existing.unread.push((named.name, error.into())),
        }
    }
    Ok(existing)
}
