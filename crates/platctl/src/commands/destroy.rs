//! `platctl destroy`

use std::collections::BTreeMap;
use std::path::Path;

use platctl_engine::flow::{Request, prepare};
use platctl_engine::select::Selection;

use super::apply::{Ask, converge, open};
use super::plan::region_of;
use crate::cli::{Consent, Global};
use crate::cloud::{Site, stack_name, store};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render;

/// Deletes everything that state knows. Needs no valid stack file, only the stack's name.
pub(crate) async fn run(
    path: &Path,
    consent: &Consent,
    selection: Selection,
    global: &Global,
) -> Result<Exit, CliError> {
    let name = stack_name(path, global)?;
    let loaded = store(&name, global).read()?;
    if loaded.state.resources.is_empty() {
        render::nothing_to_destroy(&name, global);
        return Ok(Exit::Done);
    }
    let region = region_of(&loaded.state);
    let site = Site::connect(&name, region.as_deref(), global).await?;
    let session = open(&site, "destroy", global).await?;
    site.guard(None, &session.state())?;
    let request =
        Request { graph: None, moved: BTreeMap::new(), allow_data_loss: consent.allow_data_loss, selection };
    let prepared = prepare(request, session.state(), &*site.aws).await?;
    let question = "Destroy all of this? There is no undo.";
    converge(&site, session, prepared, Ask { consent, question, destroys: true }, global).await
}
