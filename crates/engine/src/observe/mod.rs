//! What is live: every recorded object read in one call per kind, and every nameless one looked for.

mod checksum;
mod choice;
mod nameless;
mod ownership;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::time::sleep;

use self::nameless::look_for_nameless;
use crate::graph::Graph;
use crate::plan::Refusal;
use crate::retry::{RetryPolicy, read_may_recover, retry, wait_may_go_on};
use crate::state::State;
use crate::tell::{Teller, Told};
use crate::{
    Address, AnyKind, AnyLive, AnyWanted, Candidate, Catalog, Class, CloudError, CloudResult, Id,
    Identity, Phase,
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
        self.objects
            .get(&(kind.to_owned(), scope.to_owned(), id.clone()))
    }

    /// The live object that stands for an address: the recorded one, or the one found.
    #[must_use]
    pub fn live(
        &self,
        state: &State,
        address: &Address,
        kind: &str,
        scope: &str,
    ) -> Option<&AnyLive> {
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
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// For how long an object that was made may be invisible: until then it is looked for again, and never taken for
    /// deleted.
    pub grace: Duration,
    /// Whether state may be behind what was done, because a part of it was lost: then newer objects are looked for
    /// even where it knows one.
    pub thorough: bool,
    /// What counts as ours.
    pub claims: Claims,
    /// Who hears of what takes long.
    pub teller: Teller,
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

/// How many objects of a kind are read at once where each takes calls of its own. More would only wait for each other
/// at the API's rate limit, signed and with their time running.
pub const AT_ONCE: usize = 32;

/// Reads the live side of a stack: calls per kind, not per resource. Writes nothing.
///
/// # Errors
/// The first read that the cloud refuses for good.
pub async fn observe(
    state: &State,
    graph: Option<&Graph>,
    catalog: &dyn Catalog,
    options: ReadOptions,
) -> CloudResult<Observed> {
    let mut observed = Observed::default();
    let mut ids: BTreeMap<Place, Vec<Id>> = BTreeMap::new();
    for (address, record) in &state.resources {
        if catalog.bind(&record.kind, &record.scope).is_none() {
            observed.refusals.push(Refusal::UnknownKind {
                address: address.clone(),
                kind: record.kind.clone(),
            });
            continue;
        }
        let objects = record.object.iter().chain(&record.deposed);
        let place = (record.kind.clone(), record.scope.clone());
        ids.entry(place)
            .or_default()
            .extend(objects.map(|object| object.id.clone()));
    }
    describe(ids, state, catalog, &mut observed, &options.teller).await?;
    look_for_young(state, catalog, &mut observed, &options).await?;
    checksum::compare(state, catalog, &mut observed);
    let heritage = Heritage::new(state, options.claims != Claims::Proven);
    ownership::check_recorded(state, &heritage, catalog, &mut observed);
    look_for_nameless(state, graph, catalog, &mut observed, &options).await?;
    Ok(observed)
}

/// What was made a moment ago and cannot be seen is looked for until it shows, or is old enough to be believed gone.
async fn look_for_young(
    state: &State,
    catalog: &dyn Catalog,
    observed: &mut Observed,
    options: &ReadOptions,
) -> CloudResult<()> {
    let told = options.teller.about("looking for recently created objects");
    told.during(until_seen(state, catalog, observed, options, &told))
        .await
}

/// Reads of a cloud may lag behind its writes, for minutes after a creation. An object that is taken for deleted in that
/// time would be created a second time, so a young one is only believed gone when it is old enough. The age is counted
/// from the record, not from the beginning of this run: a run that starts an hour later does not wait at all.
async fn until_seen(
    state: &State,
    catalog: &dyn Catalog,
    observed: &mut Observed,
    options: &ReadOptions,
    told: &Told<'_>,
) -> CloudResult<()> {
    let grace = options.grace;
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
        let Some((kind, id)) = missing
            .iter()
            .find_map(|((kind, _), ids)| Some((kind, ids.first()?)))
        else {
            return Ok(());
        };
        let minutes = grace.as_secs().div_ceil(60);
        told.for_reason(format!(
            "{kind} {id} is not visible yet; retrying for up to {minutes} min"
        ));
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        describe(missing, state, catalog, observed, &options.teller).await?;
    }
}

