//! For calls that write an object whole: what the stack does not state keeps the value that it has.

use platctl_engine::{Class, CloudError, CloudResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The live spec with every top-level field that the desired one states.
///
/// # Errors
/// None in practice: both are specs of one kind.
pub(crate) fn over<T: Serialize + DeserializeOwned>(live: &T, desired: &T) -> CloudResult<T> {
    let wrong =
        |error: serde_json::Error| CloudError::new(Class::Invalid, "merge", error.to_string());
    let mut merged = serde_json::to_value(live).map_err(wrong)?;
    let desired = serde_json::to_value(desired).map_err(wrong)?;
    if let (Value::Object(merged), Value::Object(desired)) = (&mut merged, desired) {
        merged.extend(desired);
    }
    serde_json::from_value(merged).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_is_not_stated_stays() {
        let map = |pairs: &[(&str, u8)]| -> BTreeMap<String, u8> {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), *value))
                .collect()
        };
        let merged = over(&map(&[("a", 1), ("b", 2)]), &map(&[("b", 3)])).unwrap();
        assert_eq!(merged, map(&[("a", 1), ("b", 3)]));
    }
}
