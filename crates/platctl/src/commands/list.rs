//! `platctl list`

use platctl_engine::state::State;
use time::OffsetDateTime;

use crate::cli::Global;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::{Named, all_stacks};
use crate::render;

/// Shows the stacks whose state lies in one folder or bucket.
pub(crate) async fn run(global: &Global) -> Result<Exit, CliError> {
    let stacks = existing(global).await?;
    render::environments::list(&stacks, OffsetDateTime::now_utc(), global);
    Ok(Exit::Done)
}

/// The stacks that have resources, with what state knows of them.
pub(crate) async fn existing(global: &Global) -> Result<Vec<(Named, State)>, CliError> {
    let mut found = Vec::new();
    for named in all_stacks(global).await? {
        let state = named.store(global).await?.read().await?.state;
        if !state.resources.is_empty() {
            found.push((named, state));
        }
    }
    Ok(found)
}
