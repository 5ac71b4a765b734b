//! Everything that a person, or a program, reads. Results on stdout, progress and errors on stderr.

mod departure;
pub(crate) mod drift;
pub(crate) mod environments;
pub(crate) mod error;
pub(crate) mod iam_policy;
pub(crate) mod kinds;
mod outcome;
pub(crate) mod plan;
pub(crate) mod progress;
mod receipt;
pub(crate) mod status;
mod style;
mod sweep;
mod terminal;
pub(crate) mod upgrade;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use platctl_emulator::Running;
use platctl_engine::execute::{NothingDetached, Outcome};
use platctl_engine::plan::{Plan, Refusal};
use platctl_engine::predict::Prediction;
use platctl_engine::recover::Recovered;
use platctl_engine::state::{Ended, Record};
use platctl_engine::{Address, Id};
use serde_json::{Value, json};

use crate::cli::Global;
use crate::cloud::Site;
use crate::ending::Sweep;
pub(crate) use departure::departure;
pub(crate) use style::Paint;
pub(crate) use sweep::orphans;

/// The version of the `--json` format. Raised when a program that reads it would have to change.
const FORMAT: u32 = 1;

/// Writes to stdout. A reader that has gone away ends the output, not the run.
pub(crate) fn raw(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout
        .write_all(terminal::safe(text).as_bytes())
        .and_then(|()| stdout.flush());
}

/// Writes a line to stderr.
pub(crate) fn error_line(text: &str) {
    progress::above(|| {
        let _ = writeln!(std::io::stderr().lock(), "{}", terminal::safe(text));
    });
}

/// Prints one JSON object on a line; the first of a command is preceded by the format's version.
pub(crate) fn json_line(value: &Value) {
    static HEADER: std::sync::Once = std::sync::Once::new();
    HEADER.call_once(|| {
        raw(&format!(
            "{}\n",
            json!({"type": "platctl", "format": FORMAT, "version": env!("CARGO_PKG_VERSION")})
        ));
    });
    raw(&format!("{}\n", terminal::escaped(&value.to_string())));
}

/// Prints one sentence as a result. An empty line before it is for people only.
pub(crate) fn line(text: &str, global: &Global) {
    if global.json {
        json_line(&json!({"type": "message", "text": text.trim_start_matches('\n')}));
    } else {
        raw(&format!("{text}\n"));
    }
}

/// What could not be looked at, and why: it counts as it was last applied. Empty when all was.
pub(crate) fn unseen<'a>(what: impl Iterator<Item = (&'a Address, &'a String)>) -> String {
    let mut by_reason: BTreeMap<&String, Vec<&str>> = BTreeMap::new();
    for (address, why) in what {
        by_reason.entry(why).or_default().push(address.as_str());
    }
    let line = |(why, addresses): (&String, Vec<&str>)| {
        format!(
            "Not refreshed, shown as last applied: {} ({}).\n\n",
            addresses.join(", "),
            value::clean(why)
        )
    };
    by_reason.into_iter().map(line).collect()
}

/// What is set on live objects and platctl does not manage. Empty when there is nothing.
pub(crate) fn unmanaged<'a>(what: impl Iterator<Item = (&'a Address, &'a Vec<String>)>) -> String {
    let lines: String = what
        .map(|(address, settings)| format!("  {address}: {}\n", beyond(settings)))
        .collect();
    if lines.is_empty() {
        lines
    } else {
        format!("Also set, not managed:\n{lines}\n")
    }
}

/// What moved outside of platctl, and stays as it is: address, path, value now, value stated. Empty when nothing did.
pub(crate) fn moved_on<'a>(
    what: impl Iterator<Item = (&'a Address, &'a str, &'a Option<Value>, &'a Option<Value>)>,
) -> String {
    let lines: String = what
        .map(|(address, at, now, stated)| format!("  {address}: {}\n", moved(at, now, stated)))
        .collect();
    if lines.is_empty() {
        lines
    } else {
        format!("Changed outside of platctl, and kept:\n{lines}\n")
    }
}

