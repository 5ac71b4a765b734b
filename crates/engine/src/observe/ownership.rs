//! Whose a live object is. State, journal and tags have to agree: an object that carries another owner is never
//! changed or deleted, whatever state says, and one that cannot carry any is never ours because its name fits.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Observed, Place};
use crate::fields::Fact;
use crate::graph::{Graph, references};
use crate::plan::{Action, Refusal, Step};
use crate::resolve::is_known;
use crate::state::State;
use crate::{Address, AnyLive, Catalog, Facts, Id, Identity, Owner};

/// Whose an object is that is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stranger {
    /// It carries no ownership tags, or cannot.
    Unowned,
    /// This address of the same stack.
    OtherAddress(String),
    /// Another state of a stack of this name in this region: this stack's own, lost, or somebody else's.
    OtherState,
    /// A stack of this name in another region.
    OtherRegion,
    /// Another stack.
    OtherStack,
}

/// Whose tags count as this state's.
#[derive(Clone, Debug, Default)]
pub struct Heritage {
    /// The lineages of lost states that this one has taken over.
    of: Vec<String>,
    /// Whether any lost state of this stack counts: it is being recovered.
    any: bool,
}

impl Heritage {
    /// What the state has taken over; with `any`, what it may take over, too.
    #[must_use]
    pub fn new(state: &State, any: bool) -> Self {
        Self {
            of: state.heir_of.clone(),
            any,
        }
    }

    /// Who another owner is; none when it is this state, be it by another address or generation.
    #[must_use]
    pub fn stranger(&self, found: &Owner, ours: &Owner) -> Option<Stranger> {
        // What an older platctl did not write does not contradict anything.
        let differs = |found: &Option<String>, ours: &Option<String>| match (found, ours) {
            (Some(found), Some(ours)) => found != ours,
            _ => false,
        };
        if found.stack != ours.stack {
            return Some(Stranger::OtherStack);
        }
        if differs(&found.region, &ours.region) {
            return Some(Stranger::OtherRegion);
        }
        let inherited = found
            .lineage
            .as_ref()
            .is_some_and(|lineage| self.any || self.of.contains(lineage));
        (differs(&found.lineage, &ours.lineage) && !inherited).then_some(Stranger::OtherState)
    }
}

/// Whose an object is that is not ours, in words.
#[must_use]
pub fn describe_owner(owner: Option<&Owner>, stranger: &Stranger) -> String {
    let Some(Owner {
        stack,
        address,
        region,
        lineage,
        ..
    }) = owner
    else {
        return "has no platctl ownership tags".to_owned();
    };
    let whose = format!("belongs to `{address}` of stack `{stack}`");
    match (stranger, region, lineage) {
        (Stranger::OtherRegion, Some(region), _) => format!("{whose} in {region}"),
        (Stranger::OtherState, _, Some(lineage)) => {
            format!("{whose}, in another state (lineage {lineage})")
        }
        _ => whose,
    }
}

/// Every recorded object that is there has to carry the owner that state says, or none. One that stands under two
/// addresses stands under none.
pub(super) fn check_recorded(
    state: &State,
    heritage: &Heritage,
    catalog: &dyn Catalog,
    observed: &mut Observed,
) {
    let mut refusals = Vec::new();
    let mut lineages = BTreeSet::new();
    let mut seen: BTreeMap<(&str, &str, &Id), &Address> = BTreeMap::new();
    for (address, record) in &state.resources {
        let shared = catalog
            .bind(&record.kind, &record.scope)
            .is_some_and(|kind| kind.facts().shared);
        for object in record.object.iter().chain(&record.deposed) {
            let key = (record.kind.as_str(), record.scope.as_str(), &object.id);
            if let Some(other) = seen
                .insert(key, address)
                .filter(|other| *other != address && !shared)
            {
                refusals.push(twice(address, other, &record.kind, &object.id, Twin::Known));
            }
            let live = observed.get(&record.kind, &record.scope, &object.id);
            let Some(owner) = live.and_then(|live| live.owner.as_ref()) else {
                continue;
            };
            let ours = state.owner(address, object.generation);
            let elsewhere = owner.address != ours.address
                && record
                    .formerly
                    .as_ref()
                    .is_none_or(|formerly| owner.address != formerly.as_str());
            let stranger = heritage.stranger(owner, &ours);
            match stranger.or(elsewhere.then(|| Stranger::OtherAddress(owner.address.clone()))) {
                Some(stranger) => refusals.push(Refusal::NotOurs {
                    address: address.clone(),
                    kind: record.kind.clone(),
                    id: object.id.clone(),
                    owner: describe_owner(Some(owner), &stranger),
                    stranger,
                }),
                None => lineages.extend(owner.lineage.clone()),
            }
        }
    }
    observed.lineages.extend(lineages);
    observed.refusals.extend(refusals);
}

