//! The server's account of whose fields are whose, in short: objects field by field, lists of named items item by
//! item, all else as a whole.

use serde_json::{Map, Value, json};

/// Maps that the API declares atomic: a manager owns all of one or nothing of it, so an apply replaces it.
const ATOMIC: &[(&str, &str)] = &[
    ("Service", "/spec/selector"),
    ("Deployment", "/spec/selector"),
    ("StatefulSet", "/spec/selector"),
    ("DaemonSet", "/spec/selector"),
    ("PodDisruptionBudget", "/spec/selector"),
    ("NetworkPolicy", "/spec/podSelector"),
];

/// The atomic maps that an object states.
fn atomic(stated: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    let of_kind = ATOMIC.iter().filter(|(kind, _)| stated["kind"] == *kind);
    of_kind.filter_map(|(_, pointer)| Some((*pointer, stated.pointer(pointer)?)))
}

/// The fields that a manager claims by stating an object: all but what names it. What is one value as a whole is
/// claimed as a whole.
fn claimed(stated: &Value) -> Value {
    let mut fields = fields_of(stated);
    for (pointer, _) in atomic(stated) {
        let at: String = pointer
            .split('/')
            .skip(1)
            .map(|part| format!("/f:{part}"))
            .collect();
        if let Some(whole) = fields.pointer_mut(&at) {
            *whole = json!({});
        }
    }
    for header in ["f:apiVersion", "f:kind"] {
        remove(&mut fields, header);
    }
    if let Some(metadata) = fields.get_mut("f:metadata") {
        for header in ["f:name", "f:namespace"] {
            remove(metadata, header);
        }
    }
    fields
}

/// Applies what a manager states: fields that it stated before and does not any more are gone.
pub(super) fn apply(
    object: &mut Value,
    stated: &Value,
    manager: &str,
    force: bool,
) -> Result<(), String> {
    let fields = claimed(stated);
    let mut account: Vec<Value> = object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for other in account
        .iter_mut()
        .filter(|entry| entry["manager"] != manager)
    {
        let differing = conflicts(&other["fieldsV1"], object, stated);
        if !differing.is_empty() && !force {
            return Err(format!(
                "conflict with \"{}\": {}",
                other["manager"],
                differing.join(", ")
            ));
        }
        for pointer in differing {
            take_out(&mut other["fieldsV1"], &pointer);
        }
    }
    let before = account
        .iter()
        .find(|entry| entry["manager"] == manager)
        .map(|entry| entry["fieldsV1"].clone());
    if let Some(before) = before {
        drop_unstated(object, &before, stated);
    }
    merge(object, stated);
    for (pointer, whole) in atomic(stated) {
        if let Some(there) = object.pointer_mut(pointer) {
            *there = whole.clone();
        }
    }
    account.retain(|entry| entry["manager"] != manager);
    account.push(
        json!({"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields}),
    );
    object["metadata"]["managedFields"] = account.into();
    Ok(())
}

/// Applies as clients do that compare themselves: what they applied the last time and do not state any more goes, and
/// all else stays as it is.
pub(super) fn apply_by_client(object: &mut Value, stated: &Value) {
    let last = object
        .pointer(LAST)
        .and_then(Value::as_str)
        .and_then(|text| serde_json::from_str(text).ok());
    if let Some(last) = last {
        drop_unstated(object, &fields_of(&last), stated);
    }
    merge(object, stated);
    object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
        stated.to_string().into();
}

/// Where such a client keeps what it applied the last time.
const LAST: &str = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// A change of some fields by a controller.
pub(super) fn change(object: &mut Value, patch: &Value) {
    merge(object, patch);
}

/// Somebody else now owns this field.
pub(super) fn disown(object: &mut Value, pointer: &str) {
    let mut stolen = Map::new();
    for entry in object["metadata"]["managedFields"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        take_out(&mut entry["fieldsV1"], pointer);
    }
    let mut at = &mut stolen;
    for part in pointer.trim_start_matches('/').split('/') {
        at = at
            .entry(format!("f:{part}"))
            .or_insert_with(|| json!({}))
            .as_object_mut()
            .unwrap_or_else(|| panic!("a field of the account is an object"));
    }
    if let Some(account) = object["metadata"]["managedFields"].as_array_mut() {
        account.push(json!({"manager": "somebody", "operation": "Update", "fieldsV1": stolen}));
    }
}

fn named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item.get("name").is_some())
}

