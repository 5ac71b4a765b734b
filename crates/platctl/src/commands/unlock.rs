//! `platctl unlock`

use std::path::Path;

use platctl_engine::state::{Holder, LockStatus};

use crate::cli::Global;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::prompt::agreed;
use crate::render;

/// Ends a lease that somebody holds, after saying what that breaks.
pub(crate) async fn run(path: &Path, yes: bool, global: &Global) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let store = named.store(global).await?;
    match store.lock_status().await? {
        LockStatus::Free => {
            render::line(
                &format!(
                    "The state of `{}` is not locked; nothing was changed.",
                    named.name
                ),
                global,
            );
        }
        LockStatus::Process(holder) => {
            return Err(CliError::other(format!(
                "{holder}. Its lock is released when that process ends: wait for it, or stop it with `kill \
                 {}`; it records the operations in progress before it stops",
                holder.pid
            )));
        }
        LockStatus::Lease {
            holder,
            heard,
            left,
        } => {
            let (heard, left) = (heard.as_secs(), left.as_secs());
            render::line(
                &format!(
                    "{holder}.\nIts last heartbeat was {heard} s ago; without another one, its lease expires \
                     in {left} s.\n\
                     If it is still running, it stops at its next step: operations that are in progress then \
                     are not recorded, and the next run finds their resources by their tags. It can no \
                     longer change the state."
                ),
                global,
            );
            agreed(yes, "Do you want to end its lease?")?;
            store.unlock(&Holder::here("unlock")).await?;
            render::line(
                "The lease was ended. The next run can use the state.",
                global,
            );
        }
    }
    Ok(Exit::Done)
}
