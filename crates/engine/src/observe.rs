//! What is live: every recorded object read in one call per kind, and every nameless one looked for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::future::try_join_all;
use serde_json::Value;

use crate::graph::Graph;
use crate::plan::Refusal;
use crate::resolve::{Board, is_known, resolve};
use crate::retry::{Patience, read_may_recover, retry};
use crate::state::{Record, State};
use crate::{
    Address, AnyKind, AnyLive, AnyWanted, Candidate, Catalog, Class, CloudError, CloudResult, Id, Identity,
    Owner, Phase,
};

/// What was seen of a stack.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Live objects, by kind, scope and id.
    objects: HashMap<(String, String, Id), AnyLive>,
    /// Objects that state has no id for: made by a run that was cut off, or left by a lost state.
    pub found: BTreeMap<Address, Candidate>,
    /// What could not be looked at, and why. It counts as it was last applied.
    pub unseen: BTreeMap<Address, String>,
    /// What was found and cannot be used.
    pub refusals: Vec<Refusal>,
}

impl Observed {
    /// The live object of this id, if it is still there.
    #[must_use]
    pub fn get(&self, kind: &str, scope: &str, id: &Id) -> Option<&AnyLive> {
        self.objects.get(&(kind.to_owned(), scope.to_owned(), id.clone()))
    }

    /// The live object that stands for an address: the recorded one, or the one found.
    #[must_use]
    pub fn live(&self, state: &State, address: &Address, kind: &str, scope: &str) -> Option<&AnyLive> {
        match self.found.get(address) {
            Some(candidate) => self.get(kind, scope, &candidate.id),
            None => {
                let object = state.resources.get(address)?.object.as_ref()?;
                self.get(kind, scope, &object.id)
            }
        }
    }
}

/// A kind bound to a place.
type Place = (String, String);

/// Reads the live side of a stack: calls per kind, not per resource. Writes nothing.
///
/// # Errors
/// The first read that the cloud refuses for good.
pub async fn observe(state: &State, graph: Option<&Graph>, catalog: &dyn Catalog) -> CloudResult<Observed> {
    let mut observed = Observed::default();
    let mut ids: BTreeMap<Place, Vec<Id>> = BTreeMap::new();
    for (address, record) in &state.resources {
        if catalog.bind(&record.kind, &record.scope).is_none() {
            observed
                .refusals
                .push(Refusal::UnknownKind { address: address.clone(), kind: record.kind.clone() });
            continue;
        }
        let objects = record.object.iter().chain(&record.deposed);
        let place = (record.kind.clone(), record.scope.clone());
        ids.entry(place).or_default().extend(objects.map(|object| object.id.clone()));
    }
    describe(ids, state, catalog, &mut observed).await?;
    look_for_nameless(state, graph, catalog, &mut observed).await?;
    Ok(observed)
}

async fn describe(
    ids: BTreeMap<Place, Vec<Id>>,
    state: &State,
    catalog: &dyn Catalog,
    observed: &mut Observed,
) -> CloudResult<()> {
    let reads = ids.into_iter().filter(|(_, ids)| !ids.is_empty()).filter_map(|(place, ids)| {
        let kind = catalog.bind(&place.0, &place.1)?;
        Some(async move {
            let found = match describe_all(&kind, &ids).await {
                Err(error) if is_out_of_reach(&kind, &error) => Err(error),
                other => Ok((other?, kind.remark())),
            };
            Ok((found, place, ids))
        })
    });
    for (found, (kind, scope), ids) in try_join_all(reads).await? {
        let found = match found {
            Ok((found, remark)) => {
                let those = state.resources.iter().filter(|(_, record)| record.kind == kind);
                observed
                    .unseen
                    .extend(those.filter_map(|(address, _)| Some((address.clone(), remark.clone()?))));
                found
            }
            Err(error) => {
                as_recorded(state, &kind, &error, observed);
                continue;
            }
        };
        for (id, live) in ids.into_iter().zip(found) {
            if let Some(live) = live {
                observed.objects.insert((kind.clone(), scope.clone(), id), live);
            }
        }
    }
    Ok(())
}

/// Whether what was asked for lives inside of something that cannot be entered from here.
fn is_out_of_reach(kind: &Arc<dyn AnyKind>, error: &CloudError) -> bool {
    error.class == Class::Unreachable && kind.facts().inside.is_some()
}

