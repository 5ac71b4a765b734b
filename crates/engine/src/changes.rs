//! What differs between a desired and a live resource.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One path whose live value is not the desired one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// JSON pointer into the spec: `/tags/team`. `/owner` stands for the ownership tags.
    pub path: String,
    /// The live value; none when the live object has nothing at this path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The desired value; none when it is to be removed. A value that is known only after its producer
    /// was applied holds `{"$unknown": …}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// The paths that differ. Never empty: a step can always say why it exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Change>", into = "Vec<Change>")]
pub struct Changes(Vec<Change>);

impl Changes {
    /// The path that stands for the ownership tags.
    pub const OWNER: &'static str = "/owner";
    /// The path that stands for a stopped object, or one that is scheduled for deletion, being made usable again.
    pub const RESTORE: &'static str = "/restore";

    /// Changes from a list; none when the list is empty.
    #[must_use]
    pub fn new(changes: Vec<Change>) -> Option<Self> {
        (!changes.is_empty()).then_some(Self(changes))
    }

    /// All of them, in the order of the spec's fields.
    pub fn iter(&self) -> std::slice::Iter<'_, Change> {
        self.0.iter()
    }

    /// Whether this path, or anything below it, differs.
    #[must_use]
    pub fn touch(&self, path: &str) -> bool {
        self.0.iter().any(|change| is_under(&change.path, path))
    }

    /// The changes at this path or below it.
    pub fn under<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Change> {
        self.0
            .iter()
            .filter(move |change| is_under(&change.path, path))
    }

    /// For a map of strings such as `/tags`: what to set, and which keys to remove.
    #[must_use]
    pub fn map_edits(&self, path: &str) -> (Vec<(String, String)>, Vec<String>) {
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        for change in self.under(path) {
            let after = change.after.as_ref();
            match change.path.get(path.len() + 1..) {
                Some(key) => match after.and_then(Value::as_str) {
                    Some(value) => set.push((unescape(key), value.to_owned())),
                    None => remove.push(unescape(key)),
                },
                None => {
                    for (key, value) in after.and_then(Value::as_object).into_iter().flatten() {
                        if let Some(value) = value.as_str() {
                            set.push((key.clone(), value.to_owned()));
                        }
                    }
                }
            }
        }
        (set, remove)
    }
}

impl<'a> IntoIterator for &'a Changes {
    type Item = &'a Change;
    type IntoIter = std::slice::Iter<'a, Change>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<Changes> for Vec<Change> {
    fn from(changes: Changes) -> Self {
        changes.0
    }
}

impl TryFrom<Vec<Change>> for Changes {
    type Error = &'static str;
    fn try_from(list: Vec<Change>) -> Result<Self, &'static str> {
        Self::new(list).ok_or("a list of changes is never empty")
    }
}

/// Whether JSON pointer `path` is `root` or lies below it.
#[must_use]
pub fn is_under(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A key as a segment of a JSON pointer (RFC 6901).
#[must_use]
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A segment of a JSON pointer as the key it stands for.
#[must_use]
pub fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(path: &str, before: Option<Value>, after: Option<Value>) -> Change {
        Change {
            path: path.into(),
            before,
            after,
        }
    }

    #[test]
    fn map_edits_tell_sets_from_removals_and_unescape_keys() {
        let changes = Changes::new(vec![
            change("/tags/kubernetes.io~1role~1elb", None, Some(json!("1"))),
            change("/tags/old", Some(json!("x")), None),
            change("/tagsy", None, Some(json!("not a tag"))),
        ])
        .unwrap();
        let (set, remove) = changes.map_edits("/tags");
        assert_eq!(set, [("kubernetes.io/role/elb".to_owned(), "1".to_owned())]);
        assert_eq!(remove, ["old"]);
    }

    #[test]
    fn map_edits_read_a_whole_new_map() {
        let changes = Changes::new(vec![change("/tags", None, Some(json!({"a": "1"})))]).unwrap();
        assert_eq!(
            changes.map_edits("/tags").0,
            [("a".to_owned(), "1".to_owned())]
        );
    }

    #[test]
    fn no_changes_cannot_be_expressed() {
        assert!(Changes::new(vec![]).is_none());
        assert!(serde_json::from_value::<Changes>(json!([])).is_err());
    }
}
