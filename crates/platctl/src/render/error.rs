//! Errors: what happened, to what, and what to do next.

use std::path::Path;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use platctl_engine::Id;
use platctl_engine::observe::{Stranger, Twin};
use platctl_engine::plan::Refusal;
use serde_json::json;

use super::{Paint, error_line, json_line};
use crate::cli::Global;
use crate::error::CliError;

/// Reports the error that ended the command.
pub(crate) fn report(error: &CliError, global: &Global) {
    if global.json {
        json_line(&json!({"type": "error", "error": plain(error)}));
    }
    let paint = Paint::stderr(global);
    error_line(&text(error, paint));
}

/// The error as people read it.
pub(crate) fn text(error: &CliError, paint: Paint) -> String {
    match error {
        CliError::Stack(errors) => errors
            .iter()
            .map(|error| diagnostic(error, paint))
            .collect(),
        CliError::Refused { refusals, stack } => refused(refusals, stack, paint),
        other => format!("{} {other}", paint.remove("Error:")),
    }
}

/// The error as programs read it.
pub(crate) fn plain(error: &CliError) -> String {
    match error {
        CliError::Stack(errors) => errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
        CliError::Refused { refusals, .. } => refusals
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
        other => other.to_string(),
    }
}

fn diagnostic(error: &dyn Diagnostic, paint: Paint) -> String {
    let theme = if paint.is_on() {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme)
        .with_width(100)
        .render_report(&mut text, error)
    {
        Ok(()) => text,
        Err(_) => format!("{error}\n"),
    }
}

/// How many refusals of one cause are told in full.
const TOLD: usize = 3;

fn refused(refusals: &[Refusal], stack: &Path, paint: Paint) -> String {
    let mut lines = vec![format!(
        "{} the plan cannot be applied; nothing was changed:",
        paint.remove("Error:")
    )];
    let (lost, others): (Vec<&Refusal>, Vec<&Refusal>) =
        refusals.iter().partition(|refusal| is_lost(refusal));
    for refusal in others.into_iter().chain(lost.iter().copied().take(TOLD)) {
        lines.push(format!("  - {refusal}"));
        lines.push(format!("    {}", paint.dim(&next(refusal, stack))));
    }
    if lost.len() > TOLD {
        lines.push(format!(
            "  - and {} more resources of that other state",
            lost.len() - TOLD
        ));
    }
    lines.join("\n")
}

/// Whether it is about what another state of this stack has: then it is mostly about all of it.
const fn is_lost(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Foreign {
            stranger: Stranger::OtherState,
            ..
        } | Refusal::NotOurs {
            stranger: Stranger::OtherState,
            ..
        }
    )
}

/// What to do about it.
fn next(refusal: &Refusal, stack: &Path) -> String {
    let at = stack.display();
    match refusal {
        Refusal::DataLoss { address, .. } => {
            format!("to allow its data to be deleted, add --allow-data-loss {address}")
        }
        Refusal::Foreign {
            address,
            id,
            stranger,
            ..
        } => about_stranger(stranger, address.as_str(), id, stack),
        Refusal::NotOurs {
            address,
            stranger: Stranger::OtherState,
            ..
        } => format!(
            "if that state is lost, run `platctl state recover {at}` to take it over; if somebody else uses \
             it, use their state, or remove the resource from this one with `platctl state rm {at} \
             {address}`"
        ),
        Refusal::NotOurs { address, .. } => {
            format!(
                "to remove it from this state without deleting the object, run `platctl state rm {at} \
                {address}`"
            )
        }
        Refusal::Twice {
            address,
            other,
            twin,
            ..
        } => about_twin(*twin, address.as_str(), other.as_str(), stack),
        Refusal::Held { address, holder } => format!(
            "give the new `{address}` another name, so that both can exist at the same time; or replace \
             both: add --replace {holder}"
        ),
        Refusal::Ambiguous { .. } => {
            format!(
                "run `platctl state recover {at}`: it keeps the newest generation; if two objects have the \
                 same generation, delete the one that is not in use"
            )
        }
        Refusal::Invalid { .. } => "correct the stack file".into(),
        Refusal::UnknownKind { .. } => {
            "use the version of platctl that wrote this state, or a newer one".into()
        }
        Refusal::Another { .. } => "give the new resource another name in the stack file".into(),
        Refusal::NoSuchAddress { .. } => {
            format!("to list the addresses in the state, run `platctl state list {at}`")
        }
        Refusal::NotThere { .. } => format!("run `platctl apply {at}` first"),
        Refusal::LeftBehind { .. } => {
            "or exclude the resource that it depends on from this run too".into()
        }
        Refusal::Move { .. } => "correct `moved:` in the stack file".into(),
    }
}

/// What to do about one object under two addresses.
fn about_twin(twin: Twin, address: &str, other: &str, stack: &Path) -> String {
    let at = stack.display();
    match twin {
        Twin::Found => {
            format!("if the resource was renamed, run `platctl state mv {at} {other} {address}`")
        }
        Twin::Known => format!(
            "remove the wrong one from the state: `platctl state rm {at} {address}` (or {other})"
        ),
        Twin::Both => "remove one of them from the stack file, or give it another name".into(),
    }
}

/// What to do about an object that has the name of a declared resource, and is not this stack's.
pub(super) fn about_stranger(stranger: &Stranger, address: &str, id: &Id, stack: &Path) -> String {
    let (at, id) = (stack.display(), super::value::clean(id.as_str()));
    match stranger {
        Stranger::Unowned => format!(
            "to bring it into this stack, run `platctl import {at} {address} {id}`; otherwise give the \
             resource another name"
        ),
        Stranger::OtherAddress(old) => format!(
            "if the resource was renamed, add `moved: {{{old}: {address}}}` to the stack file; otherwise \
             give the resource another name"
        ),
        Stranger::OtherState => format!(
            "if that state is lost, run `platctl state recover {at}` to take it over; if somebody else uses \
             it, use their state"
        ),
        Stranger::OtherRegion | Stranger::OtherStack => {
            "it will not be changed: give the resource another name in the stack file".to_owned()
        }
    }
}