/// A value that moved, in one line.
pub(crate) fn moved(at: &str, now: &Option<Value>, stated: &Option<Value>) -> String {
    let show = |value: &Option<Value>| {
        value
            .as_ref()
            .map_or_else(|| "(none)".to_owned(), value::inline)
    };
    format!(
        "{} is {}, configured is {}",
        value::path(at),
        show(now),
        show(stated)
    )
}

/// Settings that are not managed, in one line.
pub(crate) fn beyond(settings: &[String]) -> String {
    settings
        .iter()
        .map(|text| value::clean(text))
        .collect::<Vec<_>>()
        .join("; ")
}

/// A duration as people say it.
pub(crate) fn time(duration: Duration) -> String {
    match duration.as_secs() {
        0..=9 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ 10..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `1 resource`, `2 resources`.
pub(crate) fn count(resources: usize) -> String {
    format!(
        "{resources} {}",
        if resources == 1 {
            "resource"
        } else {
            "resources"
        }
    )
}

pub(crate) fn validated(name: &str, resources: usize, warnings: &[String], global: &Global) {
    if global.json {
        json_line(
            &json!({"type": "valid", "stack": name, "resources": resources, "warnings": warnings}),
        );
        return;
    }
    raw(&format!("Stack `{name}` is valid: {}.\n", count(resources)));
    for warning in warnings {
        raw(&format!("Warning: {}.\n", value::clean(warning)));
    }
}

/// What is worth a warning before a plan is shown. It is no part of the plan.
pub(crate) fn warnings(warnings: &[String], global: &Global) {
    for warning in warnings {
        if global.json {
            json_line(&json!({"type": "warning", "text": warning}));
        } else {
            error_line(&format!("Warning: {}.", value::clean(warning)));
        }
    }
}

/// Shows a plan. Where it is refused for another reason than the data that it would delete, the reason alone is what
/// somebody has to read: the plan itself is shown with `-v`.
pub(crate) fn plan(plan: &Plan, prediction: &Prediction, site: &Site, global: &Global) {
    let about_data = |refusal: &Refusal| matches!(refusal, Refusal::DataLoss { .. });
    if global.json {
        plan::json(plan, prediction);
    } else if plan.refusals.iter().all(about_data) || global.verbose > 0 {
        let identity = site.aws.identity();
        let place = format!("account {}, {}", identity.account, site.region);
        raw(&plan::text(plan, prediction, &place, Paint::stdout(global)));
    }
}

pub(crate) fn saved(path: &Path, sha256: &str, global: &Global) {
    if global.json {
        json_line(&json!({"type": "saved_plan", "path": path, "sha256": sha256}));
        return;
    }
    let text = format!(
        "Saved the plan. To perform exactly these actions, run `platctl apply {}`.\nSHA-256: {sha256}",
        path.display()
    );
    line(&text, global);
}

pub(crate) fn outcome(
    outcome: &Outcome,
    elapsed: Duration,
    site: &Site,
    (destroys, stack): (bool, &Path),
    global: &Global,
) {
    if global.json {
        outcome::json(outcome, elapsed, site.aws.calls().total());
    } else {
        let text = outcome::text(
            outcome,
            elapsed,
            site.aws.calls().total(),
            (destroys, stack),
            Paint::stdout(global),
        );
        raw(&text);
    }
}

/// Says of each `--detach-foreign` that had no effect that it had none, and why.
pub(crate) fn nothing_detached(names: &[NothingDetached], global: &Global) {
    for NothingDetached { name, deleted } in names {
        let why = match deleted {
            true => "no object outside of the stack kept it from being deleted",
            false => "this run does not delete any resource at this address",
        };
        line(
            &format!("--detach-foreign {name}: nothing was detached, because {why}."),
            global,
        );
    }
}

pub(crate) fn nothing_to_destroy(name: &str, receipt: &[Ended], global: &Global) {
    line(
        &format!("Nothing to delete: the state of stack `{name}` has no resources."),
        global,
    );
    if !receipt.is_empty() {
        self::receipt(receipt, None, global);
    }
}

/// What became of the objects of a stack that was deleted, and what a search found afterwards.
pub(crate) fn receipt(receipt: &[Ended], sweep: Option<&Sweep>, global: &Global) {
    if global.json {
        json_line(&receipt::json(receipt, sweep));
    } else {
        raw(&receipt::text(receipt, sweep));
    }
}

/// What a state that is being recovered would claim by name alone.
pub(crate) fn by_name(claims: &[(Address, Id)], global: &Global) {
    if !global.json {
        raw(
            "These resources do not support tags; only their names indicate that they belong to this stack:\n",
        );
        claims
            .iter()
            .for_each(|(address, id)| raw(&format!("  ? {address}  {id}\n")));
    }
}

/// What a recovered state consists of.
pub(crate) fn recovered(recovered: &Recovered, path: &Path, global: &Global) {
    if global.json {
        let found: serde_json::Map<String, Value> = recovered
            .found
            .iter()
            .map(|(address, id)| (address.to_string(), json!(id)))
            .collect();
        json_line(&json!({
            "type": "recovered", "found": found, "known": recovered.known, "missing": recovered.missing,
            "by_name": recovered.by_name,
        }));
        return;
    }
    for (address, id) in &recovered.found {
        raw(&format!("  = {address}  {id}\n"));
    }
    for (address, id) in &recovered.by_name {
        raw(&format!(
            "  ! {address}  {id}  not adopted: to import it, run `platctl import {} {address} {id}`\n",
            path.display()
        ));
    }
    for refusal in &recovered.refusals {
        raw(&format!("  ! {refusal}\n"));
    }
    let (found, known, missing) = (
        recovered.found.len(),
        recovered.known,
        recovered.missing.len(),
    );
    raw(&format!(
        "\nState recovered: {found} found in AWS, {known} already in the state, {missing} declared but not \
         found. Nothing was changed in AWS. Only resources that are declared in this file were searched for. \
         To see what the next apply would do, run `platctl plan {}`.\n",
        path.display()
    ));
}

pub(crate) fn nothing_there(name: &str, global: &Global) {
    line(&format!("Stack `{name}` has no resources."), global);
}

pub(crate) fn outputs(all: &[(String, Value)], global: &Global) {
    if global.json {
        let map: serde_json::Map<String, Value> = all.iter().cloned().collect();
        json_line(&json!({"type": "outputs", "outputs": map}));
        return;
    }
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in all {
        raw(&format!("{name:width$} = {}\n", value::inline(value)));
    }
}

/// One output, as a script wants it: strings without quotes.
pub(crate) fn output(value: &Value, global: &Global) {
    match value {
        Value::String(text) if !global.json => raw(&format!("{}\n", value::clean(text))),
        other => raw(&format!("{}\n", terminal::escaped(&other.to_string()))),
    }
}

pub(crate) fn record(address: &str, record: &Record, global: &Global) {
    if global.json {
        json_line(&json!({"type": "record", "address": address, "record": record}));
    } else {
        let text = serde_json::to_string_pretty(record).unwrap_or_default();
        raw(&format!("{address} {}\n", terminal::escaped(&text)));
    }
}

/// Lines for a shell: `eval "$(platctl emulator status --env)"`.
pub(crate) fn emulator_environment(variables: &[(&str, String)], global: &Global) {
    if global.json {
        let variables: BTreeMap<_, _> = variables
            .iter()
            .map(|(name, value)| (*name, value))
            .collect();
        json_line(&json!({"type": "emulator_environment", "variables": variables}));
        return;
    }
    for (name, value) in variables {
        raw(&format!(
            "export {name}='{}'\n",
            value.replace('\'', "'\\''")
        ));
    }
    // The token of another session does not belong to this key.
    raw("unset AWS_SESSION_TOKEN\n");
}

pub(crate) fn emulator(running: Option<&Running>, global: &Global) {
    match running {
        Some(running) if global.json => {
            json_line(
                &json!({"type": "emulator", "running": true, "endpoint": running.endpoint, "pid": running.pid}),
            );
        }
        None if global.json => json_line(&json!({"type": "emulator", "running": false})),
        Some(running) => raw(&format!(
            "The emulator runs at {} (pid {}, log {}).\n\
             To use the AWS CLI with it: eval \"$(platctl emulator status --env)\"\n",
            running.endpoint,
            running.pid,
            running.log.display()
        )),
        None => raw("The emulator is not running.\n"),
    }
}
