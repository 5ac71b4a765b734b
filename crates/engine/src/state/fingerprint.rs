//! Secrets are remembered by their fingerprints.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const KEY: &str = "$fingerprint";

/// The spec with the values at these JSON pointers replaced by fingerprints.
#[must_use]
pub fn conceal(spec: &Value, write_only: &[&str], salt: &str) -> Value {
    let mut spec = spec.clone();
    for path in write_only {
        if let Some(value) = spec.pointer_mut(path) {
            *value = fingerprint(value, salt);
        }
    }
    spec
}

/// Whether a value is the one of which this fingerprint was taken.
#[must_use]
pub fn same(value: &Value, recorded: &Value, salt: &str) -> bool {
    fingerprint(value, salt) == *recorded
}

fn fingerprint(value: &Value, salt: &str) -> Value {
    let digest = Sha256::digest(format!("{salt}\n{value}"));
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
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
        assert!(!same(&json!("hunter2"), &hidden["password"], "another stack"));
    }
}
