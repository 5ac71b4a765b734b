//! Values as people read them. Nothing from outside reaches the terminal with control characters in it.

use platctl_engine::input::{JOIN, REF, UNKNOWN, operator};
use serde_json::{Map, Value};

use super::terminal::forges;

/// Text without control characters, which could forge what the terminal shows.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if forges(c) { '\u{fffd}' } else { c })
        .collect()
}

/// A value on one line.
pub(crate) fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => match text.trim_end().split_once('\n') {
            Some((first, _)) => format!("\"{}…\" ({} lines)", clean(first), text.lines().count()),
            None => format!("\"{}\"", clean(text.trim_end_matches('\n'))),
        },
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => match operator(map) {
            Some((UNKNOWN | REF | JOIN, _)) => "(known after apply)".to_owned(),
            _ if map.contains_key("$fingerprint") => "(sensitive)".to_owned(),
            _ if map.contains_key("apiVersion") => object(map),
            _ => {
                let items: Vec<String> = map
                    .iter()
                    .map(|(key, value)| format!("{}: {}", clean(key), inline(value)))
                    .collect();
                format!("{{{}}}", items.join(", "))
            }
        },
        other => other.to_string(),
    }
}

/// An object of Kubernetes, by its name.
fn object(map: &Map<String, Value>) -> String {
    let text = |value: &Value| clean(value.as_str().unwrap_or_default());
    let kind = map.get("kind").map(text).unwrap_or_default();
    let name = map
        .get("metadata")
        .and_then(|metadata| metadata.get("name"))
        .map(text)
        .unwrap_or_default();
    format!("{kind} {name}").trim_end().to_owned()
}

/// A JSON pointer as people write paths: `tags.Name`.
pub(crate) fn path(pointer: &str) -> String {
    let parts = pointer
        .trim_start_matches('/')
        .split('/')
        .map(platctl_engine::changes::unescape);
    clean(&parts.collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_fit_on_a_line() {
        let value =
            json!({"a": [1, "x"], "later": {"$unknown": "b.c"}, "secret": {"$fingerprint": "00"}});
        assert_eq!(
            inline(&value),
            r#"{a: [1, "x"], later: (known after apply), secret: (sensitive)}"#
        );
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(
            inline(&json!("a\u{1b}[31m\rb")),
            "\"a\u{fffd}[31m\u{fffd}b\""
        );
    }

    #[test]
    fn long_texts_and_objects_of_kubernetes_are_named() {
        assert_eq!(inline(&json!("a\nb\nc\n")), "\"a…\" (3 lines)");
        let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "backend"}, "spec": {}});
        assert_eq!(inline(&json!([object])), "[Service backend]");
    }
}
