//! Secrets are remembered by their fingerprints.
//!
//! A fingerprint tells whether a value changed; it does not protect a guessable one from whoever has the
//! state file, and its salt, and can try.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const KEY: &str = "$fingerprint";

/// The spec with the values at these JSON pointers replaced by `{"$fingerprint": "<32 hex digits>"}`: half
/// of the SHA-256 of the salt and the value. What is concealed already stays as it is.
#[must_use]
pub fn conceal(spec: &Value, write_only: &[&str], salt: &str) -> Value {
    let mut spec = spec.clone();
    for path in write_only {
        if let Some(value) = spec
            .pointer_mut(path)
            .filter(|value| !is_fingerprint(value))
        {
            *value = fingerprint(value, salt);
        }
    }
    spec
}

/// The spec without what is concealed in it: as much as its kind can read.
#[must_use]
pub fn legible(spec: &Value, write_only: &[&str]) -> Value {
    let mut spec = spec.clone();
    for path in write_only {
        let concealed = spec.pointer(path).is_some_and(is_fingerprint);
        if let (true, Some((parent, field))) = (concealed, path.rsplit_once('/'))
            && let Some(Value::Object(fields)) = spec.pointer_mut(parent)
        {
            fields.remove(field);
        }
    }
    spec
}

/// Whether a value is the one of which this fingerprint was taken with this salt.
#[must_use]
pub fn same(value: &Value, recorded: &Value, salt: &str) -> bool {
    fingerprint(value, salt) == *recorded
}

fn is_fingerprint(value: &Value) -> bool {
    let Some(map) = value.as_object().filter(|map| map.len() == 1) else {
        return false;
    };
    let hex = map.get(KEY).and_then(Value::as_str);
    hex.is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn fingerprint(value: &Value, salt: &str) -> Value {
    // Objects keep the order in which they were written, and that is no part of their value.
    let mut canonical = value.clone();
    canonical.sort_all_objects();
    let digest = Sha256::digest(format!("{salt}\n{canonical}"));
    let hex: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    json!({ KEY: hex })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_recognised_but_not_readable() {
        let spec = json!({"user": "u", "password": "hunter2"});
        let hidden = conceal(&spec, &["/password", "/absent"], "salt");
        assert!(!hidden.to_string().contains("hunter2"));
        assert_eq!(hidden["user"], "u");
        assert!(same(&json!("hunter2"), &hidden["password"], "salt"));
        assert!(!same(&json!("hunter3"), &hidden["password"], "salt"));
        assert!(!same(
            &json!("hunter2"),
            &hidden["password"],
            "another stack"
        ));
    }

    #[test]
    fn the_order_of_keys_is_no_part_of_a_secret() {
        let hidden = conceal(
            &json!({"s": {"b": [{"y": 1, "x": 2}], "a": 0}}),
            &["/s"],
            "salt",
        );
        assert!(same(
            &json!({"a": 0, "b": [{"x": 2, "y": 1}]}),
            &hidden["s"],
            "salt"
        ));
        assert!(!same(
            &json!({"a": 0, "b": [{"x": 1, "y": 2}]}),
            &hidden["s"],
            "salt"
        ));
    }

    #[test]
    fn what_is_concealed_is_not_concealed_again() {
        let once = conceal(
            &json!({"nested": {"key": ["a", "b"]}}),
            &["/nested/key"],
            "salt",
        );
        assert_eq!(conceal(&once, &["/nested/key"], "salt"), once);
        assert_ne!(
            conceal(&json!({"k": {"$fingerprint": "no"}}), &["/k"], "s")["k"]["$fingerprint"],
            "no"
        );
    }

    #[test]
    fn what_is_concealed_can_be_left_out() {
        let spec = json!({"user": "u", "on": true, "nested": {"key": "k", "more": 1}});
        let paths = ["/on", "/nested/key", "/absent"];
        let hidden = conceal(&spec, &paths, "salt");
        assert_eq!(
            legible(&hidden, &paths),
            json!({"user": "u", "nested": {"more": 1}})
        );
        assert_eq!(legible(&spec, &paths), spec, "what is not concealed stays");
    }

    #[test]
    fn a_fingerprint_is_the_same_in_every_release() {
        let hidden = conceal(&json!({"k": "v"}), &["/k"], "salt");
        assert_eq!(
            hidden["k"][KEY].as_str().unwrap(),
            sha256_hex("salt\n\"v\"")
        );
    }

    fn sha256_hex(text: &str) -> String {
        format!("{:x}", Sha256::digest(text))[..32].to_owned()
    }
}
