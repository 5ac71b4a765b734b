//! Live objects against what was last applied: who moved away from what.

use serde::Serialize;
use serde_json::Value;

use crate::diff::{Comparison, diff, is_sensitive};
use crate::observe::Observed;
use crate::state::{Object, Record, State};
use crate::{Address, AnyLive, Catalog, Changes, Facts, Id, Phase};

/// A resource that is no longer what platctl left.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// The resource.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// Where it lives.
    pub scope: String,
    /// The object's id.
    pub id: Id,
    /// What became of it.
    #[serde(flatten)]
    pub what: What,
}

/// What became of a resource behind platctl's back.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "drift")]
pub enum What {
    /// It is gone, or on its way.
    Gone,
    /// It ended in a failed state.
    Failed {
        /// The cloud's reason.
        why: String,
    },
    /// It is as it was applied and usable, and the cloud reports a problem with it.
    Degraded {
        /// The cloud's words.
        why: String,
    },
    /// Some of its fields changed.
    Changed {
        /// Path, value last applied, value now.
        fields: Vec<Field>,
    },
}

/// One field that moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// JSON pointer into the spec.
    pub path: String,
    /// What was last applied.
    pub applied: Option<Value>,
    /// What is there.
    pub live: Option<Value>,
    /// Whether neither may be shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// Everything of a stack that moved, in the order of addresses.
#[must_use]
pub fn drift(state: &State, observed: &Observed, catalog: &dyn Catalog) -> Vec<Drift> {
    let drifted = state.resources.iter().filter_map(|(address, record)| {
        let object = record.object.as_ref()?;
        let kind = catalog.bind(&record.kind, &record.scope)?;
        let live = observed.get(&record.kind, &record.scope, &object.id);
        let what = what(state, address, object, live, kind.facts())?;
        Some(Drift {
            address: address.clone(),
            kind: record.kind.clone(),
            scope: record.scope.clone(),
            id: object.id.clone(),
            what,
        })
    });
    drifted.collect()
}

/// Records that no object stands for yet: an interrupted run left them, drift says nothing about them.
#[must_use]
pub fn unsettled(state: &State) -> Vec<&Address> {
    let open = |record: &Record| record.object.is_none() || !record.deposed.is_empty();
    state.resources.iter().filter(|(_, record)| open(record)).map(|(address, _)| address).collect()
}

fn what(
    state: &State,
    address: &Address,
    object: &Object,
    live: Option<&AnyLive>,
    facts: &Facts,
) -> Option<What> {
    let Some(live) = live.filter(|live| live.phase != Phase::Deleting) else { return Some(What::Gone) };
    if let Phase::Failed(why) = &live.phase {
        return Some(What::Failed { why: why.clone() });
    }
    let fields = fields(state, address, object, live, facts);
    if let (Phase::Degraded(why), true) = (&live.phase, fields.is_empty()) {
        return Some(What::Degraded { why: why.clone() });
    }
    (!fields.is_empty()).then_some(What::Changed { fields })
}

fn fields(state: &State, address: &Address, object: &Object, live: &AnyLive, facts: &Facts) -> Vec<Field> {
    let mut applied = object.spec.clone();
    // The cloud does not return these, so nobody can tell whether they moved.
    if let Some(spec) = applied.as_object_mut() {
        spec.retain(|key, _| {
            let path = format!("/{key}");
            !facts.write_only.contains(&path.as_str()) && !facts.create_only.contains(&path.as_str())
        });
    }
    let owner = state.owner(address, object.generation);
    let comparison =
        Comparison { facts, desired: &applied, live, last: &applied, owner: &owner, salt: &state.lineage };
    // What an older platctl tagged is not complete, and nobody has changed it.
    let older = |change: &crate::Change| {
        let before = change.before.as_ref().filter(|_| change.path == Changes::OWNER);
        before.is_some_and(|owner| owner.get("lineage").is_none())
    };
    let changed = diff(&comparison).into_iter().filter(|change| !older(change)).map(|change| Field {
        sensitive: change.path != Changes::OWNER && is_sensitive(facts, &change.path),
        path: change.path,
        applied: change.after,
        live: change.before,
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observe::{Look, observe};
    use crate::testing::{Lab, graph};

    #[tokio::test(start_paused = true)]
    async fn tells_what_changed_and_what_is_gone() {
        let lab = Lab::new();
        let declared = vec![
            ("one", "toy.Tags", json!({"size": 1, "tags": {"team": "a"}})),
            ("two", "toy.Tags", json!({"size": 2})),
        ];
        lab.apply(graph(&declared, &lab.cloud)).await;
        let state = lab.store().read().await.unwrap().state;
        let observed = observe(&state, None, &lab.cloud, Look::default()).await.unwrap();
        assert_eq!(drift(&state, &observed, &lab.cloud), []);

        let two = state.resources["two"].object.as_ref().unwrap().id.clone();
        {
            let mut world = lab.cloud.world.lock().unwrap();
            world.things.retain(|thing, _| *thing != two);
            for thing in world.things.values_mut() {
                thing.spec["size"] = json!(9);
                thing.spec["tags"]["theirs"] = json!("x");
            }
        }
        let observed = observe(&state, None, &lab.cloud, Look::default()).await.unwrap();
        let found = drift(&state, &observed, &lab.cloud);
        let field =
            Field { path: "/size".into(), applied: Some(json!(1)), live: Some(json!(9)), sensitive: false };
        assert_eq!(found[0].what, What::Changed { fields: vec![field] });
        assert_eq!(found[1].what, What::Gone);
    }
}
