//! Digests of JSON that do not depend on the order of keys.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The same JSON with its keys in order.
fn ordered(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Value::Object(
                entries
                    .into_iter()
                    .map(|(k, v)| (k.clone(), ordered(v)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => items.iter().map(ordered).collect(),
        other => other.clone(),
    }
}

/// The SHA-256 of bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The SHA-256 of a JSON value.
pub(crate) fn of(value: &Value) -> String {
    sha256(ordered(value).to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_matter_that_of_items_does() {
        assert_eq!(
            of(&json!({"a": 1, "b": {"c": 2, "d": 3}})),
            of(&json!({"b": {"d": 3, "c": 2}, "a": 1}))
        );
        assert_ne!(of(&json!([1, 2])), of(&json!([2, 1])));
    }
}
