//! `platctl drift`

use std::path::Path;

use platctl_engine::drift::{attached, drift, moved_on, unmanaged, unsettled};
use platctl_engine::observe::observe;

use crate::cli::Global;
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::render::{self, drift::Beside};

/// Compares live AWS with what was last applied. Needs no valid stack file: state alone says what was.
pub(crate) async fn run(
    path: &Path,
    detailed_exitcode: bool,
    global: &Global,
) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let mut state = named.store(global).await?.read().await?.state;
    named.exists(&state)?;
    let name = named.name;
    if state.resources.is_empty() {
        render::nothing_there(&name, global);
        return Ok(Exit::Done);
    }
    let look = Global {
        look: true,
        ..global.clone()
    };
    let site = Site::connect(state.home(), &look).await?;
    site.guard(None, &state)?;
    state.settle_in(&site.region);
    let observed = observe(&state, None, &*site.aws, site.read_options(false)).await?;
    let drifts = drift(&state, &observed, &*site.aws);
    let mut beyond = unmanaged(&state, &observed);
    for (address, others) in attached(&state, &observed, &*site.aws, site.aws.teller()).await? {
        beyond.entry(address).or_default().extend(others);
    }
    let moved_on = moved_on(&state, &observed, &*site.aws);
    let beside = Beside {
        unseen: &observed.unseen,
        unmanaged: &beyond,
        moved_on: &moved_on,
    };
    render::drift::show(&drifts, &unsettled(&state), &state, &beside, global);
    Ok(if detailed_exitcode && !drifts.is_empty() {
        Exit::Changes
    } else {
        Exit::Done
    })
}
