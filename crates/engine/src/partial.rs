//! Specs of which a part is known only after other resources were applied.

use serde_json::{Map, Value};

use crate::AnyKind;
use crate::changes::escape;
use crate::fields::Fact;
use crate::resolve::is_known;

/// The desired spec in the cloud's normal form (sets in order, policies and ranges as the cloud writes them),
/// although some of it is unknown: what is unknown is read as what is live, and left unknown afterwards.
pub(crate) fn normalised(kind: &dyn AnyKind, desired: &Value, live: &Value) -> Value {
    let example = kind.example();
    let mut holes = Vec::new();
    let filled = fill(desired, &[live, &example], &mut String::new(), &mut holes);
    let Some(Ok(mut normal)) = filled.map(|filled| kind.resolve(filled)) else {
        return desired.clone();
    };
    for hole in holes {
        put_back(&mut normal, &hole, desired);
    }
    normal
}

/// The desired spec, checked and in normal form, with what is unknown as it is live. None where that is no valid spec.
pub(crate) fn completed(kind: &dyn AnyKind, desired: &Value, live: &Value) -> Option<Value> {
    let filled = fill(
        desired,
        &[live, &kind.example()],
        &mut String::new(),
        &mut Vec::new(),
    )?;
    kind.resolve(filled).ok()
}

/// A spec by which the object can be looked for, if all is known that its natural name consists of. What else is
/// unknown is as in the kind's example.
pub(crate) fn named(kind: &dyn AnyKind, desired: &Value) -> Option<Value> {
    let named_by = kind.facts().fields.with(Fact::Name);
    let known = |path: &&str| desired.pointer(path).is_some_and(is_known);
    if named_by.is_empty() || !named_by.iter().all(known) {
        return None;
    }
    let example = kind.example();
    let filled = fill(desired, &[&example], &mut String::new(), &mut Vec::new())?;
    kind.resolve(filled).ok()
}

/// The value with every unknown part taken from the first of `from` that has it, or left out. A list with an
/// unknown item counts as unknown altogether: where the item stands is not known either.
fn fill(value: &Value, from: &[&Value], at: &mut String, holes: &mut Vec<String>) -> Option<Value> {
    if is_known(value) {
        return Some(value.clone());
    }
    let map = value
        .as_object()
        .filter(|map| crate::input::operator(map).is_none());
    let Some(map) = map else {
        holes.push(at.clone());
        return from
            .iter()
            .find_map(|from| from.pointer(at))
            .filter(|found| !found.is_null())
            .cloned();
    };
    let mut filled = Map::new();
    for (key, inner) in map {
        let length = at.len();
        at.push('/');
        at.push_str(&escape(key));
        if let Some(inner) = fill(inner, from, at, holes) {
            filled.insert(key.clone(), inner);
        }
        at.truncate(length);
    }
    Some(Value::Object(filled))
}

/// The value with every part that is taken from elsewhere as it is in the example, or some text where that has none; and
/// where these parts are.
pub(crate) fn sketch(value: &Value, example: &Value) -> Option<(Value, Vec<String>)> {
    let mut holes = Vec::new();
    let mut sketch = fill(value, &[example], &mut String::new(), &mut holes)?;
    for hole in &holes {
        let Some((parent, key)) = hole.rsplit_once('/') else {
            continue;
        };
        if let Some(Value::Object(parent)) = sketch.pointer_mut(parent) {
            parent
                .entry(crate::changes::unescape(key))
                .or_insert_with(|| "placeholder".into());
        }
    }
    Some((sketch, holes))
}

fn put_back(normal: &mut Value, hole: &str, desired: &Value) {
    let (Some(unknown), Some((parent, key))) = (desired.pointer(hole), hole.rsplit_once('/'))
    else {
        return;
    };
    if let Some(Value::Object(parent)) = normal.pointer_mut(parent) {
        parent.insert(crate::changes::unescape(key), unknown.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Catalog;
    use crate::testing::Cloud;

    fn kind(name: &str) -> std::sync::Arc<dyn AnyKind> {
        Cloud::default().bind(name, "").unwrap()
    }

    #[test]
    fn sets_are_in_order_whatever_else_is_unknown() {
        let desired = json!({"size": {"$unknown": "a.id"}, "members": ["b", "a"], "uses": [{"$unknown": "c.id"}]});
        let live = json!({"size": 2, "members": ["a", "b"], "uses": ["x"]});
        let normal = normalised(&*kind("toy.Tags"), &desired, &live);
        assert_eq!(
            normal,
            json!({"size": {"$unknown": "a.id"}, "members": ["a", "b"], "uses": [{"$unknown": "c.id"}]})
        );
    }

    #[test]
    fn what_the_live_object_lacks_stays_unknown() {
        let desired = json!({"members": ["b", "a"], "parent": {"$unknown": "a.id"}});
        let normal = normalised(&*kind("toy.Tags"), &desired, &json!({"members": ["a"]}));
        assert_eq!(
            normal,
            json!({"members": ["a", "b"], "parent": {"$unknown": "a.id"}})
        );
    }

    #[test]
    fn a_sketch_has_something_in_place_of_every_reference() {
        let spec = json!({"size": {"$ref": "a.id"}, "color": {"$ref": "a.id"}, "members": ["a"]});
        let (sketch, holes) = sketch(&spec, &json!({"size": 1})).unwrap();
        assert_eq!(
            sketch,
            json!({"size": 1, "color": "placeholder", "members": ["a"]})
        );
        assert_eq!(holes, ["/size", "/color"]);
    }

    #[test]
    fn a_name_that_is_known_is_enough_to_look_for_it() {
        let spec = json!({"name": "n", "size": {"$unknown": "a.id"}});
        assert_eq!(
            named(&*kind("toy.Name"), &spec),
            Some(json!({"name": "n", "size": 1}))
        );
        let spec = json!({"name": {"$unknown": "a.id"}, "size": 1});
        assert_eq!(named(&*kind("toy.Name"), &spec), None);
        assert_eq!(
            named(&*kind("toy.Tags"), &json!({"size": {"$unknown": "a.id"}})),
            None
        );
    }
}