/// How one object came to stand under two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Twin {
    /// State knows it under both.
    Known,
    /// State knows it under the other one, and it is what this one would take over.
    Found,
    /// Both would take it over.
    Both,
}

fn twice(address: &Address, other: &Address, kind: &str, id: &Id, twin: Twin) -> Refusal {
    let (address, other) = (address.clone(), other.clone());
    Refusal::Twice {
        address,
        other,
        kind: kind.to_owned(),
        id: id.clone(),
        twin,
    }
}

/// The recorded address of an object, other than `but`.
fn recorded_under<'a>(
    state: &'a State,
    place: &Place,
    id: &Id,
    but: &Address,
) -> Option<&'a Address> {
    let mut there = state.resources.iter().filter(|(address, record)| {
        *address != but && record.kind == place.0 && record.scope == place.1
    });
    there
        .find(|(_, record)| {
            record
                .object
                .iter()
                .chain(&record.deposed)
                .any(|object| object.id == *id)
        })
        .map(|(address, _)| address)
}

/// An object that was found for an address, before it is taken.
#[derive(Debug)]
pub(super) struct Find {
    pub(super) address: Address,
    pub(super) place: Place,
    /// What it was looked for by; none of what is found by its tags.
    pub(super) spec: Option<Value>,
    /// Whether the journal says that its creation was begun.
    pub(super) begun: bool,
}

/// Of what was found by its name, what is not proven to be ours is not taken; nor is what stands for another address.
pub(super) fn check_found(
    finds: &[Find],
    (state, graph): (&State, Option<&Graph>),
    catalog: &dyn Catalog,
    by_name: bool,
    observed: &mut Observed,
) {
    for find in finds {
        let Some(candidate) = observed.found.get(&find.address).cloned() else {
            continue;
        };
        let Some(kind) = catalog.bind(&find.place.0, &find.place.1) else {
            continue;
        };
        let facts = kind.facts();
        if facts.shared {
            continue;
        }
        if let Some((other, twin)) = other_address(find, &candidate.id, state, observed) {
            let declared = graph.is_some_and(|graph| graph.get(other.as_str()).is_some());
            observed.found.remove(&find.address);
            // The tags of what was moved away name this address until the next apply: it is not what is looked for.
            if twin == Twin::Both || !declared || facts.identity == Identity::Name {
                observed.refusals.push(twice(
                    &find.address,
                    &other,
                    &find.place.0,
                    &candidate.id,
                    twin,
                ));
            }
            continue;
        }
        let key = (
            find.place.0.clone(),
            find.place.1.clone(),
            candidate.id.clone(),
        );
        observed.taken.insert(key, find.address.clone());
        let live = observed.get(&find.place.0, &find.place.1, &candidate.id);
        let proven = facts.tagged || find.begun || by_name;
        if !proven && !lives_in_ours(find, live, graph, facts) {
            observed.found.remove(&find.address);
            observed.refusals.push(Refusal::Foreign {
                address: find.address.clone(),
                kind: find.place.0.clone(),
                id: candidate.id,
                owner: "cannot be verified as part of this stack: only its name matches".to_owned(),
                stranger: Stranger::Unowned,
            });
        }
    }
}

