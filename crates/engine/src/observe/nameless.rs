//! Objects that state has no id for: a creation whose answer was lost, or that of a state that was lost.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use futures::future::try_join_all;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::choice::{Choice, choose};
use super::ownership::{Find, Heritage, check_found, describe_owner};
use super::{
    Claims, LOOK_AGAIN, Observed, Place, ReadOptions, describe, find_all, is_out_of_reach,
};
use crate::fields::Fact;
use crate::graph::Graph;
use crate::partial::named;
use crate::plan::Refusal;
use crate::resolve::{KnownOutputs, is_known, resolve};
use crate::state::{Record, State};
use crate::tell::Teller;
use crate::{Address, AnyWanted, Candidate, Catalog, CloudResult, Facts, Id, Identity};

/// For how long tags may tell of what cannot be described.
const TAGS_LAG: Duration = Duration::from_secs(10);

/// An address whose object has no id in state.
struct Nameless {
    address: Address,
    place: Place,
    wanted: AnyWanted,
    /// The generation that its tag must carry; any for an object that state never heard of.
    generation: Option<u32>,
    /// The generation that it must be younger than: that of the object that state has.
    after: u32,
}

/// Looks for nameless objects in rounds: what one round finds may complete the specs by which the next
/// finds objects that have natural names only. A stack that was never applied needs one round.
///
/// Each address is asked for at most twice, with and without a complete spec: every round asks for less than the one
/// before, so there is an end. The last round also looks for what has a natural name that is only known in part
/// (`undiscovered`), once nothing more can be completed.
pub(super) async fn look_for_nameless(
    state: &State,
    graph: Option<&Graph>,
    catalog: &dyn Catalog,
    observed: &mut Observed,
    options: &ReadOptions,
) -> CloudResult<()> {
    let mut asked: HashSet<(Address, bool)> = HashSet::new();
    let mut last = false;
    loop {
        let newer = succeeded(state).filter(|_| options.thorough);
        let all = interrupted(state)
            .chain(undiscovered(state, graph, observed, last))
            .chain(newer);
        let round = worth_asking(all, catalog, observed, &mut asked);
        match round.is_empty() {
            true if last => return Ok(()),
            true => {
                last = true;
                continue;
            }
            false => {}
        }
        let heritage = Heritage::new(state, options.claims != Claims::Proven);
        let finds = look(round, &heritage, state, catalog, observed, &options.teller).await?;
        let mut ids: BTreeMap<Place, Vec<Id>> = BTreeMap::new();
        for find in &finds {
            let found = observed
                .found
                .get(&find.address)
                .map(|candidate| candidate.id.clone());
            ids.entry(find.place.clone()).or_default().extend(found);
        }
        let told = options.teller.about("looking for tagged objects");
        told.for_reason("not all of them are visible yet");
        told.during(see(ids, state, catalog, observed, options))
            .await?;
        check_found(
            &finds,
            (state, graph),
            catalog,
            options.claims == Claims::ByName,
            observed,
        );
    }
}

/// What is not found yet, has not been asked for in the same way, and can be found by what is known of it.
fn worth_asking(
    all: impl Iterator<Item = Nameless>,
    catalog: &dyn Catalog,
    observed: &Observed,
    asked: &mut HashSet<(Address, bool)>,
) -> BTreeMap<Place, Vec<Nameless>> {
    let mut round: BTreeMap<Place, Vec<Nameless>> = BTreeMap::new();
    for nameless in all {
        let Some(kind) = catalog.bind(&nameless.place.0, &nameless.place.1) else {
            continue;
        };
        let complete = nameless.wanted.spec.is_some();
        let facts = kind.facts();
        let useful = complete || (facts.tagged && facts.identity != Identity::Name);
        let done = observed.found.contains_key(&nameless.address);
        if useful && !done && asked.insert((nameless.address.clone(), complete)) {
            let place = nameless.place.clone();
            round.entry(place).or_default().push(nameless);
        }
    }
    round
}