/// Reads all kinds side by side, each with as few calls as it can. An error that is no matter of reach is that of all of
/// it: a plan over half of the live objects would create what it could not see. The other reads come to their ends first:
/// one may be a build in a cluster, which gives the access back that it has.
async fn describe(
    ids: BTreeMap<Place, Vec<Id>>,
    state: &State,
    catalog: &dyn Catalog,
    observed: &mut Observed,
    teller: &Teller,
) -> CloudResult<()> {
    let reads = ids
        .into_iter()
        .filter(|(_, ids)| !ids.is_empty())
        .filter_map(|(place, ids)| {
            let kind = catalog.bind(&place.0, &place.1)?;
            Some(async move {
                let found = match describe_all(&kind, &ids, teller).await {
                    Err(error) if is_out_of_reach(&kind, &error) => Err(error),
                    other => Ok((other?, kind.remark())),
                };
                Ok::<_, CloudError>((found, place, ids))
            })
        });
    let found: CloudResult<Vec<_>> = join_all(reads).await.into_iter().collect();
    for (found, (kind, scope), ids) in found? {
        let found = match found {
            Ok((found, remark)) => {
                let those = state
                    .resources
                    .iter()
                    .filter(|(_, record)| record.kind == kind);
                observed.unseen.extend(
                    those.filter_map(|(address, _)| Some((address.clone(), remark.clone()?))),
                );
                found
            }
            Err(error) => {
                as_recorded(state, &kind, &error, observed);
                continue;
            }
        };
        for (id, live) in ids.into_iter().zip(found) {
            if let Some(live) = live {
                observed
                    .objects
                    .insert((kind.clone(), scope.clone(), id), live);
            }
        }
    }
    Ok(())
}

/// Whether what was asked for lives inside of something that cannot be entered from here.
fn is_out_of_reach(kind: &Arc<dyn AnyKind>, error: &CloudError) -> bool {
    error.class == Class::Unreachable && kind.facts().inside.is_some()
}

/// What is out of reach counts as it was last applied. Objects in a cluster whose private endpoint cannot be reached
/// from here must not keep the other hundred resources from being planned; `unseen` tells the user which they are.
fn as_recorded(state: &State, kind: &str, error: &CloudError, observed: &mut Observed) {
    for (address, record) in state
        .resources
        .iter()
        .filter(|(_, record)| record.kind == kind)
    {
        observed.unseen.insert(address.clone(), error.to_string());
        for object in record.object.iter().chain(&record.deposed) {
            let owner = state.owner(address, object.generation);
            let live = AnyLive {
                id: object.id.clone(),
                spec: object.spec.clone(),
                outputs: object.outputs.clone(),
                owner: Some(owner),
                phase: Phase::Ready,
                unmanaged: Vec::new(),
            };
            let place = (record.kind.clone(), record.scope.clone(), object.id.clone());
            observed.objects.insert(place, live);
        }
    }
}

/// Reads objects, patient with throttling and lost answers.
///
/// # Errors
/// What the cloud answers in the end.
pub async fn describe_all(
    kind: &Arc<dyn AnyKind>,
    ids: &[Id],
    teller: &Teller,
) -> CloudResult<Vec<Option<AnyLive>>> {
    let again = |error: &CloudError| read_may_recover(error.class);
    read(kind, ids, teller, (RetryPolicy::READ, &again)).await
}

/// Reads objects that a run waits for: patient with a network that is gone for a while, too.
///
/// # Errors
/// What the cloud answers in the end.
pub async fn describe_awaited(
    kind: &Arc<dyn AnyKind>,
    ids: &[Id],
    teller: &Teller,
) -> CloudResult<Vec<Option<AnyLive>>> {
    // What is inside of something may be out of reach for good.
    let again = |error: &CloudError| wait_may_go_on(error.class) && !is_out_of_reach(kind, error);
    read(kind, ids, teller, (RetryPolicy::WAIT, &again)).await
}

fn several(count: usize, kind: &str) -> String {
    if count == 1 {
        kind.to_owned()
    } else {
        format!("{count} {kind}")
    }
}

/// How a read is repeated: for how long, and after which errors.
type Persistence<'a> = (RetryPolicy, &'a (dyn Fn(&CloudError) -> bool + Sync));

