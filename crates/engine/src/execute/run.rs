//! What all operations of a run share.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::StepError;
use super::detach::Detach;
use super::pending::Pending;
use super::watch::Watchers;
use crate::events::{Event, Listener};
use crate::graph::{Entry, Graph};
use crate::observe::Observed;
use crate::plan::{Action, Plan};
use crate::resolve::{KnownOutputs, is_known, resolve, unknown};
use crate::retry::{RetryPolicy, as_attempt, attempt};
use crate::schedule::Work;
use crate::state::{Record, Session, State};
use crate::stop::Stop;
use crate::tell::{Teller, millis};
use crate::{Address, AnyKind, AnyLive, Catalog, CloudError, CloudResult, Id, Phase};

/// How a run behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many mutating calls may be under way at once. Waiting does not count.
    pub parallelism: usize,
    /// How long reads may lag behind writes: for this long an object whose creation's answer was lost is
    /// looked for before it is created again.
    pub grace: Duration,
    /// How much of the usual durations the cloud really takes: 1 for AWS, less for an emulator.
    pub time_scale: f64,
    /// Whether what does not depend on a failure goes on.
    pub keep_going: bool,
    /// From what others may be removed that belong to no stack and keep it from being deleted.
    pub detach: Detach,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parallelism: 64,
            grace: Duration::from_secs(30),
            time_scale: 1.0,
            keep_going: true,
            detach: Detach::default(),
        }
    }
}

/// One run over one stack.
pub struct Run {
    pub(super) session: Arc<Session>,
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) graph: Option<Graph>,
    pub(super) observed: Observed,
    pub(super) stop: Stop,
    pub(super) listener: Listener,
    pub(super) options: Options,
    pub(super) keep: HashMap<Address, ()>,
    /// The kind and the place of every address of the plan.
    pub(super) places: HashMap<Address, (String, String)>,
    /// What the user asked to have replaced, though nothing about it asks for that.
    pub(super) asked: HashSet<Address>,
    /// What this run deletes for good.
    pub(super) doomed: HashSet<Address>,
    /// What is left alone instead of deleted, and why.
    pub(super) left: Mutex<Vec<(Address, Id, &'static str)>>,
    /// From what others were removed.
    pub(super) detached: Mutex<HashSet<Address>>,
    /// What has failed, or was not tried because something before it failed.
    failed: Mutex<HashSet<Address>>,
    /// What has begun and not ended.
    pub(super) pending: Pending,
    /// Says what takes long.
    pub(super) teller: Teller,
    known: Mutex<KnownOutputs>,
    watchers: Watchers,
    permits: Semaphore,
}

impl Run {
    /// A run that carries out `plan` over `graph` (none for a destroy), given what was observed when it
    /// was planned.
    #[must_use]
    pub fn new(
        plan: &Plan,
        graph: Option<Graph>,
        observed: Observed,
        session: Arc<Session>,
        catalog: Arc<dyn Catalog>,
        (listener, stop, options): (Listener, Stop, Options),
    ) -> Self {
        let teller = Teller::new(listener.clone());
        let known = taken(plan, graph.as_ref(), &observed, &session.state());
        let stays = |step: &&crate::plan::Step| step.action.converges();
        let place = |step: &crate::plan::Step| (step.kind.clone(), step.scope.clone());
        let doomed = plan
            .steps
            .iter()
            .filter(|step| !stays(step))
            .map(|step| step.address.clone())
            .collect();
        Self {
            doomed,
            asked: plan
                .steps
                .iter()
                .filter(|step| step.reasons.contains(&crate::plan::Reason::Asked))
                .map(|step| step.address.clone())
                .collect(),
            places: plan
                .steps
                .iter()
                .map(|step| (step.address.clone(), place(step)))
                .collect(),
            keep: plan
                .steps
                .iter()
                .filter(stays)
                .map(|step| (step.address.clone(), ()))
                .collect(),
            session,
            catalog,
            graph,
            observed,
            stop,
            listener,
            permits: Semaphore::new(options.parallelism.max(1)),
            options,
            left: Mutex::default(),
            detached: Mutex::default(),
            failed: Mutex::default(),
            pending: Pending::default(),
            watchers: Watchers::new(teller.clone()),
            teller,
            known: Mutex::new(known),
        }
    }

