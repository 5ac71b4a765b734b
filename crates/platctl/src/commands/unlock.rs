//! `platctl unlock`

use std::path::Path;

use platctl_engine::state::{Grip, Holder};

use crate::cli::Global;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::prompt::confirm;
use crate::render;

/// Ends a lease that somebody holds, after saying what that breaks.
pub(crate) async fn run(path: &Path, yes: bool, global: &Global) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let store = named.store(global).await?;
    match store.grip().await? {
        Grip::Free => {
            render::line(
                &format!("Nobody holds the state of `{}`; nothing was changed.", named.name),
                global,
            );
        }
        Grip::Process(holder) => {
            return Err(CliError::other(format!(
                "{holder}. Its lock ends with that process, so there is nothing to break: wait for it, or stop it with \
                 `kill {}`; it records what it has under way",
                holder.pid
            )));
        }
        Grip::Lease { holder, heard, left } => {
            let (heard, left) = (heard.as_secs(), left.as_secs());
            render::line(
                &format!(
                    "{holder}.\nIt was heard of {heard} s ago; not heard of again, it loses the lease by itself in {left} s.\n\
                     If it lives, it is stopped at its next step: what it has under way then is not recorded, and is \
                     found by its tags by the next run. It can change nothing in the state any more."
                ),
                global,
            );
            if !yes && !confirm("End its lease?") {
                return Err(CliError::other("not confirmed; nothing was changed"));
            }
            store.unlock(&Holder::here("unlock")).await?;
            render::line("The lease has ended. The next run takes the state over.", global);
        }
    }
    Ok(Exit::Done)
}