/// One read for all objects, or one for each where the kind says so: then what fails is repeated alone. After a failure
/// none is started, and those that are under way come to their ends, as in [`describe`].
async fn read(
    kind: &Arc<dyn AnyKind>,
    ids: &[Id],
    teller: &Teller,
    (policy, again): Persistence<'_>,
) -> CloudResult<Vec<Option<AnyLive>>> {
    let facts = kind.facts();
    let told = teller.about(format!("reading {}", several(ids.len(), facts.name)));
    let read = |ids| retry(policy, again, &told, move || kind.describe(ids));
    let size = if facts.one_by_one {
        1
    } else {
        ids.len().max(1)
    };
    let (failed, read) = (&AtomicBool::new(false), &read);
    let unless_failed = |ids| async move {
        if failed.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let found = read(ids).await;
        if found.is_err() {
            failed.store(true, Ordering::Relaxed);
        }
        found
    };
    let reads: Vec<_> = ids.chunks(size).map(unless_failed).collect();
    let found: Vec<CloudResult<Vec<Option<AnyLive>>>> = told
        .during(stream::iter(reads).buffered(AT_ONCE).collect())
        .await;
    let found: CloudResult<Vec<_>> = found.into_iter().collect();
    Ok(found?.concat())
}

/// One find for an object that a run waits for, with the same patience.
///
/// # Errors
/// What the cloud answers in the end.
pub async fn find_awaited(
    kind: &Arc<dyn AnyKind>,
    wanted: &[AnyWanted],
    teller: &Teller,
) -> CloudResult<Vec<Vec<Candidate>>> {
    let again = |error: &CloudError| wait_may_go_on(error.class) && !is_out_of_reach(kind, error);
    search(kind, wanted, teller, (RetryPolicy::WAIT, &again)).await
}

/// Searches, patient with throttling and lost answers.
///
/// # Errors
/// What the cloud answers in the end.
pub async fn find_all(
    kind: &Arc<dyn AnyKind>,
    wanted: &[AnyWanted],
    teller: &Teller,
) -> CloudResult<Vec<Vec<Candidate>>> {
    let again = |error: &CloudError| read_may_recover(error.class);
    search(kind, wanted, teller, (RetryPolicy::READ, &again)).await
}

/// One search for all, or one for each name.
async fn search(
    kind: &Arc<dyn AnyKind>,
    wanted: &[AnyWanted],
    teller: &Teller,
    (policy, again): Persistence<'_>,
) -> CloudResult<Vec<Vec<Candidate>>> {
    let facts = kind.facts();
    let told = teller.about(format!("looking for {}", several(wanted.len(), facts.name)));
    let search = |wanted| retry(policy, again, &told, move || kind.find(wanted));
    let alone = facts.one_by_one && facts.identity == Identity::Name;
    let size = if alone { 1 } else { wanted.len().max(1) };
    let searches: Vec<_> = wanted.chunks(size).map(search).collect();
    let found: Vec<_> = told
        .during(stream::iter(searches).buffered(AT_ONCE).try_collect())
        .await?;
    Ok(found.concat())
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
        let ids: Vec<Id> = (0..10)
            .map(|number| Id::from(format!("id-{number}")))
            .collect();
        assert_eq!(
            describe_all(&kind, &ids, &Teller::default())
                .await
                .unwrap()
                .len(),
            10
        );
        lab.cloud.world.lock().unwrap().reads
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_asked_again_and_nothing_else() {
        assert_eq!(
            reads("toy.Plain").await,
            13,
            "ten reads, three of them twice"
        );
        assert_eq!(
            reads("toy.Tags").await,
            4,
            "one read for all, made four times"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_a_run_waits_for_is_repeated_alone_and_said() {
        let lab = Lab::new();
        let kind = lab.cloud.bind("toy.Plain", "").unwrap();
        let (teller, heard) = crate::tell::tests::ear();
        lab.cloud.world.lock().unwrap().away = 30;
        let ids: Vec<Id> = (0..3)
            .map(|number| Id::from(format!("id-{number}")))
            .collect();
        describe_awaited(&kind, &ids, &teller).await.unwrap();
        assert_eq!(
            lab.cloud.world.lock().unwrap().reads,
            33,
            "three reads, thirty of them that failed"
        );
        let first = heard.lock().unwrap()[0].clone();
        assert_eq!(
            first,
            "reading 3 toy.Plain: toy.Plain: no route to the cloud (5 s)"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn reads_of_single_objects_are_bounded() {
        let lab = Lab::new();
        let kind = lab.cloud.bind("toy.Plain", "").unwrap();
        lab.cloud.world.lock().unwrap().slow = Duration::from_millis(50);
        let ids: Vec<Id> = (0..500)
            .map(|number| Id::from(format!("id-{number}")))
            .collect();
        assert_eq!(
            describe_all(&kind, &ids, &Teller::default())
                .await
                .unwrap()
                .len(),
            500
        );
        let world = lab.cloud.world.lock().unwrap();
        assert_eq!((world.reads, world.most_reading), (500, AT_ONCE));
    }
}