    pub(super) fn entry(&self, address: &Address) -> Result<&Entry, StepError> {
        let entry = self
            .graph
            .as_ref()
            .and_then(|graph| graph.get(address.as_str()));
        entry.ok_or_else(|| StepError::Unknown(address.to_string()))
    }

    pub(super) fn kind_name(&self, address: &Address) -> String {
        let declared = self
            .entry(address)
            .ok()
            .map(|entry| entry.node.kind.clone());
        declared
            .or_else(|| self.session.record(address).map(|record| record.kind))
            .unwrap_or_default()
    }

    /// Whether nothing is to be said of an operation: it changes nothing, and the object was seen to be ready.
    pub(super) fn is_silent(&self, address: &Address, work: &Work) -> bool {
        matches!(work, Work::Converge(Action::NoOp)) && !self.settles(address)
    }

    /// Whether a no-op of this address still has to wait for the object to be ready.
    fn settles(&self, address: &Address) -> bool {
        let found = self.observed.found.get(address).and_then(|candidate| {
            let node = &self.entry(address).ok()?.node;
            self.observed.get(&node.kind, &node.scope, &candidate.id)
        });
        let record = self.session.record(address);
        let live = found.or_else(|| record.as_ref().and_then(|record| self.live_of(record)));
        live.is_some_and(|live| matches!(live.phase, Phase::Settling(_)))
    }

    pub(super) fn live_of(&self, record: &Record) -> Option<&AnyLive> {
        let object = record.object.as_ref()?;
        self.observed.get(&record.kind, &record.scope, &object.id)
    }

    /// The spec with every reference replaced, normalised and checked.
    pub(super) fn desired(&self, entry: &Entry) -> Result<Value, StepError> {
        let spec = resolve(
            &entry.node.spec,
            &self.known.lock().unwrap_or_else(PoisonError::into_inner),
        );
        if is_known(&spec) {
            return entry.kind.resolve(spec).map_err(StepError::Spec);
        }
        Err(StepError::Unknown(first_unknown(&spec).unwrap_or_default()))
    }

    /// Notes that an address will not come to be in this run.
    pub(super) fn fails(&self, address: &Address) {
        self.failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(address.clone());
    }

    /// Whether an address will not come to be in this run.
    pub(super) fn has_failed(&self, address: &Address) -> bool {
        self.failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(address)
    }

