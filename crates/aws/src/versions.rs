//! Versions, and which of them AWS raises by itself.

use platctl_engine::Change;
use serde_json::Value;

/// Whether a difference is a version that was raised outside of platctl: by AWS, at the end of a version's support or
/// in a maintenance window, or by a person. Nothing takes it back. A version that the user lowered is none: `last` is
/// then above what is stated.
pub(crate) fn was_raised(
    change: &Change,
    last: Option<&Value>,
    is_ahead: fn(&str, &str) -> bool,
) -> bool {
    let text = |value: &Option<Value>| {
        value
            .as_ref()
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    let (Some(live), Some(stated)) = (text(&change.before), text(&change.after)) else {
        return false;
    };
    is_ahead(&live, &stated)
        && !last
            .and_then(Value::as_str)
            .is_some_and(|last| is_ahead(last, &stated))
}

/// A version of Kubernetes: `1.35`.
pub(crate) fn kubernetes(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Whether the first version of Kubernetes is later than the second.
pub(crate) fn is_later(one: &str, other: &str) -> bool {
    kubernetes(one)
        .zip(kubernetes(other))
        .is_some_and(|(one, other)| one > other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_raised_is_told_from_what_was_lowered() {
        let raised = |live: &str, stated: &str, last: Option<&str>| {
            let change = Change {
                path: "/version".into(),
                before: Some(json!(live)),
                after: Some(json!(stated)),
            };
            was_raised(&change, last.map(|last| json!(last)).as_ref(), is_later)
        };
        assert!(raised("1.35", "1.34", Some("1.34")) && raised("1.35", "1.34", None));
        assert!(!raised("1.35", "1.34", Some("1.35")), "the user lowered it");
        assert!(!raised("1.34", "1.35", Some("1.34")), "the user raised it");
        assert!(raised("1.100", "1.99", None), "versions are no text");
    }
}
