//! `platctl output`

use std::path::Path;

use serde_json::Value;

use crate::cli::Global;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::Named;
use crate::render;

/// Prints outputs as they were last seen; calls nothing.
pub(crate) async fn run(
    path: &Path,
    wanted: Option<&str>,
    global: &Global,
) -> Result<Exit, CliError> {
    let named = Named::find(path, global)?;
    let state = named.store(global).await?.read().await?.state;
    named.exists(&state)?;
    let stack = named.name;
    let all = state.resources.iter().flat_map(|(address, record)| {
        let outputs = record
            .object
            .as_ref()
            .and_then(|object| object.outputs.as_object());
        outputs
            .into_iter()
            .flatten()
            .map(move |(name, value)| (format!("{address}.{name}"), value))
    });
    let Some(wanted) = wanted else {
        let all: Vec<(String, Value)> = all.map(|(name, value)| (name, value.clone())).collect();
        render::outputs(&all, global);
        return Ok(Exit::Done);
    };
    match all.into_iter().find(|(name, _)| name == wanted) {
        Some((_, value)) => render::output(value, global),
        None => {
            return Err(CliError::other(format!(
                "stack `{stack}` has no output `{wanted}`; to list all outputs, run `platctl output {}`",
                path.display()
            )));
        }
    }
    Ok(Exit::Done)
}
