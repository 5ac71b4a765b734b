//! Errors: what happened, to what, and what to do next.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
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
        CliError::Stack(errors) => errors.iter().map(|error| diagnostic(error, paint)).collect(),
        CliError::Refused(refusals) => refused(refusals, paint),
        other => format!("{} {other}", paint.remove("Error:")),
    }
}

fn plain(error: &CliError) -> String {
    match error {
        CliError::Stack(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        CliError::Refused(refusals) => {
            refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

fn diagnostic(error: &dyn Diagnostic, paint: Paint) -> String {
    let theme = if paint.is_on() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme).with_width(100).render_report(&mut text, error) {
        Ok(()) => text,
        Err(_) => format!("{error}\n"),
    }
}

fn refused(refusals: &[Refusal], paint: Paint) -> String {
    let mut lines = vec![format!("{} the plan is refused, nothing was changed:", paint.remove("Error:"))];
    for refusal in refusals {
        lines.push(format!("  - {refusal}"));
        lines.push(format!("    {}", paint.dim(&next(refusal))));
    }
    lines.join("\n")
}

/// What to do about it.
fn next(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Held { address, holder } => format!(
            "give the new `{address}` another name, so that both can exist for a while; or have both replaced: \
             --replace {holder}"
        ),
        Refusal::DataLoss { address, .. } => format!("if its data may be deleted, add --allow-data-loss {address}"),
        other => advice(other).to_owned(),
    }
}

const fn advice(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Foreign { .. } => "give it another name in the stack file, or delete the other one",
        Refusal::Ambiguous { .. } => {
            "`platctl state recover` with the stack file goes on from the last of several generations; two of one generation \
             nobody can tell apart: delete the one that nothing uses"
        }
        Refusal::Invalid { .. } => "correct the stack file",
        Refusal::UnknownKind { .. } => "use the platctl that wrote this state, or a newer one",
        Refusal::NoSuchAddress { .. } => "`platctl state list` shows what there is",
        Refusal::LeftBehind { .. } => "or leave the resource that it was built on out of this run too",
        Refusal::Move { .. } | Refusal::Held { .. } | Refusal::DataLoss { .. } => "correct `moved:` in the stack file",
    }
}
