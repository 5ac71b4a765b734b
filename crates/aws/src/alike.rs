//! What means the same to AWS although it is written differently: policies, and the names of keys.

use serde_json::Value;

use crate::Policy;

/// Fields with a policy document.
const POLICIES: [&str; 4] = [
    "policy",
    "policy_document",
    "resource_policy",
    "assume_role_policy_document",
];

/// Fields that name a KMS key.
const KEYS: [&str; 8] = [
    "kms_key_id",
    "kms_master_key_id",
    "kms_key",
    "master_user_secret_kms_key_id",
    "performance_insights_kms_key_id",
    "encryption_key",
    "encryption_key_arn",
    "encryption_key_id",
];

/// Whether the two values of the field at this path mean the same. For [`platctl_engine::Kind::alike`].
pub(crate) fn alike(path: &str, desired: &Value, live: &Value) -> bool {
    let name = path.trim_start_matches('/');
    match (desired.pointer(path), live.pointer(path)) {
        (Some(desired), Some(live)) => same(name, desired, live),
        _ => false,
    }
}

fn same(name: &str, desired: &Value, live: &Value) -> bool {
    if POLICIES.contains(&name) {
        return Policy::read(desired).is_some_and(|desired| Some(desired) == Policy::read(live));
    }
    match (desired, live) {
        (Value::String(desired), Value::String(live)) if KEYS.contains(&name) => {
            is_same_key(desired, live)
        }
        (Value::Object(desired), Value::Object(live)) => {
            desired.len() == live.len()
                && desired
                    .iter()
                    .all(|(name, value)| live.get(name).is_some_and(|live| same(name, value, live)))
        }
        (Value::Array(desired), Value::Array(live)) => {
            desired.len() == live.len()
                && desired
                    .iter()
                    .zip(live)
                    .all(|(desired, live)| same(name, desired, live))
        }
        _ => desired == live,
    }
}

/// A key by its ID or by its ARN. AWS answers with a key where an alias was given, so an alias and a key count as the
/// same: a database must never be replaced because its key is written in another way.
fn is_same_key(one: &str, other: &str) -> bool {
    match (alias(one), alias(other)) {
        (None, None) => key_id(one) == key_id(other),
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// `alias/name`, of an alias or its ARN.
fn alias(key: &str) -> Option<&str> {
    let resource = if key.starts_with("arn:") {
        key.splitn(6, ':').nth(5)?
    } else {
        key
    };
    resource.starts_with("alias/").then_some(resource)
}

fn key_id(key: &str) -> &str {
    key.rsplit_once("key/").map_or(key, |(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::samples;
    use serde_json::json;

    const ID: &str = "01234567-89ab-cdef-0123-456789abcdef";
    const ARN: &str = "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef";

    #[test]
    fn a_key_has_several_names() {
        for other in [
            ID,
            ARN,
            "alias/app",
            "arn:aws:kms:eu-west-1:123456789012:alias/app",
        ] {
            assert!(
                is_same_key(ARN, other) && is_same_key(other, ARN),
                "{other}"
            );
        }
        assert!(!is_same_key(
            ARN,
            "arn:aws:kms:eu-west-1:123456789012:key/other"
        ));
        assert!(!is_same_key("alias/app", "alias/other"));
        assert!(is_same_key(
            "alias/app",
            "arn:aws:kms:eu-west-1:123456789012:alias/app"
        ));
    }

    #[test]
    fn what_stands_beside_a_key_is_compared() {
        let encryption =
            |key: &str, enabled: bool| json!({"e": [{"kms_key_id": key, "enabled": enabled}]});
        assert!(alike("/e", &encryption(ID, true), &encryption(ARN, true)));
        assert!(!alike("/e", &encryption(ID, true), &encryption(ARN, false)));
        assert!(!alike("/e", &encryption(ID, true), &json!({})));
    }

    /// The field that a name leads to, and what is below it.
    fn fields<'a>(path: &str, value: &'a Value, found: &mut Vec<(String, &'a Value)>) {
        found.push((path.to_owned(), value));
        match value {
            Value::Object(map) => map.iter().for_each(|(name, value)| {
                fields(&format!("{path}/{name}"), value, found);
            }),
            Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| {
                fields(&format!("{path}/{at}"), value, found);
            }),
            _ => {}
        }
    }

    /// Another spelling of a value, if its field is one of those above.
    fn respelled(name: &str, value: &Value) -> Option<Value> {
        if KEYS.contains(&name) && value.as_str().is_some_and(|key| key.starts_with("arn:")) {
            return Some("alias/app".into());
        }
        let statements = value
            .get("Statement")
            .filter(|_| POLICIES.contains(&name))?;
        let [statement] = statements.as_array()?.as_slice() else {
            return None;
        };
        Some(json!({"Version": value["Version"], "Statement": statement}))
    }

    #[test]
    fn every_kind_compares_its_policies_and_keys_by_what_they_mean() {
        let mut tried = 0;
        for sample in samples() {
            let mut found = Vec::new();
            fields("", &sample.example, &mut found);
            for (path, value) in found {
                let name = path.rsplit('/').next().unwrap_or_default();
                let Some(other) = respelled(name, value) else {
                    continue;
                };
                let mut desired = sample.example.clone();
                *desired.pointer_mut(&path).unwrap() = other;
                let field: String = path.split('/').take(2).collect::<Vec<_>>().join("/");
                let alike = (sample.facts.alike)(&field, &desired, &sample.example);
                assert!(
                    alike,
                    "{}: {path} is compared as it is written",
                    sample.facts.name
                );
                tried += 1;
            }
        }
        assert!(tried > 12, "{tried}");
    }
}
