//! How an object that somebody changed is shown.

use serde_json::{Map, Value, json};

use crate::owned::owned;
use crate::secrets;

/// What is there in place of what was stated. Of a Secret, nothing is shown.
pub(crate) fn shown(stated: &Value, live: &Value) -> Value {
    if stated["kind"] == "Secret" || secrets::any(stated) {
        return json!({"changed": "by somebody else"});
    }
    let ours = owned(live);
    let mut shown = with_others(stated, Some(&ours), live);
    // These name the object, and belong to no manager.
    for pointer in [
        "/apiVersion",
        "/kind",
        "/metadata/name",
        "/metadata/namespace",
    ] {
        if let Some(value) = stated.pointer(pointer) {
            let (parent, field) = pointer.rsplit_once('/').unwrap_or_default();
            if let Some(parent) = shown.pointer_mut(parent).and_then(Value::as_object_mut) {
                parent.insert(field.to_owned(), value.clone());
            }
        }
    }
    shown
}

/// What there is of the fields that were stated, whoever they belong to now: whoever changes a field owns it from then
/// on, so platctl's own fields alone would show it as missing.
fn with_others(stated: &Value, ours: Option<&Value>, live: &Value) -> Value {
    match (stated, live) {
        (Value::Object(stated), Value::Object(live)) => {
            let mut shown = Map::new();
            for (key, below) in stated {
                if let Some(there) = live.get(key) {
                    let ours = ours.and_then(|ours| ours.get(key));
                    shown.insert(key.clone(), with_others(below, ours, there));
                }
            }
            shown.into()
        }
        (Value::Array(stated), Value::Array(live)) => {
            let ours = ours.and_then(Value::as_array);
            // Items that somebody else added are left out.
            let named = |items: &[Value], name: &Value| {
                items.iter().find(|item| item["name"] == *name).cloned()
            };
            if !stated.is_empty() && stated.iter().all(|item| item.get("name").is_some()) {
                let items = stated.iter().filter_map(|item| {
                    let there = named(live, &item["name"])?;
                    let ours = ours.and_then(|ours| named(ours, &item["name"]));
                    Some(with_others(item, ours.as_ref(), &there))
                });
                return items.collect();
            }
            ours.filter(|ours| !ours.is_empty())
                .map_or_else(|| live.clone().into(), |ours| ours.clone().into())
        }
        // Text that the server has rewritten is still platctl's.
        (_, live) => ours.filter(|ours| !ours.is_null()).unwrap_or(live).clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    #[test]
    fn a_value_that_somebody_took_over_is_shown() {
        let stated = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "n"},
            "spec": {"replicas": 2, "containers": [{"name": "web", "image": "one"}], "args": ["x"]},
        });
        let live = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "n", "uid": "u", "managedFields": [
                entry("platctl", &json!({"f:spec": {"f:args": {}, "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}}}}})),
                entry("kubectl-edit", &json!({"f:spec": {"f:replicas": {}}})),
            ]},
            "spec": {
                "replicas": 0, "paused": true, "args": ["x"],
                "containers": [{"name": "proxy", "image": "p"}, {"name": "web", "image": "two", "tty": true}],
            },
        });
        assert_eq!(
            shown(&stated, &live),
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "n"},
                "spec": {"replicas": 0, "containers": [{"name": "web", "image": "two"}], "args": ["x"]},
            })
        );
    }

    #[test]
    fn a_value_that_somebody_removed_is_not_shown() {
        let stated = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1", "b": "2"}});
        let mut live = stated.clone();
        live["data"] = json!({"a": "1"});
        assert_eq!(shown(&stated, &live)["data"], json!({"a": "1"}));
        live.as_object_mut().unwrap().remove("data");
        assert_eq!(shown(&stated, &live).get("data"), None);
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"a": "CANARY"}});
        assert!(!shown(&secret, &secret).to_string().contains("CANARY"));
    }
}
