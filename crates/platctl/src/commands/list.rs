//! `platctl list`

use futures::stream::{self, StreamExt};
use platctl_engine::state::State;
use time::OffsetDateTime;

use crate::cli::Global;
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
pub(crate) async fn run(global: &Global) -> Result<Exit, CliError> {
    let existing = existing(global).await?;
    render::environments::list(&existing.stacks, OffsetDateTime::now_utc(), global);
    render::environments::unread(&existing.unread, global);
    Ok(if existing.unread.is_empty() {
        Exit::Done
    } else {
        Exit::Changes
    })
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
