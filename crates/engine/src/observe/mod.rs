//! What is live: every recorded object read in one call per kind, and every nameless one looked for.

mod choice;
mod nameless;
mod ownership;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use tokio::time::sleep;

use self::nameless::look_for_nameless;
use crate::graph::Graph;
use crate::plan::Refusal;
use crate::retry::{Patience, retry, surely, wait_may_go_on};
use crate::state::State;
use crate::{
    Address, AnyKind, AnyLive, AnyWanted, Candidate, Catalog, Class, CloudError, CloudResult, Id, Identity,
    Phase,
};
pub use choice::{Choice, choose};
pub use ownership::{Heritage, Stranger, Twin, describe_owner, leads_elsewhere};
pub(crate) use ownership::{is_at_home, made_twice, names_ours};

/// What was seen of a stack.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Live objects, by kind, scope and id.
    objects: HashMap<(String, String, Id), AnyLive>,
    /// Objects that state has no id for: made by a run that was cut off, or left by a lost state.
    pub found: BTreeMap<Address, Candidate>,
    /// Of these addresses there is more than one object without a name in state.
    pub many: BTreeMap<Address, Vec<Candidate>>,
    /// What could not be looked at, and why. It counts as it was last applied.
    pub unseen: BTreeMap<Address, String>,
    /// What was found and cannot be used.
    pub refusals: Vec<Refusal>,
    /// The lineages that the tags of what is ours name.
    pub lineages: BTreeSet<String>,
    /// The addresses for which objects were found.
    taken: HashMap<(String, String, Id), Address>,
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

/// How closely to look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// For how long an object that was made may be invisible: until then it is looked for again, and never taken for
    /// deleted.
    pub grace: Duration,
    /// Whether state may be behind what was done, because a part of it was lost: then newer objects are looked for
    /// even where it knows one.
    pub thorough: bool,
    /// What counts as ours.
    pub claims: Claims,
}

/// What counts as a stack's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Claims {
    /// What state, journal or tags prove.
    #[default]
    Proven,
    /// What the tags of a lost state of this stack prove, too.
    Lost,
    /// And of what cannot be tagged, all that has the name of a declared resource.
    ByName,
}

/// How soon a young object that cannot be seen is looked for again, and the longest time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Reads the live side of a stack: calls per kind, not per resource. Writes nothing.
///
/// # Errors
/// The first read that the cloud refuses for good.
pub async fn observe(
    state: &State,
    graph: Option<&Graph>,
    catalog: &dyn Catalog,
    look: Look,
) -> CloudResult<Observed> {
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
    look_for_young(state, catalog, &mut observed, look.grace).await?;
    let heritage = Heritage::new(state, look.claims != Claims::Proven);
    ownership::check_recorded(state, &heritage, catalog, &mut observed);
    look_for_nameless(state, graph, catalog, &mut observed, look).await?;
    Ok(observed)
}

/// What was made a moment ago and cannot be seen is looked for until it shows, or is old enough to be believed gone.
async fn look_for_young(
    state: &State,
    catalog: &dyn Catalog,
    observed: &mut Observed,
    grace: Duration,
) -> CloudResult<()> {
    let mut pause = LOOK_AGAIN.min(grace);
    loop {
        let mut missing: BTreeMap<Place, Vec<Id>> = BTreeMap::new();
        for record in state.resources.values() {
            let unseen = |id: &Id| observed.get(&record.kind, &record.scope, id).is_none();
            let objects = record.object.iter().chain(&record.deposed);
            for object in objects.filter(|object| object.age() < grace && unseen(&object.id)) {
                let place = (record.kind.clone(), record.scope.clone());
                missing.entry(place).or_default().push(object.id.clone());
            }
        }
        let Some((kind, id)) = missing.iter().find_map(|((kind, _), ids)| Some((kind, ids.first()?))) else {
            return Ok(());
        };
        if pause <= LOOK_AGAIN {
            let minutes = grace.as_secs().div_ceil(60);
            tracing::warn!(
                "{kind} {id} was made a moment ago and cannot be seen; looking again, for up to {minutes} min"
            );
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        describe(missing, state, catalog, observed).await?;
    }
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
            let owner = state.owner(address, object.generation);
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
    if !kind.facts().one_by_one {
        return surely(|| kind.describe(ids)).await;
    }
    Ok(try_join_all(ids.chunks(1).map(|id| surely(move || kind.describe(id)))).await?.concat())
}

/// One describe for objects that a run waits for: patient with a network that is gone for a while, too.
///
/// # Errors
/// What the cloud answers in the end.
pub async fn describe_awaited(kind: &Arc<dyn AnyKind>, ids: &[Id]) -> CloudResult<Vec<Option<AnyLive>>> {
    // What is inside of something may be out of reach for good.
    let again = |error: &CloudError| wait_may_go_on(error.class) && !is_out_of_reach(kind, error);
    retry(Patience::WAIT, again, |_, _| {}, || kind.describe(ids)).await
}

/// One find for an object that a run waits for, with the same patience.
///
/// # Errors
/// What the cloud answers in the end.
pub async fn find_awaited(kind: &Arc<dyn AnyKind>, wanted: &[AnyWanted]) -> CloudResult<Vec<Vec<Candidate>>> {
    let again = |error: &CloudError| wait_may_go_on(error.class) && !is_out_of_reach(kind, error);
    retry(Patience::WAIT, again, |_, _| {}, || kind.find(wanted)).await
}

/// One find, patient with throttling and lost answers.
///
/// # Errors
/// What the cloud answers in the end.
pub async fn find_all(kind: &Arc<dyn AnyKind>, wanted: &[AnyWanted]) -> CloudResult<Vec<Vec<Candidate>>> {
    let facts = kind.facts();
    if !facts.one_by_one || facts.identity != Identity::Name {
        return surely(|| kind.find(wanted)).await;
    }
    Ok(try_join_all(wanted.chunks(1).map(|one| surely(move || kind.find(one)))).await?.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    /// How many reads it takes when the first three fail.
    async fn reads(kind: &str) -> usize {
        let lab = Lab::new();
        let kind = lab.cloud.bind(kind, "").unwrap();
        lab.cloud.world.lock().unwrap().flaky = 3;
        let ids: Vec<Id> = (0..10).map(|number| Id::from(format!("id-{number}"))).collect();
        assert_eq!(describe_all(&kind, &ids).await.unwrap().len(), 10);
        lab.cloud.world.lock().unwrap().reads
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_asked_again_and_nothing_else() {
        assert_eq!(reads("toy.Plain").await, 13, "ten reads, three of them twice");
        assert_eq!(reads("toy.Tags").await, 4, "one read for all, made four times");
    }
}
