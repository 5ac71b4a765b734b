//! JSON documents, compared by what they say and not by how they are written.

use platctl_engine::Input;
use platctl_engine::input::is_expr;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A JSON document. Read from an object, or from JSON in a string; keys are in order, so equal documents are
/// equal as texts.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Document(Value);

impl Document {
    /// The document of this value.
    #[must_use]
    pub fn new(value: &Value) -> Self {
        Self(sorted(value))
    }

    /// A document that a block declares, such as an event pattern. It is no spec: it is written as JSON, in which
    /// references can stand.
    #[must_use]
    pub fn declared(document: Value) -> Input<Self> {
        if is_expr(&document) {
            Input::Expr(document)
        } else {
            Input::Value(Self::new(&document))
        }
    }

    /// Reads a document as an API call answers it; none when it is no JSON.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text)
            .ok()
            .map(|value: Value| Self::new(&value))
    }

    /// The document as text, as API calls take it.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => {
                Self::parse(&text).ok_or_else(|| D::Error::custom("is not JSON"))
            }
            value @ (Value::Object(_) | Value::Array(_)) => Ok(Self::new(&value)),
            _ => Err(D::Error::custom(
                "a document must be an object, a list, or a JSON string",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_and_the_way_of_writing_say_nothing() {
        let one: Document =
            serde_json::from_value(json!({"b": 1, "a": [{"d": 2, "c": 3}]})).unwrap();
        let other: Document =
            serde_json::from_value(json!(r#"{ "a": [{"c": 3, "d": 2}], "b": 1 }"#)).unwrap();
        assert_eq!(one, other);
        assert_ne!(Document::parse("[1,2]"), Document::parse("[2,1]"));
    }

    #[test]
    fn a_declared_document_is_known_unless_it_has_references() {
        let known = json!({"source": ["aws.ec2"]});
        assert_eq!(
            Document::declared(known.clone()),
            Input::Value(Document::new(&known))
        );
        let later = json!({"resources": [{"$ref": "delivery.api.source.arn"}]});
        assert_eq!(Document::declared(later.clone()), Input::Expr(later));
    }
}
