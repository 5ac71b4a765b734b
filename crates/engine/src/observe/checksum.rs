//! Records of objects that others could have written to: what they say counts only if it is what a run left there.

use serde_json::Value;

use super::Observed;
use crate::state::State;
use crate::{Catalog, Phase};

/// What somebody else wrote may hide anything, a deletion as well as a change. Only another apply tells.
const WHY: &str = "the record that describes it is not the one that the last run of platctl wrote";

/// Marks what is described by a record whose checksum is not the one in the state: see [`crate::Kind::CHECKSUM`].
pub(super) fn compare(state: &State, catalog: &dyn Catalog, observed: &mut Observed) {
    for record in state.resources.values() {
        let Some(kind) = catalog.bind(&record.kind, &record.scope) else {
            continue;
        };
        let Some(output) = kind.facts().checksum else {
            continue;
        };
        for object in record.object.iter().chain(&record.deposed) {
            let place = (record.kind.clone(), record.scope.clone(), object.id.clone());
            let Some(live) = observed.objects.get_mut(&place) else {
                continue;
            };
            if live.phase.is_usable() && differ(&object.outputs[output], &live.outputs[output]) {
                live.phase = Phase::Stopped(WHY.to_owned());
            }
        }
    }
}

/// Whether both are there and are not the same. A state that an older platctl wrote has none, and what was looked at
/// itself needs none.
fn differ(known: &Value, found: &Value) -> bool {
    let text = |value: &Value| {
        let text = value.as_str().filter(|text| !text.is_empty());
        text.map(ToOwned::to_owned)
    };
    match (text(known), text(found)) {
        (Some(known), Some(found)) => known != found,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_record_that_is_known_and_another_one_is_not_believed() {
        assert!(differ(&json!("a"), &json!("b")));
        assert!(!differ(&json!("a"), &json!("a")));
        // The object itself was looked at; an older platctl wrote the state.
        assert!(!differ(&json!("a"), &json!("")));
        assert!(!differ(&json!(""), &json!("b")));
        assert!(!differ(&Value::Null, &json!("b")));
        assert!(!differ(&json!("a"), &Value::Null));
    }
}