/// Reads what was found. Tags may tell of an object before it can be described, and for a while after it is gone: what
/// stays unseen is not there.
async fn see(
    mut ids: BTreeMap<Place, Vec<Id>>,
    state: &State,
    catalog: &dyn Catalog,
    observed: &mut Observed,
    options: &ReadOptions,
) -> CloudResult<()> {
    let begun = Instant::now();
    loop {
        describe(ids.clone(), state, catalog, observed, &options.teller).await?;
        for ((kind, scope), ids) in &mut ids {
            ids.retain(|id| observed.get(kind, scope, id).is_none());
        }
        if ids.values().all(Vec::is_empty) {
            return Ok(());
        }
        if begun.elapsed() >= options.grace.min(TAGS_LAG) {
            let unseen: HashSet<&Id> = ids.values().flatten().collect();
            observed
                .found
                .retain(|_, candidate| !unseen.contains(&candidate.id));
            return Ok(());
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// One search for each kind and place, for all of its addresses. What state knows already is no candidate, nor is what
/// is older than the object that state has: that one was replaced, and is deleted as deposed. Where several are left,
/// nothing is guessed: the plan is refused with all of their ids.
async fn look(
    round: BTreeMap<Place, Vec<Nameless>>,
    heritage: &Heritage,
    state: &State,
    catalog: &dyn Catalog,
    observed: &mut Observed,
    teller: &Teller,
) -> CloudResult<Vec<Find>> {
    let lookups = round.into_iter().filter_map(|(place, nameless)| {
        let kind = catalog.bind(&place.0, &place.1)?;
        Some(async move {
            let wanted: Vec<AnyWanted> = nameless.iter().map(|n| n.wanted.clone()).collect();
            let found = match find_all(&kind, &wanted, teller).await {
                Err(error) if is_out_of_reach(&kind, &error) => vec![Vec::new(); wanted.len()],
                other => other?,
            };
            Ok((found, nameless, kind))
        })
    });
    let mut finds = Vec::new();
    for (answers, nameless, kind) in try_join_all(lookups).await? {
        for (candidates, nameless) in answers.into_iter().zip(nameless) {
            let known = known_ids(state.resources.get(&nameless.address));
            let young = |c: &Candidate| {
                c.owner.as_ref().map_or(0, |owner| owner.generation) >= nameless.after
            };
            let candidates: Vec<Candidate> = candidates
                .into_iter()
                .filter(|c| !known.contains(&c.id) && young(c))
                .collect();
            finds.extend(pick(nameless, candidates, kind.facts(), heritage, observed));
        }
    }
    Ok(finds)
}

/// Notes which of the candidates it is, if it is one.
fn pick(
    nameless: Nameless,
    candidates: Vec<Candidate>,
    facts: &Facts,
    heritage: &Heritage,
    observed: &mut Observed,
) -> Option<Find> {
    let Nameless {
        address,
        place,
        wanted: AnyWanted { owner, spec },
        generation,
        ..
    } = nameless;
    match choose(candidates.clone(), &owner, generation, facts, heritage) {
        Choice::None => {}
        Choice::One(candidate) => {
            let owner = candidate.owner.as_ref();
            let lineage = owner.and_then(|owner| owner.lineage.clone());
            observed.lineages.extend(lineage);
            observed.found.insert(address.clone(), candidate);
            return Some(Find {
                begun: generation.is_some(),
                address,
                place,
                spec,
            });
        }
        // Of what a lost state knew there may be several generations.
        Choice::Many(ids) => {
            let mine = candidates.into_iter().filter(|c| ids.contains(&c.id));
            observed.many.insert(address.clone(), mine.collect());
            observed.refusals.push(Refusal::Ambiguous {
                address,
                kind: place.0,
                ids,
            });
        }
        Choice::Foreign(id, owner, stranger) => observed.refusals.push(Refusal::Foreign {
            address,
            kind: place.0,
            id,
            owner: describe_owner(owner.as_ref(), &stranger),
            stranger,
        }),
    }
    None
}

fn known_ids(record: Option<&Record>) -> HashSet<Id> {
    let objects = record
        .into_iter()
        .flat_map(|record| record.object.iter().chain(&record.deposed));
    objects.map(|object| object.id.clone()).collect()
}

/// Creations whose answer was lost.
fn interrupted(state: &State) -> impl Iterator<Item = Nameless> {
    state.resources.iter().filter_map(|(address, record)| {
        let creating = record.creating.as_ref()?;
        let owner = state.owner(address, creating.generation);
        Some(Nameless {
            address: address.clone(),
            place: (record.kind.clone(), record.scope.clone()),
            wanted: AnyWanted {
                owner,
                spec: Some(creating.spec.clone()),
            },
            generation: Some(creating.generation),
            after: 0,
        })
    })
}

/// Addresses of which state knows an object, and may not know a newer one. Only tags tell generations apart.
fn succeeded(state: &State) -> impl Iterator<Item = Nameless> {
    state.resources.iter().filter_map(|(address, record)| {
        let object = record
            .object
            .as_ref()
            .filter(|_| record.creating.is_none())?;
        let owner = state.owner(address, 0);
        Some(Nameless {
            address: address.clone(),
            place: (record.kind.clone(), record.scope.clone()),
            wanted: AnyWanted { owner, spec: None },
            generation: None,
            after: object.generation.saturating_add(1),
        })
    })
}

/// Whether it is known what an object lives in, where that tells whose it is.
fn has_home(spec: &Value, facts: &Facts) -> bool {
    facts.tagged
        || facts
            .fields
            .with(Fact::Home)
            .into_iter()
            .all(|path| spec.pointer(path).is_some_and(is_known))
}

/// Declared resources that state knows no object of. What is known of it only in part and cannot prove whose it is, is
/// looked for last.
fn undiscovered<'a>(
    state: &'a State,
    graph: Option<&'a Graph>,
    observed: &Observed,
    last: bool,
) -> impl Iterator<Item = Nameless> + use<'a> {
    let mut known = KnownOutputs::default();
    let mut missing = Vec::new();
    for entry in graph.into_iter().flat_map(Graph::in_order) {
        let node = &entry.node;
        let record = state.resources.get(&node.address);
        if let Some(live) = observed.live(state, &node.address, &node.kind, &node.scope) {
            known.set(node.address.clone(), live);
        } else if record.is_none_or(|record| record.creating.is_none()) {
            let spec: Value = resolve(&node.spec, &known);
            let spec = match is_known(&spec) {
                true => entry.kind.resolve(spec).ok(),
                // What it lives in may become known yet, and proves whose it is.
                false => named(&*entry.kind, &spec)
                    .filter(|_| last || has_home(&spec, entry.kind.facts())),
            };
            let owner = state.owner(&node.address, 0);
            missing.push(Nameless {
                address: node.address.clone(),
                place: (node.kind.clone(), node.scope.clone()),
                wanted: AnyWanted { owner, spec },
                generation: None,
                after: 0,
            });
        }
    }
    missing.into_iter()
}
