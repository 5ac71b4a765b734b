//! What differs between the desired and the live spec: one comparison for all kinds.

use serde_json::{Map, Value};

use crate::changes::escape;
use crate::fields::Fact;
use crate::input::operator;
use crate::{AnyLive, Change, Facts, Owner};

/// What a comparison looks at.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The kind's facts.
    pub facts: &'a Facts,
    /// What is wanted, resolved as far as it can be.
    pub desired: &'a Value,
    /// What is there.
    pub live: &'a AnyLive,
    /// The spec last applied; null when this object was never applied.
    pub last: &'a Value,
    /// Whose tags the object should carry.
    pub owner: &'a Owner,
    /// The salt of the fingerprints in `last`.
    pub salt: &'a str,
}

/// The paths whose live value is not the desired one.
///
/// A top-level field that the desired spec does not state is not managed. Below the top level values are
/// compared whole. Of maps that others may write to, only keys that we want or last applied count.
#[must_use]
pub fn diff(comparison: &Comparison<'_>) -> Vec<Change> {
    let (mut changes, fields) = (Vec::new(), &comparison.facts.fields);
    let nothing = Map::new();
    let live = comparison.live.spec.as_object().unwrap_or(&nothing);
    for (key, desired) in comparison.desired.as_object().unwrap_or(&nothing) {
        let path = format!("/{}", escape(key));
        if fields.is(&path, Fact::CreateOnly) {
            continue;
        }
        if fields.is(&path, Fact::WriteOnly) {
            changes.extend(write_only(comparison, path, desired));
        } else if fields.is(&path, Fact::SharedMap) {
            shared_map(comparison.last, &path, desired, live.get(key), &mut changes);
        } else if fields.is(&path, Fact::StatedMap) {
            shared_map(&Value::Null, &path, desired, live.get(key), &mut changes);
        } else {
            // What is stated as nothing is not to be there.
            let is_set = |value: &&Value| !value.is_null();
            let (desired, live) = (Some(desired).filter(is_set), live.get(key).filter(is_set));
            compare(path, desired, live, &mut changes);
        }
    }
    forgotten_maps(comparison, live, &mut changes);
    changes.retain(|change| !is_alike(comparison, &change.path));
    changes.extend(ownership(comparison));
    changes.extend(restoration(comparison.live));
    changes
}

/// Whether the field that a path leads into means the same on both sides.
fn is_alike(comparison: &Comparison<'_>, path: &str) -> bool {
    let end = path
        .get(1..)
        .and_then(|rest| rest.find('/'))
        .map_or(path.len(), |at| at + 1);
    let field = path.get(..end).unwrap_or(path);
    (comparison.facts.alike)(field, comparison.desired, &comparison.live.spec)
}

fn compare(path: String, desired: Option<&Value>, live: Option<&Value>, changes: &mut Vec<Change>) {
    match (desired, live) {
        (Some(Value::Object(desired)), Some(Value::Object(live)))
            if operator(desired).is_none() =>
        {
            let extra = live.keys().filter(|key| !desired.contains_key(*key));
            for key in desired.keys().chain(extra) {
                compare(
                    format!("{path}/{}", escape(key)),
                    desired.get(key),
                    live.get(key),
                    changes,
                );
            }
        }
        (desired, live) if desired == live => {}
        (desired, live) => changes.push(Change {
            path,
            before: live.cloned(),
            after: desired.cloned(),
        }),
    }
}

/// Compares the keys that are desired, and those that were last applied.
fn shared_map(
    last: &Value,
    path: &str,
    desired: &Value,
    live: Option<&Value>,
    changes: &mut Vec<Change>,
) {
    let nothing = Map::new();
    let Some(desired) = desired.as_object().filter(|map| operator(map).is_none()) else {
        return compare(path.to_owned(), Some(desired), live, changes);
    };
    let live = live.and_then(Value::as_object).unwrap_or(&nothing);
    let last = last
        .pointer(path)
        .and_then(Value::as_object)
        .unwrap_or(&nothing);
    let dropped = last.keys().filter(|key| !desired.contains_key(*key));
    for key in desired.keys().chain(dropped) {
        compare(
            format!("{path}/{}", escape(key)),
            desired.get(key),
            live.get(key),
            changes,
        );
    }
}

/// A shared map that the desired spec no longer mentions at all: what we last applied of it goes.
fn forgotten_maps(
    comparison: &Comparison<'_>,
    live: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    let empty = Value::Object(Map::new());
    for path in comparison.facts.fields.with(Fact::SharedMap) {
        if comparison.desired.pointer(path).is_none() && comparison.last.pointer(path).is_some() {
            let live = path.get(1..).and_then(|key| live.get(key));
            shared_map(comparison.last, path, &empty, live, changes);
        }
    }
}

/// The cloud never returns it: what counts is whether it is what we last sent.
fn write_only(comparison: &Comparison<'_>, path: String, desired: &Value) -> Option<Change> {
    let last = comparison.last.pointer(&path)?;
    let same = crate::state::same(desired, last, comparison.salt);
    (!same).then(|| Change {
        path,
        before: None,
        after: Some(desired.clone()),
    })
}

fn ownership(comparison: &Comparison<'_>) -> Option<Change> {
    let Comparison {
        facts, live, owner, ..
    } = comparison;
    if !facts.tagged || live.owner.as_ref() == Some(owner) {
        return None;
    }
    Some(Change {
        path: crate::Changes::OWNER.into(),
        before: serde_json::to_value(&live.owner)
            .ok()
            .filter(|value| !value.is_null()),
        after: serde_json::to_value(owner).ok(),
    })
}

