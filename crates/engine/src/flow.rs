//! The whole way from a graph to a converged cloud, in two halves with the user's consent between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};

use crate::behind::behind;
use crate::contents::contents;
use crate::events::Listener;
use crate::execute::kept;
use crate::execute::{Detach, Options, Outcome, Run, StepError, execute};
use crate::graph::Graph;
use crate::observe::{AT_ONCE, Observed, ReadOptions, made_twice, observe};
use crate::plan::{Action, Plan, Reason, Refusal, Step};
use crate::planner::{DataLoss, PlanOptions, apply_moves, plan, plan_destroy};
use crate::retry::call_with_retries;
use crate::schedule::{Cycle, Schedule};
use crate::select::{Selection, lost_detach};
use crate::state::{Session, State};
use crate::stop::Stop;
use crate::tell::Teller;
use crate::{Address, Catalog, Changes, CloudError, CloudResult, SpecError};

/// What the user wants of a stack.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// What is declared; none to destroy everything.
    pub graph: Option<Graph>,
    /// Old address → new address: resources that were renamed in the stack file.
    pub moved: BTreeMap<Address, Address>,
    /// Whose data may be lost.
    pub data_loss: DataLoss,
    /// Which part of the stack it is about.
    pub selection: Selection,
    /// How closely to look at what there is.
    pub read_options: ReadOptions,
}

/// A plan with all that it was made from.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What would change.
    pub plan: Plan,
    graph: Option<Graph>,
    state: State,
    observed: Observed,
    moved: BTreeMap<Address, Address>,
}

/// Observes and plans. Reads the cloud, writes nothing anywhere.
///
/// # Errors
/// The first read that the cloud refuses for good.
pub async fn prepare(
    request: Request,
    mut state: State,
    catalog: &dyn Catalog,
) -> CloudResult<Prepared> {
    let (moved, refusals) = apply_moves(&mut state, &request.moved);
    let teller = request.read_options.teller.clone();
    let observed = observe(
        &state,
        request.graph.as_ref(),
        catalog,
        request.read_options,
    )
    .await?;
    let Request {
        data_loss,
        selection,
        ..
    } = request;
    let options = PlanOptions {
        moved: moved.clone(),
        data_loss,
        selection,
    };
    let mut plan = match &request.graph {
        Some(graph) => plan(graph, &state, &observed, catalog, &options),
        None => plan_destroy(&state, &observed, catalog, &options),
    };
    plan.refusals.extend(refusals);
    plan.refusals
        .extend(vet(&plan, &observed, catalog, &teller).await?);
    plan.refusals
        .extend(vet_new(&plan, catalog, &teller).await?);
    plan.refusals.extend(made_twice(&plan.steps, catalog));
    mark_kept(&mut plan, &state, &observed, catalog);
    plan.contents = contents(&plan, &observed, catalog, &teller).await;
    if request.graph.is_some() {
        plan.behind = behind(&state, &observed, catalog, &teller).await;
    }
    Ok(Prepared {
        plan,
        graph: request.graph,
        state,
        observed,
        moved,
    })
}

/// Says of what would be deleted, and is not this stack's to delete, that it is left alone.
fn mark_kept(plan: &mut Plan, state: &State, observed: &Observed, catalog: &dyn Catalog) {
    for step in plan
        .steps
        .iter_mut()
        .filter(|step| step.action == Action::Delete)
    {
        let record = state.resources.get(&step.address);
        let live = step
            .id
            .as_ref()
            .and_then(|id| observed.get(&step.kind, &step.scope, id));
        let kind = catalog.bind(&step.kind, &step.scope);
        if let (Some(record), Some(live), Some(kind)) = (record, live, kind) {
            let why = kept(record, live, kind.facts()).map(|why| Reason::LeftAlone {
                why: why.to_owned(),
            });
            step.reasons.extend(why);
        }
    }
}

/// What the cloud is known to refuse of the updates, asked of it now rather than met in the middle of a run.
async fn vet(
    plan: &Plan,
    observed: &Observed,
    catalog: &dyn Catalog,
    teller: &Teller,
) -> CloudResult<Vec<Refusal>> {
    let questions = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::Update)
        .filter_map(|step| {
            let kind = catalog.bind(&step.kind, &step.scope)?;
            let live = observed.get(&step.kind, &step.scope, step.id.as_ref()?)?;
            let changes = Changes::new(
                step.changes
                    .iter()
                    .map(|change| change.change.clone())
                    .collect(),
            )?;
            let target = step.target.as_ref()?;
            Some(async move {
                let faults =
                    call_with_retries(teller, format!("checking {}", step.address), || {
                        kind.vet(live, target, &changes)
                    })
                    .await?;
                Ok::<_, CloudError>(refused(step, faults))
            })
        });
    let questions: Vec<_> = questions.collect();
    let found: Vec<Vec<Refusal>> = stream::iter(questions)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.concat())
}

