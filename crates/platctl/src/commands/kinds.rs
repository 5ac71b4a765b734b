//! `platctl kinds`, `platctl explain`

use platctl_aws::registry::manuals;
use platctl_engine::manual::Manual;

use crate::cli::Global;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::kinds as render;

/// Lists the kinds, or those in whose name or description a word is.
pub(crate) fn list(word: Option<&str>, global: &Global) -> Result<Exit, CliError> {
    let word = word.unwrap_or_default().to_lowercase();
    let mut found = manuals();
    found.retain(|manual| {
        manual.facts.name.to_lowercase().contains(&word)
            || manual.about().to_lowercase().contains(&word)
    });
    found.sort_by_key(|manual| manual.facts.name);
    if found.is_empty() {
        return Err(CliError::other(format!(
            "no kind matches `{word}`; to list all kinds, run `platctl kinds`"
        )));
    }
    render::list(&found, global);
    Ok(Exit::Done)
}

/// Explains a kind, or one of its fields or outputs: `s3.Bucket`, `s3.Bucket.lifecycle_rules.id`, `s3.Bucket.arn`.
pub(crate) fn explain(what: &str, global: &Global) -> Result<Exit, CliError> {
    let (manual, path) = find(what)?;
    if path.is_empty() {
        render::kind(&manual, global);
        return Ok(Exit::Done);
    }
    let Some((field, below)) = manual.field(&path) else {
        let outputs = manual.outputs();
        if let Some((name, about)) = outputs.iter().find(|(name, _)| *name == path) {
            render::output(&manual, (name.as_str(), about.as_str()), global);
            return Ok(Exit::Done);
        }
        let name = manual.facts.name;
        return Err(CliError::other(format!(
            "{name} has no field `{path}`; to list its fields, run `platctl explain {name}`"
        )));
    };
    render::field(&manual, &field, &below, global);
    Ok(Exit::Done)
}

/// The kind that the first two words name, whatever their case, and the path that is left.
fn find(what: &str) -> Result<(Manual, String), CliError> {
    let all = manuals();
    let mut parts = what.splitn(3, '.');
    let wanted = [
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    ]
    .join(".")
    .to_lowercase();
    let path = parts.next().unwrap_or_default().to_owned();
    let known: Vec<&str> = all.iter().map(|manual| manual.facts.name).collect();
    let help = platctl_stack::nearest(&wanted, known.iter().copied()).map_or_else(
        || "to list all kinds, run `platctl kinds`".to_owned(),
        |name| format!("did you mean `{name}`?"),
    );
    let found = all
        .into_iter()
        .find(|manual| manual.facts.name.to_lowercase() == wanted);
    let missing = || CliError::other(format!("there is no kind `{what}`; {help}"));
    found.map(|manual| (manual, path)).ok_or_else(missing)
}
