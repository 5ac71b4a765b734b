//! Live objects against what was last applied: who moved away from what.

use std::collections::{BTreeMap, HashSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use serde_json::Value;

use crate::diff::{Comparison, diff, is_sensitive};
use crate::fields::Fact;
use crate::observe::{AT_ONCE, Observed};
use crate::retry::call_with_retries;
use crate::state::{Object, Record, State};
use crate::tell::Teller;
use crate::{Address, AnyKind, AnyLive, Catalog, Changes, CloudResult, Id, Phase};

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
        let what = what(state, address, object, live, &*kind)?;
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
    state
        .resources
        .iter()
        .filter(|(_, record)| open(record))
        .map(|(address, _)| address)
        .collect()
}

/// What is set on live objects and cannot be said in a spec: nobody can tell whether it moved, and an apply leaves it.
#[must_use]
pub fn unmanaged(state: &State, observed: &Observed) -> BTreeMap<Address, Vec<String>> {
    let beyond = state.resources.iter().filter_map(|(address, record)| {
        let object = record.object.as_ref()?;
        let live = observed.get(&record.kind, &record.scope, &object.id)?;
        Some((address.clone(), live.unmanaged.clone()))
    });
    beyond
        .filter(|(_, settings)| !settings.is_empty())
        .collect()
}

/// What the cloud moved by itself since the last apply, and an apply leaves as it is: a minor version that it upgraded
/// to.
#[must_use]
pub fn moved_on(
    state: &State,
    observed: &Observed,
    catalog: &dyn Catalog,
) -> BTreeMap<Address, Vec<Field>> {
    let moved = state.resources.iter().filter_map(|(address, record)| {
        let object = record.object.as_ref()?;
        let kind = catalog.bind(&record.kind, &record.scope)?;
        let live = observed.get(&record.kind, &record.scope, &object.id)?;
        Some((
            address.clone(),
            fields(state, address, object, live, &*kind).0,
        ))
    });
    moved.filter(|(_, fields)| !fields.is_empty()).collect()
}

/// What is attached to live objects, beside what state knows: policies of roles, routes of tables.
///
/// # Errors
/// The first read that the cloud refuses for good.
pub async fn attached(
    state: &State,
    observed: &Observed,
    catalog: &dyn Catalog,
    teller: &Teller,
) -> CloudResult<BTreeMap<Address, Vec<String>>> {
    let ids = |record: &'_ Record| {
        let objects = record.object.iter().chain(&record.deposed);
        objects
            .map(|object| (record.kind.clone(), object.id.clone()))
            .collect::<Vec<_>>()
    };
    let known: HashSet<(String, Id)> = state.resources.values().flat_map(ids).collect();
    let reads: Vec<_> = state
        .resources
        .iter()
        .filter_map(|(address, record)| {
            let live = observed.get(&record.kind, &record.scope, &record.object.as_ref()?.id)?;
            let kind = catalog.bind(&record.kind, &record.scope)?;
            let what = format!("reading what is attached to {address}");
            Some(async move {
                let found = call_with_retries(teller, what, || kind.attached(live)).await?;
                Ok::<_, crate::CloudError>((address.clone(), found))
            })
        })
        .collect();
    let found: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    let foreign = found.into_iter().map(|(address, attached)| {
        let others = attached
            .into_iter()
            .filter(|one| !known.contains(&(one.kind.to_owned(), one.id.clone())));
        (address, others.map(|one| one.what).collect::<Vec<_>>())
    });
    Ok(foreign.filter(|(_, others)| !others.is_empty()).collect())
}

fn what(
    state: &State,
    address: &Address,
    object: &Object,
    live: Option<&AnyLive>,
    kind: &dyn AnyKind,
) -> Option<What> {
    let Some(live) = live.filter(|live| live.phase != Phase::Deleting) else {
        return Some(What::Gone);
    };
    if let Phase::Failed(why) = &live.phase {
        return Some(What::Failed { why: why.clone() });
    }
    let (_, fields) = fields(state, address, object, live, kind);
    if let (Phase::Degraded(why), true) = (&live.phase, fields.is_empty()) {
        return Some(What::Degraded { why: why.clone() });
    }
    (!fields.is_empty()).then_some(What::Changed { fields })
}