    /// Tells consumers the outputs that are known now.
    pub(super) fn publish(&self, address: &Address, live: &AnyLive) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .set(address.clone(), live);
    }

    pub(super) async fn look(
        &self,
        kind: &Arc<dyn AnyKind>,
        scope: &str,
        id: &Id,
        delay: Duration,
    ) -> Result<Option<AnyLive>, StepError> {
        let look = self.watchers.look(kind, scope, id, delay);
        tokio::select! {
            biased;
            () = self.stop.stopping() => Err(StepError::Interrupted),
            answer = look => answer.map_err(StepError::Cloud),
        }
    }

    pub(super) fn usual(&self, usual: Duration) -> Duration {
        usual.mul_f64(self.options.time_scale.clamp(0.0, 1.0))
    }

    pub(super) async fn pause(&self, delay: Duration) -> Result<(), StepError> {
        tokio::select! {
            biased;
            () = self.stop.stopping() => Err(StepError::Interrupted),
            () = tokio::time::sleep(delay) => Ok(()),
        }
    }

    /// The cloud works on it.
    pub(super) fn tell_waiting(
        &self,
        address: &Address,
        status: String,
        elapsed: Duration,
        usual: Duration,
    ) {
        // Every look is a call, which is logged; what is news is another status.
        if self.pending.waits(address, &status) {
            tracing::debug!(status, "waiting");
        }
        (self.listener)(Event::Waiting {
            address: address.clone(),
            status,
            elapsed,
            usual,
        });
    }

    pub(super) fn tell_retry(&self, address: &Address, error: &CloudError, delay: Duration) {
        let (address, message) = (address.clone(), error.to_string());
        let delay_ms = millis(delay);
        tracing::info!(class = ?error.class, error = message, delay_ms, "retrying");
        (self.listener)(Event::Retrying {
            address,
            class: error.class,
            message,
            delay,
        });
    }

    /// Makes a mutating call, again and again while its error is one that `again` accepts. Between tries
    /// the run may be stopped; a call in flight never is.
    pub(super) async fn call<T, F: Future<Output = CloudResult<T>>>(
        &self,
        address: &Address,
        limit: Duration,
        again: impl Fn(&CloudError) -> bool,
        mut call: impl FnMut() -> F,
    ) -> Result<T, StepError> {
        let (policy, begun) = (RetryPolicy::until(limit), Instant::now());
        // A creation is repeated by its own rules, one call at a time: the attempts before this call count.
        let before = attempt() - 1;
        let mut tries = 0;
        loop {
            let this = as_attempt(before + tries + 1, call());
            let error = match self.in_turn(address, this).await? {
                Ok(value) => return Ok(value),
                Err(error) if again(&error) => error,
                Err(error) => return Err(StepError::Cloud(error)),
            };
            tries += 1;
            let Some(delay) = policy.again(error.class, tries, begun.elapsed()) else {
                return Err(StepError::GaveUp {
                    error,
                    tried: begun.elapsed(),
                });
            };
            self.tell_retry(address, &error, delay);
            self.pause(delay).await?;
        }
    }

    /// Makes one mutating call when it is its turn, unless the run is to stop or another run has taken over.
    async fn in_turn<T>(
        &self,
        address: &Address,
        call: impl Future<Output = CloudResult<T>>,
    ) -> Result<CloudResult<T>, StepError> {
        let turn = self.teller.about("calls waiting for a free slot");
        turn.for_reason(format!(
            "{} calls are in progress (--parallelism)",
            self.options.parallelism.max(1)
        ));
        match turn.during(self.permits.acquire()).await {
            // Whoever waited for its turn while the run was asked to stop has not begun.
            Ok(_permit) if !self.stop.is_stopping() => {
                // Whoever has slept for too long must not go on beside the one who has taken over.
                self.session.check().await.map_err(StepError::State)?;
                let _under_way = self.pending.call(address);
                let told = self
                    .teller
                    .about(format!("{address}, {}", self.pending.what(address)));
                Ok(told.during(call).await)
            }
            _ => Err(StepError::Interrupted),
        }
    }
}

/// The outputs of what the plan has no step for: it is taken as it is.
fn taken(plan: &Plan, graph: Option<&Graph>, observed: &Observed, state: &State) -> KnownOutputs {
    let planned: HashSet<&Address> = plan.steps.iter().map(|step| &step.address).collect();
    let mut known = KnownOutputs::default();
    let nodes = graph.into_iter().flat_map(Graph::in_order);
    let nodes = nodes.map(|entry| &entry.node);
    for node in nodes.filter(|node| !planned.contains(&node.address)) {
        if let Some(live) = observed.live(state, &node.address, &node.kind, &node.scope) {
            known.set(node.address.clone(), live);
        }
    }
    known
}

fn first_unknown(spec: &Value) -> Option<String> {
    unknown(spec).map(ToOwned::to_owned).or_else(|| match spec {
        Value::Object(map) => map.values().find_map(first_unknown),
        Value::Array(items) => items.iter().find_map(first_unknown),
        _ => None,
    })
}