/// A stopped object is started, and one that is scheduled for deletion taken back.
fn restoration(live: &AnyLive) -> Option<Change> {
    let why = live.phase.dormant()?;
    Some(Change {
        path: crate::Changes::RESTORE.into(),
        before: Some(Value::String(why.to_owned())),
        after: Some(Value::String("ready".to_owned())),
    })
}

/// Whether this path holds what must not be shown: the values of write-only fields.
#[must_use]
pub fn is_sensitive(facts: &Facts, path: &str) -> bool {
    facts.fields.holds(path, Fact::WriteOnly)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::facts;
    use crate::{AnyLive, Id, Phase};
    use serde_json::json;

    fn owner() -> Owner {
        Owner {
            stack: "s".into(),
            address: "a".into(),
            generation: 1,
            region: None,
            lineage: Some("l".into()),
        }
    }

    fn changes(desired: Value, live: Value, last: Value) -> Vec<String> {
        let facts = facts("toy.Tags").unwrap();
        let live = AnyLive {
            id: Id::from("x"),
            spec: live,
            outputs: json!({}),
            owner: Some(owner()),
            phase: Phase::Ready,
            unmanaged: Vec::new(),
        };
        let comparison = Comparison {
            facts: &facts,
            desired: &desired,
            live: &live,
            last: &last,
            owner: &owner(),
            salt: "",
        };
        let show = |v: Option<Value>| v.map_or("-".to_owned(), |v| v.to_string());
        diff(&comparison)
            .into_iter()
            .map(|c| format!("{} {} {}", c.path, show(c.before), show(c.after)))
            .collect()
    }

    #[test]
    fn what_is_not_stated_is_not_managed() {
        assert!(
            changes(
                json!({"size": 1}),
                json!({"size": 1, "note": "theirs"}),
                Value::Null
            )
            .is_empty()
        );
    }

    #[test]
    fn what_is_stated_as_nothing_is_removed() {
        let got = changes(
            json!({"note": null}),
            json!({"note": "theirs"}),
            Value::Null,
        );
        assert_eq!(got, [r#"/note "theirs" -"#]);
        assert!(changes(json!({"note": null}), json!({"size": 1}), Value::Null).is_empty());
    }

    #[test]
    fn values_below_the_top_are_compared_whole() {
        let got = changes(
            json!({"p": {"a": 1}}),
            json!({"p": {"a": 1, "b": 2}}),
            Value::Null,
        );
        assert_eq!(got, ["/p/b 2 -"]);
    }

    #[test]
    fn what_means_the_same_is_no_change() {
        assert!(
            changes(
                json!({"spelling": "One"}),
                json!({"spelling": "ONE"}),
                Value::Null
            )
            .is_empty()
        );
        let got = changes(
            json!({"spelling": "One"}),
            json!({"spelling": "two"}),
            Value::Null,
        );
        assert_eq!(got, [r#"/spelling "two" "One""#]);
    }

    #[test]
    fn tags_of_others_stay_and_ours_go_when_they_are_dropped() {
        let live = json!({"tags": {"mine": "1", "old": "2", "theirs": "3"}});
        let got = changes(
            json!({"tags": {"mine": "x"}}),
            live.clone(),
            json!({"tags": {"mine": "1", "old": "2"}}),
        );
        assert_eq!(got, [r#"/tags/mine "1" "x""#, r#"/tags/old "2" -"#]);
        let got = changes(json!({}), live, json!({"tags": {"mine": "1"}}));
        assert_eq!(got, [r#"/tags/mine "1" -"#]);
    }

    #[test]
    fn how_it_came_into_being_does_not_matter_later() {
        assert!(
            changes(
                json!({"origin": "a"}),
                json!({"origin": "b"}),
                json!({"origin": "c"})
            )
            .is_empty()
        );
    }

    #[test]
    fn of_attributes_only_those_that_are_stated_count() {
        let live = json!({"attributes": {"a": "1", "b": "2"}});
        let got = changes(
            json!({"attributes": {"a": "x"}}),
            live,
            json!({"attributes": {"a": "x", "b": "2"}}),
        );
        assert_eq!(got, [r#"/attributes/a "1" "x""#]);
    }

    #[test]
    fn a_dropped_tag_that_is_gone_already_is_no_change() {
        assert!(
            changes(
                json!({"tags": {}}),
                json!({"tags": {}}),
                json!({"tags": {"old": "2"}})
            )
            .is_empty()
        );
    }

    #[test]
    fn an_unknown_value_is_a_change() {
        let got = changes(
            json!({"size": {"$unknown": "a.b"}}),
            json!({"size": 1}),
            Value::Null,
        );
        assert_eq!(got, [r#"/size 1 {"$unknown":"a.b"}"#]);
    }

    #[test]
    fn lost_ownership_tags_are_put_back() {
        let facts = facts("toy.Tags").unwrap();
        let live = AnyLive {
            id: Id::from("x"),
            spec: json!({}),
            outputs: json!({}),
            owner: None,
            phase: Phase::Ready,
            unmanaged: Vec::new(),
        };
        let comparison = Comparison {
            facts: &facts,
            desired: &json!({}),
            live: &live,
            last: &Value::Null,
            owner: &owner(),
            salt: "",
        };
        assert_eq!(diff(&comparison)[0].path, "/owner");
    }
}
