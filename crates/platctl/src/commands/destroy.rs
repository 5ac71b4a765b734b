//! `platctl destroy`

use std::collections::BTreeMap;
use std::path::Path;

use platctl_engine::flow::{Request, prepare};
use platctl_engine::select::Selection;

use super::apply::{Ask, converge};
use crate::cli::{Consent, Global};
use crate::cloud::Site;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::{Named, locked};
use crate::render;

/// Deletes everything that state knows. Needs no valid stack file, only the stack's name.
pub(crate) async fn run(
    path: &Path,
    consent: &Consent,
    selection: Selection,
    global: &Global,
) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let store = named.store(global).await?;
    let loaded = store.read().await?;
    named.exists(&loaded.state)?;
    if loaded.state.resources.is_empty() {
        render::nothing_to_destroy(&named.name, global);
        return Ok(Exit::Done);
    }
    let site = Site::connect(loaded.state.home(), global).await?;
    locked(&store, Some(&site), "destroy", global, async |session| {
        site.guard(None, &session.state())?;
        let data_loss = consent.data.consent();
        let options = site.read_options(session.is_doubtful());
        let request = Request {
            graph: None,
            moved: BTreeMap::new(),
            data_loss,
            selection,
            read_options: options,
        };
        let prepared = prepare(request, session.state(), &*site.aws).await?;
        let question = "Do you want to delete all of these resources? This cannot be undone.";
        converge(
            &site,
            session,
            prepared,
            Ask {
                consent,
                question,
                destroys: true,
                stack: path,
            },
            global,
        )
        .await
    })
    .await
}
