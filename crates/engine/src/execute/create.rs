//! Creation that survives lost answers: the intent is durable before the call, and whatever became of
//! the call is found out before anything is created again.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use serde_json::Value;
use tokio::time::Instant;

use super::converge::Goal;
use super::{Run, StepError};
use crate::observe::{Choice, Heritage, choose, describe_owner, find_awaited};
use crate::retry::{RetryPolicy, as_attempt};
use crate::state::{Creating, NewObject, Record, RecordEvent, Verb, now};
use crate::{
    Address, AnyKind, AnyWanted, Candidate, Claim, Class, CloudError, Id, Identity, Owner,
};

/// How often a nameless object is looked for while reads may lag.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What one try to create came to.
enum Tried {
    Made(Id, u32),
    /// It had no effect and may be repeated after a while.
    Again(CloudError),
    /// Its answer was lost, and nothing is to be seen of it.
    Lost(CloudError),
    /// It had no effect, and will have none.
    Refused(StepError),
}

impl Run {
    /// Creates the object and puts it into state; answers its id.
    pub(super) async fn create(
        &self,
        goal: &Goal<'_>,
        mut record: Record,
    ) -> Result<Id, StepError> {
        // Whether the call was made before, so that something may come of it whatever it is answered now.
        let (mut creating, mut repeats) = match self.begin(goal, &record).await? {
            Resumed::Found(candidate, generation) => {
                return self.made(goal, record, candidate.id, generation).await;
            }
            Resumed::Repeat(creating) => (creating, true),
            Resumed::Anew => (self.creating(goal, next(record.generation)), false),
        };
        tracing::Span::current().record("generation", creating.generation);
        let begun = Instant::now();
        for tries in 1.. {
            let declared = self.declared(goal, &record, true);
            record = record.apply(RecordEvent::Creating(creating.clone(), declared))?;
            self.session
                .intent(Verb::Create, goal.address, Some(record.clone()))
                .await?;
            let tried = self.try_create(goal, &record, &creating, repeats);
            let (error, lost) = match as_attempt(tries, tried).await? {
                Tried::Made(id, generation) => {
                    return self.made(goal, record, id, generation).await;
                }
                Tried::Again(error) => (error, false),
                Tried::Lost(error) => (error, true),
                Tried::Refused(error) if repeats => return Err(error),
                Tried::Refused(error) => return Err(self.failed(goal, record, error).await?),
            };
            let policy = RetryPolicy::until(goal.kind().facts().timing.limit);
            let Some(delay) = policy.again(error.class, tries, begun.elapsed()) else {
                let tried = begun.elapsed();
                let error = StepError::GaveUp { error, tried };
                // What may still come to be stays written down.
                return Err(match lost || repeats {
                    true => error,
                    false => self.failed(goal, record, error).await?,
                });
            };
            self.tell_retry(goal.address, &error, delay);
            self.pause(delay).await?;
            repeats |= lost;
            if lost && goal.kind().facts().identity == Identity::Tags {
                creating = self.creating(goal, next(record.generation));
            }
        }
        Err(StepError::Interrupted)
    }

    /// What a creation starts with: one that an earlier run began, or nothing.
    async fn begin(&self, goal: &Goal<'_>, record: &Record) -> Result<Resumed, StepError> {
        match record.creating.clone() {
            Some(begun) => self.resume(goal, begun).await,
            None => Ok(Resumed::Anew),
        }
    }

    async fn try_create(
        &self,
        goal: &Goal<'_>,
        record: &Record,
        creating: &Creating,
        repeats: bool,
    ) -> Result<Tried, StepError> {
        let owner = self.claimed_by(goal.address, creating.generation);
        let claim = Claim {
            owner: owner.clone(),
            token: creating.token.clone(),
        };
        // One try a call: what follows depends on what became of it.
        let once = |_: &CloudError| false;
        let call = || goal.kind().create(goal.desired, &claim);
        let error = match self.call(goal.address, Duration::MAX, once, call).await {
            Ok(id) => return Ok(Tried::Made(id, creating.generation)),
            Err(StepError::Cloud(error)) => error,
            Err(other) => return Err(other),
        };
        match error.class {
            Class::AlreadyExists => {
                self.existing(goal, record, (creating, repeats), error)
                    .await
            }
            Class::Interrupted => {
                let search = Search {
                    kind: goal.kind(),
                    spec: goal.desired,
                    owner: &owner,
                    record,
                };
                Ok(match self.search(&search, creating).await? {
                    Some(candidate) => Tried::Made(candidate.id, creating.generation),
                    None => Tried::Lost(error),
                })
            }
            Class::Throttled | Class::Busy | Class::NotYetConsistent | Class::Unreachable => {
                Ok(Tried::Again(error))
            }
            _ => Ok(Tried::Refused(StepError::Cloud(error))),
        }
    }

    /// The cloud says that it is there already: ours from a lost answer, or somebody else's.
    async fn existing(
        &self,
        goal: &Goal<'_>,
        record: &Record,
        (creating, repeats): (&Creating, bool),
        error: CloudError,
    ) -> Result<Tried, StepError> {
        let owner = self.claimed_by(goal.address, creating.generation);
        let search = Search {
            kind: goal.kind(),
            spec: goal.desired,
            owner: &owner,
            record,
        };
        let failure = match self.lookup(&search, None).await? {
            Choice::One(found) => match self.stranger(goal, &found, repeats).await? {
                None => {
                    let generation = found
                        .owner
                        .map_or(creating.generation, |owner| owner.generation);
                    return Ok(Tried::Made(found.id, generation));
                }
                Some(refused) => refused,
            },
            // A read that lags behind the write that made it.
            Choice::None if goal.begun.elapsed() < self.options.grace => {
                return Ok(Tried::Again(error));
            }
            Choice::None => StepError::Cloud(error),
            Choice::Foreign(id, owner, stranger) => StepError::Foreign {
                id,
                owner: describe_owner(owner.as_ref(), &stranger),
                stranger,
            },
            Choice::Many(ids) => StepError::Ambiguous { ids },
        };
        Ok(Tried::Refused(failure))
    }