/// What the cloud moved by itself, and what else is no longer as it was applied.
fn fields(
    state: &State,
    address: &Address,
    object: &Object,
    live: &AnyLive,
    kind: &dyn AnyKind,
) -> (Vec<Field>, Vec<Field>) {
    let facts = kind.facts();
    let mut applied = object.spec.clone();
    // The cloud does not return these, so nobody can tell whether they moved.
    if let Some(spec) = applied.as_object_mut() {
        spec.retain(|key, _| {
            let path = format!("/{key}");
            !facts.fields.is(&path, Fact::WriteOnly) && !facts.fields.is(&path, Fact::CreateOnly)
        });
    }
    let owner = state.owner(address, object.generation);
    let comparison = Comparison {
        facts,
        desired: &applied,
        live,
        last: &applied,
        owner: &owner,
        salt: &state.lineage,
    };
    // What an older platctl tagged is not complete, and nobody has changed it.
    let older = |change: &crate::Change| {
        let before = change
            .before
            .as_ref()
            .filter(|_| change.path == Changes::OWNER);
        before.is_some_and(|owner| owner.get("lineage").is_none())
    };
    let tolerated = |change: &crate::Change| kind.tolerates(change, applied.pointer(&change.path));
    let (moved_on, changed): (Vec<_>, Vec<_>) = diff(&comparison)
        .into_iter()
        .filter(|change| !older(change))
        .partition(tolerated);
    let field = |change: crate::Change| Field {
        sensitive: change.path != Changes::OWNER && is_sensitive(facts, &change.path),
        path: change.path,
        applied: change.after,
        live: change.before,
    };
    (
        moved_on.into_iter().map(field).collect(),
        changed.into_iter().map(field).collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observe::{ReadOptions, observe};
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
        let observed = observe(&state, None, &lab.cloud, ReadOptions::default())
            .await
            .unwrap();
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
        let observed = observe(&state, None, &lab.cloud, ReadOptions::default())
            .await
            .unwrap();
        let found = drift(&state, &observed, &lab.cloud);
        let field = Field {
            path: "/size".into(),
            applied: Some(json!(1)),
            live: Some(json!(9)),
            sensitive: false,
        };
        assert_eq!(
            found[0].what,
            What::Changed {
                fields: vec![field]
            }
        );
        assert_eq!(found[1].what, What::Gone);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_said_in_a_spec_is_no_drift_and_is_listed() {
        let lab = Lab::new();
        let declared = vec![
            ("one", "toy.Tags", json!({"size": 1})),
            ("two", "toy.Tags", json!({"size": 2})),
        ];
        lab.apply(graph(&declared, &lab.cloud)).await;
        let state = lab.store().read().await.unwrap().state;
        let one = state.resources["one"].object.as_ref().unwrap().id.clone();
        lab.cloud
            .world
            .lock()
            .unwrap()
            .things
            .get_mut(&one)
            .unwrap()
            .spec["beyond"] = json!(["rule theirs"]);
        let observed = observe(&state, None, &lab.cloud, ReadOptions::default())
            .await
            .unwrap();
        assert_eq!(drift(&state, &observed, &lab.cloud), []);
        let seen = unmanaged(&state, &observed);
        assert_eq!(seen.len(), 1);
        assert_eq!(seen["one"], ["rule theirs"]);
        let graph = graph(&declared, &lab.cloud);
        let plan = crate::planner::plan(
            &graph,
            &state,
            &observed,
            &lab.cloud,
            &crate::planner::PlanOptions::default(),
        );
        assert!(plan.is_empty());
        assert_eq!(plan.step("one").unwrap().unmanaged, ["rule theirs"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_attached_and_not_known_is_listed() {
        let lab = Lab::new();
        let declared = vec![
            ("home", "toy.Tags", json!({"size": 1})),
            (
                "ours",
                "toy.Plain",
                json!({"name": "ours", "parent": {"$ref": "home.id"}}),
            ),
        ];
        lab.apply(graph(&declared, &lab.cloud)).await;
        let state = lab.store().read().await.unwrap().state;
        let ours = state.resources["ours"].object.as_ref().unwrap().id.clone();
        {
            let mut world = lab.cloud.world.lock().unwrap();
            let mut theirs = world.things[&ours].clone();
            theirs.spec["name"] = json!("theirs");
            world.things.insert(Id::from("by-hand"), theirs);
        }
        let observed = observe(&state, None, &lab.cloud, ReadOptions::default())
            .await
            .unwrap();
        let seen = attached(&state, &observed, &lab.cloud, &Teller::default())
            .await
            .unwrap();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen["home"], ["toy theirs"]);
    }
}
