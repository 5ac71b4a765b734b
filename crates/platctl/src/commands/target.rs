//! The one object that a command is about, by its address.

use platctl_engine::state::State;

use crate::error::CliError;

/// What a command can be about.
pub(super) struct Wanted {
    /// What it is called, for people.
    pub(super) name: &'static str,
    /// Its kind. A block stands for the one object of this kind in it.
    pub(super) whole: &'static str,
    /// Kinds of parts of it that can be named as well.
    pub(super) parts: &'static [&'static str],
}

/// What was found.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) kind: String,
    pub(super) scope: String,
    pub(super) id: String,
}

/// The object at an address.
pub(super) fn target(
    state: &State,
    stack: &str,
    address: &str,
    wanted: &Wanted,
) -> Result<Target, CliError> {
    let below = format!("{address}.");
    let fits = |kind: &str| kind == wanted.whole || wanted.parts.contains(&kind);
    let (mut found, mut known) = (Vec::new(), Vec::new());
    let records = state.resources.iter();
    for (at, record) in records.filter(|(_, record)| fits(&record.kind)) {
        let Some(object) = &record.object else {
            continue;
        };
        known.push(at.to_string());
        let is_block = record.kind == wanted.whole && at.as_str().starts_with(&below);
        if at.as_str() == address || is_block {
            found.push(Target {
                kind: record.kind.clone(),
                scope: record.scope.clone(),
                id: object.id.to_string(),
            });
        }
    }
    let name = wanted.name;
    match (found.pop(), found.is_empty()) {
        (Some(target), true) => Ok(target),
        _ if known.is_empty() => Err(CliError::other(format!(
            "stack `{stack}` has no {name}. Nothing was changed"
        ))),
        _ => Err(CliError::other(format!(
            "`{address}` is not one {name} of stack `{stack}`. Specify one of {}. Nothing was changed",
            known.join(", ")
        ))),
    }
}
