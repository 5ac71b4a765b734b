//! `platctl reap`

use std::path::Path;

use platctl_engine::select::Selection;
use platctl_engine::state::State;
use time::OffsetDateTime;

use super::{destroy, list};
use crate::cli::{Consent, Data, Global};
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::prompt::agreed;
use crate::render;

/// What a scheduler or a person asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// Whether not to ask.
    pub(crate) yes: bool,
    /// Whether only to show what has expired.
    pub(crate) dry_run: bool,
}

/// Deletes every stack that has expired, one after another. One that cannot be deleted does not stop the others.
pub(crate) async fn run(wish: Wish, global: &Global) -> Result<Exit, CliError> {
    let now = OffsetDateTime::now_utc();
    let list::Existing { stacks, unread } = list::existing(global).await?;
    let mut expired = stacks;
    expired.retain(|(_, state)| has_ended(state, now));
    render::environments::expired(&expired, now, global);
    render::environments::unread(&unread, global);
    let mut left: Vec<String> = unread.into_iter().map(|(name, _)| name).collect();
    if expired.is_empty() || wish.dry_run {
        // A program reads the same end whatever there was to delete.
        if global.json && !wish.dry_run {
            render::environments::reaped(left.len(), &left, global);
        }
        return Ok(exit(&left));
    }
    let question = "Do you want to delete all resources of these stacks, with their data?";
    agreed(wish.yes, question)?;
    let total = expired.len() + left.len();
    for (named, _) in expired {
        match end(&named, now, global).await {
            Ok(Exit::Done) => {}
            // Whoever interrupts one deletion wants no further one to begin.
            Ok(exit @ (Exit::Interrupted | Exit::Terminated)) => return Ok(exit),
            Ok(_) => left.push(named.name),
            Err(error) => {
                render::environments::not_deleted(&named.name, &error, global);
                left.push(named.name);
            }
        }
    }
    render::environments::reaped(total, &left, global);
    Ok(exit(&left))
}

fn exit(left: &[String]) -> Exit {
    if left.is_empty() {
        Exit::Done
    } else {
        Exit::Changes
    }
}

/// Deletes one stack, unless somebody has extended or pinned it meanwhile.
async fn end(named: &Named, now: OffsetDateTime, global: &Global) -> Result<Exit, CliError> {
    let consent = Consent {
        yes: true,
        data: Data::default(),
        detach_foreign: Vec::new(),
    };
    let still = |state: &State| {
        has_ended(state, now).then_some(()).ok_or_else(|| {
            CliError::other("it was extended or pinned meanwhile; nothing was changed")
        })
    };
    let path = Path::new(&named.name);
    let what = destroy::What {
        path,
        consent: &consent,
        selection: Selection::default(),
    };
    destroy::delete(named, what, still, global).await
}

fn has_ended(state: &State, at: OffsetDateTime) -> bool {
    state.lifespan.is_some_and(|life| life.has_ended(at))
}
