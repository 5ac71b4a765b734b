//! Fields that are no longer declared. They stay as they are, and the plan says so: whoever takes a line out of the
//! file may expect the cloud's default to come back.

use serde_json::Value;

use crate::changes::escape;
use crate::fields::Fact;
use crate::{AnyLive, Facts};

/// The fields that were applied last, are still set, and are no longer stated. One that is stated as nothing is removed.
pub(super) fn released(
    facts: &Facts,
    desired: &Value,
    last: &Value,
    live: &AnyLive,
) -> Vec<String> {
    let stated = |field: &str| desired.get(field).is_some();
    let is_set = |field: &str| live.spec.get(field).is_some_and(|value| !is_nothing(value));
    let fields = last.as_object().into_iter().flatten();
    let fields = fields.filter(|(field, value)| {
        let path = format!("/{}", escape(field));
        // Keys of shared maps are removed, and what is written once or never read is not there to stay.
        let others = [Fact::SharedMap, Fact::WriteOnly, Fact::CreateOnly];
        let is_other = others.into_iter().any(|fact| facts.fields.is(&path, fact));
        !is_other && !is_nothing(value) && !stated(field) && is_set(field)
    });
    fields.map(|(field, _)| field.clone()).collect()
}

/// Nothing stays of what is empty or switched off.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::facts;
    use crate::{Id, Phase};
    use serde_json::json;

    fn live(spec: Value) -> AnyLive {
        AnyLive {
            id: Id::from("x"),
            spec,
            outputs: json!({}),
            owner: None,
            phase: Phase::Ready,
            unmanaged: Vec::new(),
        }
    }

    #[test]
    fn a_field_that_was_taken_out_stays_and_is_said() {
        let facts = facts("toy.Tags").unwrap();
        let last = json!({"size": 1, "color": "red", "note": "n", "tags": {"a": "b"}, "origin": "o", "parts": []});
        let seen =
            live(json!({"size": 1, "color": "red", "note": "", "tags": {"a": "b"}, "parts": []}));
        assert_eq!(
            released(&facts, &json!({"size": 1}), &last, &seen),
            ["color"]
        );
        assert!(
            released(
                &facts,
                &json!({"size": 1, "color": {"$unknown": "a.b"}}),
                &last,
                &seen
            )
            .is_empty()
        );
        assert!(released(&facts, &json!({}), &Value::Null, &seen).is_empty());
        // `color: null` removes it, and the change says so.
        let removed = json!({"size": 1, "color": null});
        assert!(released(&facts, &removed, &last, &seen).is_empty());
    }
}
