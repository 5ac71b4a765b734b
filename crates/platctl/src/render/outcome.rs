//! What became of a run: root causes first, then what it means, then what to do next.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use platctl_engine::events::Doing;
use platctl_engine::execute::{Kept, Outcome, StepError};
use serde_json::json;

use super::{Paint, json_line, time};

/// The summary as text.
pub(crate) fn text(
    outcome: &Outcome,
    elapsed: Duration,
    calls: u64,
    (destroys, stack): (bool, &Path),
    paint: Paint,
) -> String {
    let mut text = String::new();
    text.push_str(&failures(outcome, stack, paint));
    if !outcome.skipped.is_empty() {
        text.push_str(&skipped(outcome));
    }
    let (done, head) = (counts(outcome), headline(outcome, destroys));
    let _ = writeln!(
        text,
        "\n{} {done} in {}, {calls} API calls.",
        paint.bold(head),
        time(elapsed)
    );
    if !outcome.is_complete() {
        text.push_str(
            "All completed work is recorded in the state. To continue, run the same command again.\n",
        );
    } else if !destroys {
        text.push_str(&kept(outcome));
    }
    // The receipt of a destroy that is complete says it.
    if !destroys || !outcome.is_complete() {
        text.push_str(&left_alone(outcome));
    }
    text
}

/// How many addresses of one cause are named.
const NAMED: usize = 5;

/// The root causes, each with what to do about it. What would have stopped everything is said once.
fn failures(outcome: &Outcome, stack: &Path, paint: Paint) -> String {
    let mut causes: Vec<(&StepError, Vec<&str>)> = Vec::new();
    for (address, error) in &outcome.failed {
        let same = |known: &StepError| {
            error.is_hopeless() && known.is_hopeless() && known.class() == error.class()
        };
        match causes.iter_mut().find(|(known, _)| same(known)) {
            Some((_, addresses)) => addresses.push(address.as_str()),
            None => causes.push((error, vec![address.as_str()])),
        }
    }
    causes
        .iter()
        .fold(String::new(), |mut text, (error, addresses)| {
            let more = addresses.len().saturating_sub(NAMED);
            let mut names = addresses[..addresses.len() - more].join(", ");
            if more > 0 {
                let _ = write!(names, " and {more} more");
            }
            let said = error.to_string().replace('\n', "\n    ");
            let _ = writeln!(text, "\n{} {said}", paint.remove(&format!("✗ {names}:")));
            let advice = || error.class().map(|class| class.advice().to_owned());
            let hint = addresses
                .first()
                .and_then(|address| stranger_hint(address, error, stack));
            if let Some(hint) = hint.or_else(advice) {
                let _ = writeln!(text, "  {}", paint.dim(&hint));
            }
            text
        })
}

const fn headline(outcome: &Outcome, destroys: bool) -> &'static str {
    match (outcome.is_complete(), outcome.interrupted, destroys) {
        (true, _, true) => "Destroy complete.",
        (true, _, false) => "Apply complete.",
        (false, true, _) => "Interrupted.",
        (false, false, _) => "Not complete.",
    }
}

fn counts(outcome: &Outcome) -> String {
    let count = |wanted: Doing| {
        outcome
            .done
            .iter()
            .filter(|done| done.doing == wanted)
            .count()
    };
    let said = [
        (count(Doing::Create), "created"),
        (count(Doing::Adopt), "adopted"),
        (count(Doing::Update), "updated"),
        (count(Doing::Delete), "deleted"),
        (count(Doing::Keep), "kept"),
        (outcome.left.len(), "not deleted"),
        (outcome.failed.len(), "failed"),
        (outcome.skipped.len(), "skipped"),
        (outcome.unfinished, "unfinished"),
        (outcome.not_begun, "not started"),
    ];
    let said: Vec<String> = said
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    if said.is_empty() {
        "No changes made".to_owned()
    } else {
        said.join(", ")
    }
}

fn skipped(outcome: &Outcome) -> String {
    let mut causes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (address, because) in &outcome.skipped {
        causes
            .entry(because.as_str())
            .or_default()
            .push(address.as_str());
    }
    causes
        .iter()
        .fold(String::new(), |mut text, (cause, addresses)| {
            let _ = writeln!(
                text,
                "\nSkipped because {cause} failed: {}",
                addresses.join(", ")
            );
            text
        })
}

/// What is still there, on purpose.
fn kept(outcome: &Outcome) -> String {
    if outcome.kept.is_empty() {
        return String::new();
    }
    let line = |kept: &Kept| format!("  {}  {}\n", kept.address, super::value::clean(&kept.what));
    format!(
        "\nKept on purpose:\n{}",
        outcome.kept.iter().map(line).collect::<String>()
    )
}

/// What would have been deleted, and is not this stack's to delete.
fn left_alone(outcome: &Outcome) -> String {
    if outcome.left.is_empty() {
        return String::new();
    }
    let mut text = String::from("\nNot deleted, only removed from the state:\n");
    for (address, id, why) in &outcome.left {
        let _ = writeln!(
            text,
            "  {address}  {}  # {why}",
            super::value::clean(id.as_str())
        );
    }
    text
}

/// What to do about something that is in the way, and is not this stack's.
fn stranger_hint(address: &str, error: &StepError, stack: &Path) -> Option<String> {
    let StepError::Foreign { id, stranger, .. } = error else {
        return None;
    };
    Some(super::error::about_stranger(stranger, address, id, stack))
}

/// The summary as a JSON line.
pub(crate) fn json(outcome: &Outcome, elapsed: Duration, calls: u64) {
    json_line(&json!({
        "type": "outcome",
        "complete": outcome.is_complete(),
        "interrupted": outcome.interrupted,
        "done": outcome.done.iter().map(|done| json!({
            "address": done.address, "doing": done.doing, "id": done.id, "seconds": done.elapsed.as_secs_f64(),
        })).collect::<Vec<_>>(),
        "failed": outcome.failed.iter().map(|(address, error)| json!({
            "address": address, "error": error.to_string(),
        })).collect::<Vec<_>>(),
        "skipped": outcome.skipped.iter().map(|(address, because)| json!({
            "address": address, "because": because,
        })).collect::<Vec<_>>(),
        "kept": outcome.kept.iter().map(|kept| json!({"address": kept.address, "what": kept.what})).collect::<Vec<_>>(),
        "left_alone": outcome.left.iter().map(|(address, id, why)| json!({
            "address": address, "id": id, "because": why,
        })).collect::<Vec<_>>(),
        "unfinished": outcome.unfinished,
        "not_begun": outcome.not_begun,
        "seconds": elapsed.as_secs_f64(),
        "api_calls": calls,
    }));
}
