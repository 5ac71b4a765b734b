//! What exists, and its health.

use std::collections::BTreeMap;

use platctl_engine::drift::Field;
use platctl_engine::observe::Observed;
use platctl_engine::state::{Record, State};
use platctl_engine::{Address, Phase};
use serde_json::{Value, json};
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::value::clean;
use super::{Paint, json_line, raw};
use crate::cli::Global;

/// What is said of resources beside their health.
pub(crate) struct Remarks {
    /// What moved by itself, and stays.
    pub(crate) moved_on: BTreeMap<Address, Vec<Field>>,
    /// What AWS offers newer versions of.
    pub(crate) behind: BTreeMap<Address, String>,
}

/// How wide the columns of addresses and kinds are: as wide as the longest of them.
#[derive(Debug, PartialEq, Eq)]
struct Columns {
    width: usize,
    kind: usize,
}

impl Columns {
    fn of(state: &State) -> Self {
        let addresses = state.resources.keys().map(|one| one.as_str().len());
        let kinds = state.resources.values().map(|record| record.kind.len());
        Self {
            width: addresses.max().unwrap_or(0),
            kind: kinds.max().unwrap_or(0),
        }
    }
}

/// Every resource that state knows, with how it is doing now.
pub(crate) fn show(state: &State, observed: &Observed, remarks: &Remarks, global: &Global) {
    let Remarks { moved_on, behind } = remarks;
    let paint = Paint::stdout(global);
    let Columns { width, kind } = Columns::of(state);
    for (address, record) in &state.resources {
        let (id, health, fine) = health(record, observed);
        let live = record.object.as_ref();
        let live = live.and_then(|object| observed.get(&record.kind, &record.scope, &object.id));
        let unmanaged = live
            .map(|live| live.unmanaged.as_slice())
            .unwrap_or_default();
        if global.json {
            json_line(&json!({
                "type": "resource", "address": address, "kind": record.kind, "scope": record.scope, "id": id,
                "health": health, "unmanaged": unmanaged, "moved_on": moved_on.get(address),
                "behind": behind.get(address),
                "age_days": live.and_then(|live| age(&live.outputs)),
            }));
        } else {
            let health = if fine {
                paint.add(&health)
            } else {
                paint.remove(&health)
            };
            raw(&format!(
                "{address:width$}  {:kind$}  {}  {health}\n",
                record.kind,
                clean(&id)
            ));
            if let Some(age) = live.and_then(|live| age(&live.outputs)) {
                raw(&format!("{:width$}  {}\n", "", old(age)));
            }
            for field in moved_on.get(address).into_iter().flatten() {
                let moved = super::moved(&field.path, &field.live, &field.applied);
                raw(&format!(
                    "{:width$}  changed outside of platctl, and kept: {moved}\n",
                    ""
                ));
            }
            if let Some(what) = behind.get(address) {
                raw(&format!("{:width$}  {}\n", "", clean(what)));
            }
            if !unmanaged.is_empty() {
                raw(&format!(
                    "{:width$}  also set, not managed: {}\n",
                    "",
                    super::beyond(unmanaged)
                ));
            }
        }
    }
}

/// After how many days a credential is to be rotated.
const ROTATE_AFTER: i64 = 90;

/// How many days ago a credential was created; none for what is no credential.
fn age(outputs: &Value) -> Option<i64> {
    let day = format_description!("[year]-[month]-[day]");
    let created = Date::parse(outputs.get("created_on")?.as_str()?, day).ok()?;
    Some((OffsetDateTime::now_utc().date() - created).whole_days())
}

fn old(days: i64) -> String {
    let advice = if days >= ROTATE_AFTER {
        ": to replace it, run `platctl rotate FILE`"
    } else {
        ""
    };
    let unit = if days == 1 { "day" } else { "days" };
    format!("created {days} {unit} ago{advice}")
}

fn health(record: &Record, observed: &Observed) -> (String, String, bool) {
    let Some(object) = &record.object else {
        return (
            "-".into(),
            "its creation was interrupted; the next apply completes it".into(),
            false,
        );
    };
    let live = observed.get(&record.kind, &record.scope, &object.id);
    let (health, fine) = match live.map(|live| &live.phase) {
        None => ("gone".to_owned(), false),
        Some(Phase::Ready) => ("ready".to_owned(), true),
        Some(Phase::Settling(status)) => (clean(status), true),
        Some(Phase::Degraded(why)) => (format!("ready, but AWS reports: {}", clean(why)), false),
        Some(Phase::Stopped(why) | Phase::Scheduled(why)) => (clean(why), false),
        Some(Phase::Deleting) => ("being deleted".to_owned(), false),
        Some(Phase::Failed(why)) => (format!("failed: {}", clean(why)), false),
    };
    (object.id.to_string(), health, fine)
}

/// Every resource that state knows; calls nothing.
pub(crate) fn list(state: &State, global: &Global) {
    let Columns { width, kind } = Columns::of(state);
    for (address, record) in &state.resources {
        let id = record
            .object
            .as_ref()
            .map_or("-", |object| object.id.as_str());
        if global.json {
            json_line(
                &json!({"type": "resource", "address": address, "kind": record.kind, "id": id}),
            );
        } else {
            raw(&format!(
                "{address:width$}  {:kind$}  {}\n",
                record.kind,
                clean(id)
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut state = State::new("prod");
        for (address, kind) in [
            ("a", "logs.LogGroup"),
            ("a.long", "codecommit.ApprovalRuleTemplate"),
        ] {
            let address = Address::new(address).unwrap();
            state
                .resources
                .insert(address, Record::new(kind, "eu-west-1"));
        }
        let (width, kind) = ("a.long".len(), "codecommit.ApprovalRuleTemplate".len());
        assert_eq!(Columns::of(&state), Columns { width, kind });
        let none = Columns { width: 0, kind: 0 };
        assert_eq!(Columns::of(&State::new("prod")), none);
    }

    #[test]
    fn a_credential_says_how_old_it_is() {
        assert_eq!(age(&json!({"arn": "x"})), None);
        assert_eq!(age(&json!({"created_on": ""})), None);
        assert!(age(&json!({"created_on": "2020-01-01"})).is_some_and(|days| days > 300));
        assert_eq!(old(1), "created 1 day ago");
        assert_eq!(old(89), "created 89 days ago");
        assert_eq!(
            old(90),
            "created 90 days ago: to replace it, run `platctl rotate FILE`"
        );
    }
}