/// What is out of reach counts as it was last applied.
fn as_recorded(state: &State, kind: &str, error: &CloudError, observed: &mut Observed) {
    for (address, record) in state.resources.iter().filter(|(_, record)| record.kind == kind) {
        observed.unseen.insert(address.clone(), error.to_string());
        for object in record.object.iter().chain(&record.deposed) {
            let owner = Owner {
                stack: state.stack.clone(),
                address: address.to_string(),
                generation: object.generation,
            };
            let live = AnyLive {
                id: object.id.clone(),
                spec: object.spec.clone(),
                outputs: object.outputs.clone(),
                owner: Some(owner),
                phase: Phase::Ready,
            };
            let place = (record.kind.clone(), record.scope.clone(), object.id.clone());
            observed.objects.insert(place, live);
        }
    }
}

/// One describe, patient with throttling and lost answers.
///
/// # Errors
/// What the cloud answers in the end.
pub async fn describe_all(kind: &Arc<dyn AnyKind>, ids: &[Id]) -> CloudResult<Vec<Option<AnyLive>>> {
    retry(Patience::READ, |error| read_may_recover(error.class), |_, _| {}, || kind.describe(ids)).await
}

/// One find, patient with throttling and lost answers.
///
/// # Errors
/// What the cloud answers in the end.
pub async fn find_all(kind: &Arc<dyn AnyKind>, wanted: &[AnyWanted]) -> CloudResult<Vec<Vec<Candidate>>> {
    retry(Patience::READ, |error| read_may_recover(error.class), |_, _| {}, || kind.find(wanted)).await
}

/// An address whose object has no id in state.
struct Nameless {
    address: Address,
    place: Place,
    wanted: AnyWanted,
    /// The generation that its tag must carry; any for an object that state never heard of.
    generation: Option<u32>,
}

/// Looks for nameless objects in rounds: what one round finds may complete the specs by which the next
/// finds objects that have natural names only. A stack that was never applied needs one round.
async fn look_for_nameless(
    state: &State,
    graph: Option<&Graph>,
    catalog: &dyn Catalog,
    observed: &mut Observed,
) -> CloudResult<()> {
    let mut asked: HashSet<(Address, bool)> = HashSet::new();
    loop {
        let mut round: BTreeMap<Place, Vec<Nameless>> = BTreeMap::new();
        for nameless in interrupted(state).chain(undiscovered(state, graph, observed)) {
            let Some(kind) = catalog.bind(&nameless.place.0, &nameless.place.1) else { continue };
            let complete = nameless.wanted.spec.is_some();
            let facts = kind.facts();
            let useful = complete || (facts.tagged && facts.identity != Identity::Name);
            let done = observed.found.contains_key(&nameless.address);
            if useful && !done && asked.insert((nameless.address.clone(), complete)) {
                round.entry(nameless.place.clone()).or_default().push(nameless);
            }
        }
        if round.is_empty() {
            return Ok(());
        }
        look(round, state, catalog, observed).await?;
    }
}

async fn look(
    round: BTreeMap<Place, Vec<Nameless>>,
    state: &State,
    catalog: &dyn Catalog,
    observed: &mut Observed,
) -> CloudResult<()> {
    let lookups = round.into_iter().filter_map(|(place, nameless)| {
        let kind = catalog.bind(&place.0, &place.1)?;
        Some(async move {
            let wanted: Vec<AnyWanted> = nameless.iter().map(|n| n.wanted.clone()).collect();
            let found = match find_all(&kind, &wanted).await {
                Err(error) if is_out_of_reach(&kind, &error) => vec![Vec::new(); wanted.len()],
                other => other?,
            };
            Ok((found, nameless, kind))
        })
    });
    let mut ids: BTreeMap<Place, Vec<Id>> = BTreeMap::new();
    for (answers, nameless, kind) in try_join_all(lookups).await? {
        for (candidates, nameless) in answers.into_iter().zip(nameless) {
            let known = known_ids(state.resources.get(&nameless.address));
            let candidates = candidates.into_iter().filter(|c| !known.contains(&c.id)).collect();
            match choose(candidates, &nameless.wanted.owner, nameless.generation, kind.facts().tagged) {
                Choice::None => {}
                Choice::One(candidate) => {
                    ids.entry(nameless.place).or_default().push(candidate.id.clone());
                    observed.found.insert(nameless.address, candidate);
                }
                Choice::Foreign(id, owner) => observed.refusals.push(Refusal::Foreign {
                    address: nameless.address,
                    kind: nameless.place.0,
                    id,
                    owner: describe_owner(owner.as_ref()),
                }),
                Choice::Many(ids) => observed.refusals.push(Refusal::Ambiguous {
                    address: nameless.address,
                    kind: nameless.place.0,
                    ids,
                }),
            }
        }
    }
    describe(ids, state, catalog, observed).await
}