/// Another address for which the object stands, or would.
fn other_address(
    find: &Find,
    id: &Id,
    state: &State,
    observed: &Observed,
) -> Option<(Address, Twin)> {
    if let Some(other) = recorded_under(state, &find.place, id, &find.address) {
        return Some((other.clone(), Twin::Found));
    }
    let key = (find.place.0.clone(), find.place.1.clone(), id.clone());
    let other = observed
        .taken
        .get(&key)
        .filter(|other| **other != find.address)?;
    Some((other.clone(), Twin::Both))
}

fn lives_in_ours(
    find: &Find,
    live: Option<&AnyLive>,
    graph: Option<&Graph>,
    facts: &Facts,
) -> bool {
    let (Some(live), Some(spec), Some(graph)) = (live, &find.spec, graph) else {
        return false;
    };
    is_at_home(&live.spec, spec, facts) && names_ours(graph, find.address.as_str(), facts)
}

/// Whether a live object lives in what the wanted one names.
pub(crate) fn is_at_home(live: &Value, desired: &Value, facts: &Facts) -> bool {
    let mut home = facts.fields.with(Fact::Home).into_iter();
    home.all(|path| live.pointer(path).is_some() && live.pointer(path) == desired.pointer(path))
}

/// Whether what a declared resource lives in is one of the same stack. A plan in which that is not ours is refused
/// for that reason already.
pub(crate) fn names_ours(graph: &Graph, address: &str, facts: &Facts) -> bool {
    let Some(entry) = graph.get(address) else {
        return false;
    };
    let references = references(&entry.node.spec);
    let owned = |path: &str| {
        let mut there = references.iter().filter(|reference| reference.at == path);
        there.any(|reference| {
            graph
                .get(&reference.address)
                .is_some_and(|home| !home.kind.facts().shared)
        })
    };
    let home = facts.fields.with(Fact::Home);
    !home.is_empty() && home.into_iter().all(owned)
}

/// Creations of one plan that would make the same object: kind, place and everything that tells it apart are the same.
pub(crate) fn made_twice(steps: &[Step], catalog: &dyn Catalog) -> Vec<Refusal> {
    let mut seen: HashMap<String, &Address> = HashMap::new();
    let mut refusals = Vec::new();
    for step in steps.iter().filter(|step| step.action == Action::Create) {
        let Some(kind) = catalog.bind(&step.kind, &step.scope) else {
            continue;
        };
        let facts = kind.facts();
        let Some(desired) = step
            .desired
            .as_ref()
            .filter(|_| facts.identity == Identity::Name && !facts.shared)
        else {
            continue;
        };
        // What replaces an object is less than what tells two apart: of two rules of one group it is the same.
        let names: Vec<Option<&Value>> = facts
            .fields
            .with(Fact::Name)
            .into_iter()
            .map(|path| desired.pointer(path))
            .collect();
        if names.iter().all(Option::is_none) || !names.iter().flatten().all(|value| is_known(value))
        {
            continue;
        }
        let key = serde_json::json!([step.kind, step.scope, names]).to_string();
        if let Some(other) = seen.insert(key, &step.address) {
            let name = names
                .iter()
                .flatten()
                .find_map(|value| value.as_str())
                .unwrap_or_default();
            refusals.push(twice(
                &step.address,
                other,
                &step.kind,
                &Id::from(name),
                Twin::Both,
            ));
        }
    }
    refusals
}

/// Whether an object leads elsewhere than where it was last made to: then it is somebody else's by now.
#[must_use]
pub fn leads_elsewhere(live: &AnyLive, applied: &Value, intended: &Value, facts: &Facts) -> bool {
    let as_in = |spec: &Value| {
        let mut leads = facts.fields.with(Fact::Leads).into_iter();
        leads.all(|path| match spec.pointer(path) {
            // What was not stated leads nowhere.
            None => live.spec.pointer(path).is_none_or(Value::is_null),
            Some(value) => live.spec.pointer(path) == Some(value),
        })
    };
    let known: Vec<&Value> = [applied, intended]
        .into_iter()
        .filter(|spec| !spec.is_null())
        .collect();
    !known.is_empty() && !known.into_iter().any(as_in)
}
