//! `platctl destroy`

use std::collections::BTreeMap;
use std::path::Path;

use platctl_engine::flow::{Request, prepare};
use platctl_engine::select::Selection;
use platctl_engine::state::State;

use super::apply::{Ask, converge};
use crate::cli::{Consent, Global};
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::{Named, locked};
use crate::render;

/// What to delete, and what was agreed to.
pub(crate) struct What<'a> {
    /// The stack as it was typed, for what the user may have to type next.
    pub(crate) path: &'a Path,
    pub(crate) consent: &'a Consent,
    pub(crate) selection: Selection,
}

/// Deletes everything that state knows. Needs no valid stack file, only the stack's name.
pub(crate) async fn run(what: What<'_>, global: &Global) -> Result<Exit, CliError> {
    let named = Named::find(what.path, global)?;
    delete(&named, what, |_| Ok(()), global).await
}

/// The same for a stack that was found, if `still` agrees once its state is locked.
pub(crate) async fn delete(
    named: &Named,
    what: What<'_>,
    still: impl FnOnce(&State) -> Result<(), CliError>,
    global: &Global,
) -> Result<Exit, CliError> {
    let store = named.store(global).await?;
    let loaded = store.read().await?;
    named.exists(&loaded.state)?;
    if loaded.state.resources.is_empty() {
        render::nothing_to_destroy(&named.name, &loaded.state.receipt, global);
        return Ok(Exit::Done);
    }
    let site = Site::connect(loaded.state.home(), global).await?;
    locked(&store, Some(&site), "destroy", global, async |session| {
        still(&session.state())?;
        site.guard(None, &session.state())?;
        let request = Request {
            graph: None,
            moved: BTreeMap::new(),
            data_loss: what.consent.data.consent(),
            selection: what.selection,
            read_options: site.read_options(session.is_doubtful()),
        };
        let prepared = prepare(request, session.state(), &*site.aws).await?;
        let question = "Do you want to delete all of these resources? This cannot be undone.";
        let ask = Ask {
            consent: what.consent,
            question,
            destroys: true,
            stack: what.path,
            ttl: None,
        };
        converge(&site, session, prepared, ask, global).await
    })
    .await
}
