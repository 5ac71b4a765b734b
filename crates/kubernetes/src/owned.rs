//! Which part of an object is platctl's own: the server keeps account of it in `managedFields`.

use serde_json::{Map, Value};

/// Under which name platctl applies.
pub(crate) const MANAGER: &str = "platctl";

/// The part of a live object that platctl applied, with its values of now; null when nothing is platctl's any more.
/// Who takes a field over with a change of theirs takes it out of this.
pub(crate) fn owned(object: &Value) -> Value {
    let entries = object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let ours = entries.into_iter().flatten().find(|entry| {
        entry["manager"] == MANAGER
            && entry["operation"] == "Apply"
            && entry["subresource"].is_null()
    });
    ours.map_or(Value::Null, |entry| project(object, &entry["fieldsV1"]))
}

fn project(value: &Value, fields: &Value) -> Value {
    let Some(fields) = fields
        .as_object()
        .filter(|fields| fields.keys().any(|key| key != "."))
    else {
        return value.clone();
    };
    match value {
        Value::Object(map) => {
            let ours = fields.iter().filter_map(|(field, below)| {
                let name = field.strip_prefix("f:")?;
                Some((name.to_owned(), project(map.get(name)?, below)))
            });
            Value::Object(ours.collect::<Map<_, _>>())
        }
        Value::Array(items) => fields
            .iter()
            .filter_map(|(field, below)| find(items, field).map(|item| project(item, below)))
            .collect(),
        other => other.clone(),
    }
}

/// The item of a list that a field of the account names: by its keys, by its value, or by its place.
fn find<'a>(items: &'a [Value], field: &str) -> Option<&'a Value> {
    let (how, which) = field.split_once(':')?;
    match how {
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(which).ok()?;
            // A key may be left out where it has a default: `protocol` of a port.
            let same = |item: &&Value| {
                keys.iter()
                    .all(|(key, value)| item.get(key).is_none_or(|there| there == value))
            };
            items.iter().find(same)
        }
        "v" => {
            let wanted: Value = serde_json::from_str(which).ok()?;
            items.iter().find(|item| **item == wanted)
        }
        "i" => items.get(which.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object() -> Value {
        json!({
            "kind": "Deployment",
            "metadata": {
                "name": "a",
                "managedFields": [
                    {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}},
                    {"manager": "platctl", "operation": "Apply", "fieldsV1": {
                        "f:metadata": {"f:finalizers": {"v:\"one\"": {}}, "f:labels": {"f:app": {}}},
                        "f:spec": {
                            "f:replicas": {},
                            "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}}},
                        },
                    }},
                ],
                "finalizers": ["two", "one"],
                "labels": {"app": "a", "theirs": "x"},
            },
            "spec": {
                "replicas": 2, "paused": true,
                "containers": [{"name": "sidecar", "image": "s"}, {"name": "web", "image": "w", "added": 1}],
            },
        })
    }

    #[test]
    fn only_what_platctl_applied_counts() {
        assert_eq!(
            owned(&object()),
            json!({
                "metadata": {"finalizers": ["one"], "labels": {"app": "a"}},
                "spec": {"replicas": 2, "containers": [{"name": "web", "image": "w"}]},
            })
        );
    }

    #[test]
    fn without_an_entry_nothing_is_ours() {
        let mut foreign = object();
        foreign["metadata"]["managedFields"][1]["manager"] = "helm".into();
        assert_eq!(owned(&foreign), Value::Null);
    }
}