pub(super) fn fields_of(stated: &Value) -> Value {
    match stated {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .map(|(key, value)| (format!("f:{key}"), fields_of(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) if named(items) => items
            .iter()
            .map(|item| {
                let mut below = fields_of(item);
                below["."] = json!({});
                (format!("k:{}", json!({"name": item["name"]})), below)
            })
            .collect::<Map<_, _>>()
            .into(),
        _ => json!({}),
    }
}

fn remove(fields: &mut Value, field: &str) {
    if let Some(map) = fields.as_object_mut() {
        map.remove(field);
    }
}

fn take_out(fields: &mut Value, pointer: &str) {
    let (parent, last) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    let parent: String = parent
        .split('/')
        .skip(1)
        .map(|part| format!("/f:{part}"))
        .collect();
    let Some(fields_there) = fields.pointer_mut(&parent) else {
        return;
    };
    remove(fields_there, &format!("f:{last}"));
    let bare = fields_there.as_object().is_some_and(Map::is_empty);
    if bare
        && let Some((above, _)) = pointer
            .rsplit_once('/')
            .filter(|(above, _)| !above.is_empty())
    {
        // Of what has no fields left, none is owned.
        take_out(fields, above);
    }
}

/// Fields of an account that would get another value.
fn conflicts(fields: &Value, object: &Value, stated: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (field, below) in fields.as_object().into_iter().flatten() {
        let Some(name) = field.strip_prefix("f:") else {
            continue;
        };
        let Some(new) = stated.get(name) else {
            continue;
        };
        let old = object.get(name).unwrap_or(&Value::Null);
        if below.as_object().is_some_and(|map| !map.is_empty()) {
            found.extend(
                conflicts(below, old, new)
                    .into_iter()
                    .map(|rest| format!("/{name}{rest}")),
            );
        } else if old != new {
            found.push(format!("/{name}"));
        }
    }
    found
}

fn drop_unstated(object: &mut Value, before: &Value, stated: &Value) {
    for (field, below) in before.as_object().into_iter().flatten() {
        if let Some(name) = field
            .strip_prefix("k:")
            .and_then(|key| serde_json::from_str::<Value>(key).ok())
        {
            let same = |item: &&Value| item["name"] == name["name"];
            let still = stated.as_array().and_then(|items| items.iter().find(same));
            let there = object
                .as_array_mut()
                .and_then(|items| items.iter_mut().find(|item| same(&&**item)));
            if let (Some(still), Some(there)) = (still, there) {
                drop_unstated(there, below, still);
            }
            continue;
        }
        let Some(name) = field.strip_prefix("f:") else {
            continue;
        };
        match (stated.get(name), object.as_object_mut()) {
            (Some(still), Some(map)) => {
                if let Some(there) = map.get_mut(name) {
                    drop_unstated(there, below, still);
                }
            }
            (None, Some(map)) => {
                map.remove(name);
            }
            _ => {}
        }
    }
}

fn merge(into: &mut Value, stated: &Value) {
    match (into, stated) {
        (Value::Object(into), Value::Object(stated)) => {
            for (key, value) in stated {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(stated)) if named(stated) && named(into) => {
            for item in stated {
                match into.iter_mut().find(|there| there["name"] == item["name"]) {
                    Some(there) => merge(there, item),
                    None => into.push(item.clone()),
                }
            }
        }
        (into, stated) => *into = stated.clone(),
    }
}