fn known_ids(record: Option<&Record>) -> HashSet<Id> {
    let objects = record.into_iter().flat_map(|record| record.object.iter().chain(&record.deposed));
    objects.map(|object| object.id.clone()).collect()
}

/// Creations whose answer was lost.
fn interrupted(state: &State) -> impl Iterator<Item = Nameless> {
    state.resources.iter().filter_map(|(address, record)| {
        let creating = record.creating.as_ref()?;
        let owner = Owner {
            stack: state.stack.clone(),
            address: address.to_string(),
            generation: creating.generation,
        };
        Some(Nameless {
            address: address.clone(),
            place: (record.kind.clone(), record.scope.clone()),
            wanted: AnyWanted { owner, spec: Some(creating.spec.clone()) },
            generation: Some(creating.generation),
        })
    })
}

/// Declared resources that state knows no object of.
fn undiscovered<'a>(
    state: &'a State,
    graph: Option<&'a Graph>,
    observed: &Observed,
) -> impl Iterator<Item = Nameless> + use<'a> {
    let mut board = Board::default();
    let mut missing = Vec::new();
    for entry in graph.into_iter().flat_map(Graph::in_order) {
        let node = &entry.node;
        let record = state.resources.get(&node.address);
        if let Some(live) = observed.live(state, &node.address, &node.kind, &node.scope) {
            board.set(node.address.clone(), &live.outputs);
        } else if record.is_none_or(|record| record.creating.is_none()) {
            let spec: Value = resolve(&node.spec, &board);
            let spec = is_known(&spec).then(|| entry.kind.resolve(spec).ok()).flatten();
            let owner =
                Owner { stack: state.stack.clone(), address: node.address.to_string(), generation: 0 };
            missing.push(Nameless {
                address: node.address.clone(),
                place: (node.kind.clone(), node.scope.clone()),
                wanted: AnyWanted { owner, spec },
                generation: None,
            });
        }
    }
    missing.into_iter()
}

/// What a lookup comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing is there.
    None,
    /// This is it.
    One(Candidate),
    /// Something is there under its name, but it is not ours.
    Foreign(Id, Option<Owner>),
    /// More than one could be it: a human has to tell.
    Many(Vec<Id>),
}

/// Picks the object that is ours. Never guesses.
#[must_use]
pub fn choose(candidates: Vec<Candidate>, owner: &Owner, generation: Option<u32>, tagged: bool) -> Choice {
    let ours = |candidate: &Candidate| match &candidate.owner {
        Some(found) => {
            found.stack == owner.stack
                && found.address == owner.address
                && generation.is_none_or(|generation| found.generation == generation)
        }
        None => !tagged,
    };
    let (mut mine, others): (Vec<_>, Vec<_>) = candidates.into_iter().partition(ours);
    mine.sort_by(|a, b| a.id.cmp(&b.id));
    mine.dedup_by(|a, b| a.id == b.id);
    let same_stack = |c: &Candidate| {
        c.owner.as_ref().is_some_and(|o| o.stack == owner.stack && o.address == owner.address)
    };
    match (mine.len(), others.into_iter().find(|other| !same_stack(other))) {
        (1, _) => mine.pop().map_or(Choice::None, Choice::One),
        (0, Some(other)) => Choice::Foreign(other.id, other.owner),
        (0, None) => Choice::None,
        _ => Choice::Many(mine.into_iter().map(|candidate| candidate.id).collect()),
    }
}

/// Whose an object is, in words.
#[must_use]
pub fn describe_owner(owner: Option<&Owner>) -> String {
    owner.map_or_else(
        || "carries no ownership tags of platctl".to_owned(),
        |owner| format!("belongs to `{}` of stack `{}`", owner.address, owner.stack),
    )
}
