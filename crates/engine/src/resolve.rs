//! References become values.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::input::{JOIN, REF, UNKNOWN, operator};
use crate::{Address, AnyLive};

/// The outputs that are known of each resource. An output that is absent is not known yet.
#[derive(Clone, Debug, Default)]
pub struct KnownOutputs(HashMap<Address, Map<String, Value>>);

impl KnownOutputs {
    /// Writes down the known outputs of a live object.
    pub fn set(&mut self, address: Address, live: &AnyLive) {
        if let Value::Object(known) = live.known_outputs() {
            self.0.insert(address, known);
        }
    }

    /// Writes down outputs that are known before the object is there.
    pub fn foresee(&mut self, address: Address, outputs: Map<String, Value>) {
        self.0.insert(address, outputs);
    }

    /// Forgets what is known of a resource, but for the outputs that `keep` names.
    pub fn forget(&mut self, address: &Address, keep: impl Fn(&str) -> bool) {
        if let Some(outputs) = self.0.get_mut(address) {
            outputs.retain(|name, _| keep(name));
        }
    }

    /// Writes down what some outputs of a resource are going to be.
    pub fn amend(&mut self, address: &Address, outputs: Map<String, Value>) {
        self.0.entry(address.clone()).or_default().extend(outputs);
    }

    fn get(&self, reference: &str) -> Option<&Value> {
        let (address, output) = reference.rsplit_once('.')?;
        self.0.get(address)?.get(output)
    }
}

/// Replaces references by what the board knows. What it does not know becomes
/// `{"$unknown": "address.output"}`.
#[must_use]
pub fn resolve(spec: &Value, known: &KnownOutputs) -> Value {
    match spec {
        Value::Object(map) => match operator(map) {
            Some((REF, Value::String(reference))) => known
                .get(reference)
                .cloned()
                .unwrap_or_else(|| json!({ UNKNOWN: reference })),
            Some((JOIN, Value::Array(parts))) => join(parts, known),
            Some(_) => spec.clone(),
            None => map
                .iter()
                .map(|(key, value)| (key.clone(), resolve(value, known)))
                .collect(),
        },
        Value::Array(items) => items.iter().map(|item| resolve(item, known)).collect(),
        _ => spec.clone(),
    }
}

fn join(parts: &[Value], known: &KnownOutputs) -> Value {
    let mut text = String::new();
    for part in parts {
        match resolve(part, known) {
            Value::String(part) => text.push_str(&part),
            unknown @ Value::Object(_) => return unknown,
            other => text.push_str(&other.to_string()),
        }
    }
    Value::String(text)
}

/// Whether nothing in a resolved spec is still to become known.
#[must_use]
pub fn is_known(spec: &Value) -> bool {
    !crate::input::is_expr(spec)
}

/// The reference that a value waits for, if it is an unknown.
#[must_use]
pub fn unknown(value: &Value) -> Option<&str> {
    match operator(value.as_object()?)? {
        (UNKNOWN, reference) => reference.as_str(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Phase;

    fn live(outputs: Value, phase: Phase) -> AnyLive {
        AnyLive {
            id: "x".into(),
            spec: json!({}),
            outputs,
            owner: None,
            phase,
            unmanaged: Vec::new(),
        }
    }

    #[test]
    fn what_is_empty_while_the_object_is_made_is_not_known_yet() {
        let outputs = json!({"arn": "arn:…", "issuer": ""});
        let settling = live(outputs.clone(), Phase::Settling("CREATING".into()));
        assert_eq!(settling.known_outputs(), json!({"arn": "arn:…"}));
        assert_eq!(live(outputs.clone(), Phase::Ready).known_outputs(), outputs);
    }

    fn known() -> KnownOutputs {
        let mut known = KnownOutputs::default();
        let live = live(
            json!({"vpc_id": "vpc-1", "later": null, "n": 4}),
            Phase::Ready,
        );
        known.set(Address::new("network.vpc").unwrap(), &live);
        known
    }

    #[test]
    fn known_outputs_replace_references_anywhere() {
        let spec =
            json!({"a": {"$ref": "network.vpc.vpc_id"}, "list": [{"$ref": "network.vpc.n"}, "x"]});
        assert_eq!(
            resolve(&spec, &known()),
            json!({"a": "vpc-1", "list": [4, "x"]})
        );
    }

    #[test]
    fn what_is_not_known_says_what_it_waits_for() {
        let spec = json!({"a": {"$ref": "network.vpc.later"}, "b": {"$ref": "gone.id"}});
        let resolved = resolve(&spec, &known());
        assert_eq!(
            resolved,
            json!({"a": {"$unknown": "network.vpc.later"}, "b": {"$unknown": "gone.id"}})
        );
        assert!(!is_known(&resolved));
        assert_eq!(unknown(&resolved["b"]), Some("gone.id"));
    }

    #[test]
    fn a_join_is_text_once_every_part_is_known() {
        let spec = json!({"$join": ["arn:", {"$ref": "network.vpc.vpc_id"}, "/", {"$ref": "network.vpc.n"}]});
        assert_eq!(resolve(&spec, &known()), json!("arn:vpc-1/4"));
        let spec = json!({"$join": ["arn:", {"$ref": "network.vpc.later"}]});
        assert_eq!(
            resolve(&spec, &known()),
            json!({"$unknown": "network.vpc.later"})
        );
    }
}
