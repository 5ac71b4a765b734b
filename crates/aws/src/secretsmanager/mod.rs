//! Secrets Manager.

mod codes;
pub mod secret;
mod tags;

pub(crate) use codes::CODES;

use serde_json::Value;

/// A value in the JSON object that a secret is, as a text. A person may write an ID as a number.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