    /// Looks for the object of a creation whose answer was lost: once if repeating the creation is
    /// harmless, else until reads have caught up.
    pub(super) async fn search(
        &self,
        search: &Search<'_>,
        creating: &Creating,
    ) -> Result<Option<Candidate>, StepError> {
        let told = self.teller.about(format!(
            "looking for the object created for {}",
            search.owner.address
        ));
        told.for_reason("the response was lost, and no object is visible yet");
        told.during(self.searched(search, creating)).await
    }

    async fn searched(
        &self,
        search: &Search<'_>,
        creating: &Creating,
    ) -> Result<Option<Candidate>, StepError> {
        loop {
            match self.lookup(search, Some(creating.generation)).await? {
                Choice::One(found) => return Ok(Some(found)),
                Choice::Many(ids) => return Err(StepError::Ambiguous { ids }),
                Choice::None | Choice::Foreign(..) => {}
            }
            let age = Duration::from_millis(now().saturating_sub(creating.since));
            if search.kind.facts().identity == Identity::Name || age > self.options.grace {
                return Ok(None);
            }
            self.pause(LOOK_AGAIN.min(self.options.grace)).await?;
        }
    }

    async fn lookup(
        &self,
        search: &Search<'_>,
        generation: Option<u32>,
    ) -> Result<Choice, StepError> {
        let Search {
            kind,
            spec,
            owner,
            record,
        } = *search;
        let wanted = [AnyWanted {
            owner: owner.clone(),
            spec: Some(spec.clone()),
        }];
        let found = find_awaited(kind, &wanted, &self.teller)
            .await
            .map_err(StepError::Cloud)?;
        let known = |id: &Id| {
            record
                .object
                .iter()
                .chain(&record.deposed)
                .any(|object| object.id == *id)
        };
        let candidates = found
            .into_iter()
            .flatten()
            .filter(|candidate| !known(&candidate.id))
            .collect();
        let heritage = Heritage::new(&self.session.state(), false);
        Ok(choose(
            candidates,
            owner,
            generation,
            kind.facts(),
            &heritage,
        ))
    }

    /// What to do about a creation that an earlier run began. Planning has looked for its object once.
    async fn resume(&self, goal: &Goal<'_>, begun: Creating) -> Result<Resumed, StepError> {
        let facts = goal.kind().facts();
        let unchanged = self.concealed(goal) == begun.spec;
        match facts.identity {
            Identity::Name => return Ok(Resumed::Repeat(begun)),
            Identity::Token if unchanged => return Ok(Resumed::Repeat(begun)),
            Identity::Token | Identity::Tags => {}
        }
        let record = self.recorded(goal);
        let owner = self.claimed_by(goal.address, begun.generation);
        let search = Search {
            kind: goal.kind(),
            spec: &begun.spec,
            owner: &owner,
            record: &record,
        };
        let found = self.search(&search, &begun).await?;
        Ok(found.map_or(Resumed::Anew, |candidate| {
            Resumed::Found(candidate, begun.generation)
        }))
    }

    async fn made(
        &self,
        goal: &Goal<'_>,
        record: Record,
        id: Id,
        generation: u32,
    ) -> Result<Id, StepError> {
        let new = NewObject {
            id: id.clone(),
            generation,
            made: now(),
            intended: self.intended(goal).unwrap_or_default(),
            outlived: self.live_of(&record).is_some(),
        };
        let dependencies = self.dependencies(goal.address, &record, false);
        let record = record.apply(RecordEvent::Made(new, dependencies))?;
        self.session
            .outcome(Verb::Create, goal.address, Some(record))
            .await?;
        Ok(id)
    }

    /// The creation had no effect: state forgets the intent.
    async fn failed(
        &self,
        goal: &Goal<'_>,
        record: Record,
        error: StepError,
    ) -> Result<StepError, StepError> {
        let record = record.apply(RecordEvent::NotCreated)?;
        self.session
            .failure(Verb::Create, goal.address, record, &error)
            .await?;
        Ok(error)
    }

    fn creating(&self, goal: &Goal<'_>, generation: u32) -> Creating {
        Creating {
            generation,
            token: token(),
            since: now(),
            spec: self.concealed(goal),
        }
    }

    pub(super) fn claimed_by(&self, address: &Address, generation: u32) -> Owner {
        self.session.owner(address, generation)
    }
}

/// What a nameless object is looked for by.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) kind: &'a Arc<dyn AnyKind>,
    pub(super) spec: &'a Value,
    pub(super) owner: &'a Owner,
    /// Its address's record: objects that it names are not the one looked for.
    pub(super) record: &'a Record,
}

enum Resumed {
    Found(Candidate, u32),
    Repeat(Creating),
    Anew,
}

/// The generation after this one. Tags come from outside: the last number there is has none behind it.
const fn next(generation: u32) -> u32 {
    generation.saturating_add(1)
}

/// The idempotency token of a creation. It is in the journal before it is used, so every repetition has the
/// same one; it is drawn by lot, because AWS remembers tokens for longer than their objects live.
fn token() -> String {
    format!("platctl-{:032x}", rand::rng().random::<u128>())
}