/// What the cloud is known to refuse of what is to be created.
async fn vet_new(plan: &Plan, catalog: &dyn Catalog, teller: &Teller) -> CloudResult<Vec<Refusal>> {
    let declared: BTreeMap<&Address, _> = plan
        .nodes
        .iter()
        .map(|node| (&node.address, &node.spec))
        .collect();
    let created = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Create | Action::Replace(_)));
    let questions = created.filter_map(|step| {
        let (kind, spec) = (
            catalog.bind(&step.kind, &step.scope)?,
            *declared.get(&step.address)?,
        );
        Some(async move {
            let what = format!("checking {}", step.address);
            Ok::<_, CloudError>(refused(
                step,
                call_with_retries(teller, what, || kind.vet_new(spec)).await?,
            ))
        })
    });
    let questions: Vec<_> = questions.collect();
    let found: Vec<Vec<Refusal>> = stream::iter(questions)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.concat())
}

fn refused(step: &Step, faults: Vec<SpecError>) -> Vec<Refusal> {
    let refusal = |fault: SpecError| Refusal::Invalid {
        address: step.address.clone(),
        kind: step.kind.clone(),
        path: fault.path,
        message: fault.message,
    };
    faults.into_iter().map(refusal).collect()
}

impl Prepared {
    /// The order of work, for predicting or carrying out.
    ///
    /// # Errors
    /// When operations wait for each other in a circle. A refused plan has no order, and needs none.
    pub fn schedule(&self, catalog: &dyn Catalog) -> Result<Schedule, Cycle> {
        if !self.plan.refusals.iter().all(Refusal::is_about_data) {
            return Ok(Schedule::default());
        }
        Schedule::new(&self.plan, self.graph.as_ref(), &self.state, catalog)
    }

    /// Consents to the loss of the data that the plan names: answers whether nothing else stands in its way.
    pub fn consent(&mut self, consent: &DataLoss) -> bool {
        self.plan.refusals.retain(|refusal| match refusal {
            Refusal::DataLoss { address, .. } => !consent.covers(address),
            _ => true,
        });
        self.plan.refusals.is_empty()
    }

    /// Refuses names in a consent to remove others that lead to no resource.
    pub fn check_detach(&mut self, detach: &Detach) {
        let refusals = lost_detach(&detach.0, self.graph.as_ref(), &self.state);
        self.plan.refusals.extend(refusals);
    }

    /// The live objects that the plan was made from.
    #[must_use]
    pub const fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Carries the plan out. The session must be the one whose state it was made from.
    ///
    /// # Errors
    /// When nothing could be begun: the order is impossible, or state cannot be written.
    pub async fn carry_out(
        self,
        session: Arc<Session>,
        catalog: Arc<dyn Catalog>,
        (listener, stop, options): (Listener, Stop, Options),
    ) -> Result<Outcome, NotBegun> {
        let schedule = self.schedule(&*catalog)?;
        self.carry_out_by(schedule, session, catalog, (listener, stop, options))
            .await
    }

    /// The same, by a schedule of the caller's: one of this plan.
    ///
    /// # Errors
    /// When nothing could be begun: state cannot be written.
    pub async fn carry_out_by(
        self,
        schedule: Schedule,
        session: Arc<Session>,
        catalog: Arc<dyn Catalog>,
        (listener, stop, options): (Listener, Stop, Options),
    ) -> Result<Outcome, NotBegun> {
        for (to, from) in &self.moved {
            session.rename(from, to).await.map_err(StepError::State)?;
        }
        for step in self
            .plan
            .steps
            .iter()
            .filter(|step| step.action == Action::Keep)
        {
            session
                .keep(&step.address, step.kept_for())
                .await
                .map_err(StepError::State)?;
        }
        let run = Run::new(
            &self.plan,
            self.graph,
            self.observed,
            session,
            catalog,
            (listener, stop, options),
        );
        Ok(execute(Arc::new(run), schedule).await)
    }
}

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum NotBegun {
    #[error(transparent)]
    Cycle(#[from] Cycle),
    #[error(transparent)]
    Step(#[from] StepError),
}
