//! What moved away from what was last applied.

use std::collections::BTreeMap;
use std::fmt::Write;

use platctl_engine::drift::{Drift, Field, What};
use platctl_engine::state::State;
use platctl_engine::{Address, Changes};
use serde_json::{Value, json};

use super::value::{clean, inline, path};
use super::{Paint, count, json_line, raw};
use crate::cli::Global;

/// What is no drift, and is shown beside it.
pub(crate) struct Beside<'a> {
    pub(crate) unseen: &'a BTreeMap<Address, String>,
    pub(crate) unmanaged: &'a BTreeMap<Address, Vec<String>>,
    pub(crate) moved_on: &'a BTreeMap<Address, Vec<Field>>,
}

/// Every drift, and what drift cannot be told of.
pub(crate) fn show(
    drifts: &[Drift],
    unsettled: &[&Address],
    state: &State,
    Beside {
        unseen,
        unmanaged,
        moved_on,
    }: &Beside<'_>,
    global: &Global,
) {
    let size = state.resources.len();
    if global.json {
        drifts
            .iter()
            .for_each(|drift| json_line(&json!({"type": "drift", "resource": drift})));
        json_line(&json!({
            "type": "drifts", "stack": state.stack, "resources": size, "drifted": drifts.len(), "unsettled": unsettled,
            "unseen": unseen, "unmanaged": unmanaged, "moved_on": moved_on,
        }));
        return;
    }
    raw(&super::unseen(unseen.iter()));
    raw(&super::moved_on(moved_on.iter().flat_map(
        |(address, fields)| {
            fields
                .iter()
                .map(move |field| (address, field.path.as_str(), &field.live, &field.applied))
        },
    )));
    raw(&super::unmanaged(unmanaged.iter()));
    raw(&text(
        drifts,
        unsettled,
        (size, unmanaged.len()),
        Paint::stdout(global),
    ));
}

fn text(
    drifts: &[Drift],
    unsettled: &[&Address],
    (size, beyond): (usize, usize),
    paint: Paint,
) -> String {
    let mut text = String::new();
    for drift in drifts {
        let symbol = if drift.what == What::Gone {
            paint.remove("-")
        } else {
            paint.change("~")
        };
        let address = paint.bold(drift.address.as_str());
        let _ = writeln!(
            text,
            "  {symbol} {address}  {}  {}",
            drift.kind,
            clean(drift.id.as_str())
        );
        match &drift.what {
            What::Gone => {
                text.push_str("      does not exist: it was deleted outside of platctl\n")
            }
            What::Failed { why } => {
                let _ = writeln!(text, "      it is in a failed state: {}", clean(why));
            }
            What::Degraded { why } => {
                let _ = writeln!(text, "      it is usable, but AWS reports: {}", clean(why));
            }
            What::Changed { fields } => fields.iter().for_each(|field| text.push_str(&line(field))),
        }
        text.push('\n');
    }
    for address in unsettled {
        let _ = writeln!(
            text,
            "  {address}: an operation on it was interrupted; the next apply completes it\n"
        );
    }
    text + &verdict(drifts.len(), size, beyond, paint) + "\n"
}

fn verdict(drifted: usize, size: usize, beyond: usize, paint: Paint) -> String {
    match drifted {
        0 if beyond == 0 => format!(
            "{} AWS matches the last apply ({}).",
            paint.bold("No drift."),
            count(size)
        ),
        0 => format!(
            "{} What platctl manages matches the last apply ({}). Settings that are not managed: on {}.",
            paint.bold("No drift."),
            count(size),
            count(beyond)
        ),
        drifted => format!(
            "{} {drifted} of {size} resources. To revert the changes, run `platctl apply`; to keep them, \
             update the stack file.",
            paint.bold("Drift:")
        ),
    }
}

fn line(field: &Field) -> String {
    if field.path == Changes::OWNER {
        return "      its ownership tags were changed\n".to_owned();
    }
    if field.path == Changes::RESTORE {
        let why = field
            .live
            .as_ref()
            .and_then(Value::as_str)
            .unwrap_or_default();
        return format!("      it is not usable: {}\n", clean(why));
    }
    let show = |value: &Option<Value>| match value {
        None => "(none)".to_owned(),
        Some(_) if field.sensitive => "(sensitive)".to_owned(),
        Some(value) => inline(value),
    };
    format!(
        "      {}  was {}, is {}\n",
        path(&field.path),
        show(&field.applied),
        show(&field.live)
    )
}
