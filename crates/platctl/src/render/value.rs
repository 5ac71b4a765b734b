//! Values as people read them. Nothing from outside reaches the terminal with control characters in it.

use platctl_engine::input::{JOIN, REF, UNKNOWN, operator};
use serde_json::Value;

/// Text without control characters, which could forge what the terminal shows.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// A value on one line.
pub(crate) fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => format!("\"{}\"", clean(text)),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => match operator(map) {
            Some((UNKNOWN | REF | JOIN, _)) => "(known after apply)".to_owned(),
            _ if map.contains_key("$fingerprint") => "(sensitive)".to_owned(),
            _ => {
                let items: Vec<String> =
                    map.iter().map(|(key, value)| format!("{}: {}", clean(key), inline(value))).collect();
                format!("{{{}}}", items.join(", "))
            }
        },
        other => other.to_string(),
    }
}

/// A JSON pointer as people write paths: `tags.Name`.
pub(crate) fn path(pointer: &str) -> String {
    let parts = pointer.trim_start_matches('/').split('/').map(platctl_engine::changes::unescape);
    clean(&parts.collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_fit_on_a_line() {
        let value = json!({"a": [1, "x"], "later": {"$unknown": "b.c"}, "secret": {"$fingerprint": "00"}});
        assert_eq!(inline(&value), r#"{a: [1, "x"], later: (known after apply), secret: (sensitive)}"#);
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(inline(&json!("a\u{1b}[31m\nb")), "\"a\u{fffd}[31m\u{fffd}b\"");
    }
}
