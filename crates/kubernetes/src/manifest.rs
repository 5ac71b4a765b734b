//! Manifests from elsewhere: what is at an address counts only with the digest that was stated.

use std::collections::HashMap;

use platctl_engine::{Class, CloudError, CloudResult};
use serde_json::Value;

use crate::digest;
use crate::objects::Manifest;

fn wrong(message: String) -> CloudError {
    CloudError::new(Class::Invalid, "kubernetes:Fetch", message)
}

/// Refuses bytes that are not those that the manifest's digest was made of.
///
/// # Errors
/// Both digests, and what to do.
pub fn verify(manifest: &Manifest, bytes: &[u8]) -> CloudResult<()> {
    let found = digest::sha256(bytes);
    if found == manifest.sha256.to_ascii_lowercase() {
        return Ok(());
    }
    Err(wrong(format!(
        "the manifest at {} has the SHA-256 checksum {found}, expected {}: it was not applied. If the change \
         is intended, review the manifest and update its checksum",
        manifest.url, manifest.sha256
    )))
}

/// The objects of a manifest. Numbers and words are read as Kubernetes does: `0644` is octal, `yes` a word.
pub(crate) fn objects(bytes: &[u8]) -> CloudResult<Vec<Value>> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| wrong(format!("the manifest is not valid text: {error}")))?;
    let options = serde_yaml::options! { strict_booleans: true, legacy_octal_numbers: true };
    let documents: Vec<Value> = serde_yaml::from_multiple_with_options(text, options)
        .map_err(|error| wrong(format!("cannot read the manifest: {error}")))?;
    let mut objects = Vec::new();
    for document in documents {
        match document {
            Value::Null => {}
            Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => {
                if let Some(Value::Array(items)) = list.remove("items") {
                    objects.extend(items);
                }
            }
            object @ Value::Object(_) => objects.push(object),
            other => {
                return Err(wrong(format!(
                    "the manifest contains {other} instead of an object"
                )));
            }
        }
    }
    Ok(objects)
}

/// The kinds that a manifest defines, by group and name, and whether their objects stand in namespaces.
pub(crate) fn namespaced_kinds(objects: &[Value]) -> HashMap<(String, String), bool> {
    let definitions = objects
        .iter()
        .filter(|object| object["kind"] == "CustomResourceDefinition");
    let kind = |object: &Value| {
        let spec = &object["spec"];
        let name = (
            spec["group"].as_str()?.to_owned(),
            spec["names"]["kind"].as_str()?.to_owned(),
        );
        Some((name, spec["scope"] == "Namespaced"))
    };
    definitions.filter_map(kind).collect()
}

/// An object of a manifest with what a set states of it besides: fields one by one, items of lists by their names.
pub(crate) fn overlaid(mut base: Value, over: &Value) -> Value {
    match (&mut base, over) {
        (Value::Object(fields), Value::Object(over)) => {
            for (key, value) in over {
                let below = fields.remove(key).unwrap_or_default();
                fields.insert(key.clone(), overlaid(below, value));
            }
        }
        (Value::Array(items), Value::Array(over)) if named(items) && named(over) => {
            for item in over {
                match items.iter_mut().find(|there| there["name"] == item["name"]) {
                    Some(there) => *there = overlaid(there.take(), item),
                    None => items.push(item.clone()),
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
    base
}

fn named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item.get("name").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_lists_and_empty_ones() {
        let text = "---\nkind: A\nmode: 0644\nword: yes\n---\n---\nkind: List\nitems:\n- kind: B\n- kind: C\n";
        let objects = objects(text.as_bytes()).unwrap();
        let kinds: Vec<&str> = objects
            .iter()
            .filter_map(|object| object["kind"].as_str())
            .collect();
        assert_eq!(kinds, ["A", "B", "C"]);
        assert_eq!(
            (objects[0]["mode"].as_u64(), objects[0]["word"].as_str()),
            (Some(420), Some("yes"))
        );
    }

    #[test]
    fn other_bytes_are_refused_and_both_digests_named() {
        let manifest = Manifest {
            url: "https://example.com/a.yaml".into(),
            sha256: digest::sha256(b"a: 1"),
            namespace: None,
        };
        assert!(verify(&manifest, b"a: 1").is_ok());
        let error = verify(&manifest, b"a: 2").unwrap_err().to_string();
        assert!(
            error.contains(&digest::sha256(b"a: 2")) && error.contains(&manifest.sha256),
            "{error}"
        );
    }
}
