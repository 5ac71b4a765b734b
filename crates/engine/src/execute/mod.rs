//! Carrying a plan out: concurrent up to the graph's own limits, every success durable before its
//! dependants start, every failure confined to what depends on it.

mod converge;
mod create;
mod delete;
mod detach;
mod error;
mod obstacle;
mod ownership;
mod pending;
mod run;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use detach::Detach;
pub use error::StepError;
pub(crate) use ownership::kept;
pub use run::{Options, Run};

use crate::events::{Doing, Event};
use crate::plan::Action;
use crate::schedule::{Op, OpId, Schedule, Work};
use crate::{Address, Id};

/// What became of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was done, in the order in which it ended. No-ops are left out.
    pub done: Vec<Done>,
    /// What failed by itself, in the order in which it failed: the root causes.
    pub failed: Vec<(Address, StepError)>,
    /// What was not tried, and the failure that it waited for.
    pub skipped: Vec<(Address, Address)>,
    /// What was kept on purpose.
    pub kept: Vec<Kept>,
    /// What was to be deleted and was left alone, and why: it is not this stack's.
    pub left: Vec<(Address, Id, &'static str)>,
    /// Whether the run was asked to stop before its end, or could not go on.
    pub interrupted: bool,
    /// How many changes were begun and had not ended when the run stopped: the next run settles them.
    pub unfinished: usize,
    /// How many changes were not begun, because the run stopped before.
    pub not_begun: usize,
}

/// One operation that was carried out.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Done {
    pub address: Address,
    pub doing: Doing,
    pub id: Option<Id>,
    pub elapsed: Duration,
}

impl Outcome {
    /// Whether everything was carried out.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && !self.interrupted
    }
}

type Ended = (OpId, Doing, Duration, Result<Option<Id>, StepError>);

/// Carries the schedule out.
pub async fn execute(run: Arc<Run>, mut schedule: Schedule) -> Outcome {
    let mut outcome = Outcome::default();
    let mut tasks: JoinSet<Ended> = JoinSet::new();
    let (sender, mut accepted) = mpsc::unbounded_channel();
    let stop = run.stop.clone();
    let (mut halted, mut told) = (false, false);
    loop {
        let halts = |error: &StepError| error.is_hopeless() || !run.options.keep_going;
        halted |=
            outcome.failed.last().is_some_and(|(_, error)| halts(error)) || stop.is_stopping();
        if !halted {
            for op in schedule.start_ready() {
                let (address, work) = (
                    schedule.op(op).address.clone(),
                    schedule.op(op).work.clone(),
                );
                tasks.spawn(operate(run.clone(), op, address, work, sender.clone()));
            }
        }
        if tasks.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            () = stop.abandoned() => break,
            () = stop.stopping(), if !told => {
                told = true;
                (run.listener)(run.pending.stopping());
            }
            Some(op) = accepted.recv() => schedule.accepted(op),
            Some(ended) = tasks.join_next() => match ended {
                Ok(ended) => record(&run, &mut schedule, &mut outcome, ended),
                Err(broken) => {
                    // Its dependants never start, and the next run settles its intent.
                    tracing::error!("internal error: a task of the run failed: {broken}");
                    outcome.interrupted = true;
                }
            },
        }
    }
    outcome.unfinished += tasks.len();
    if halted || stop.is_stopping() {
        outcome.not_begun += schedule
            .not_started()
            .filter(|op| changes(schedule.op(*op)))
            .count();
        outcome.interrupted |= outcome.not_begun + outcome.unfinished > 0;
    }
    outcome
}

/// Something that stays on purpose when the rest goes.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The resource that it is, or was made from.
    pub address: Address,
    /// What it is: `snapshot prod-database-final-1a2b3c4d`, or its id.
    pub what: String,
}

/// Whether an operation would change anything.
const fn changes(op: &Op) -> bool {
    !matches!(op.work, Work::Converge(Action::NoOp))
}

async fn operate(
    run: Arc<Run>,
    op: OpId,
    address: Address,
    work: Work,
    accepted: mpsc::UnboundedSender<OpId>,
) -> Ended {
    let begun = Instant::now();
    let doing = doing(&run, &address, &work);
    run.pending.begin(&address, doing);
    if !run.is_silent(&address, &work) {
        (run.listener)(Event::Started {
            address: address.clone(),
            kind: run.kind_name(&address),
            doing,
        });
    }
    // The driver hears of it unless it has ended, and then nobody waits.
    let tell = move || {
        let _ = accepted.send(op);
    };
    let result = match work {
        Work::Converge(approved) => run.converge(&address, approved, &tell).await.map(Some),
        Work::Keep => run.keep(&address).await,
        Work::Delete { id, deposed } => run
            .delete(&address, id.as_ref(), deposed)
            .await
            .map(|()| id),
    };
    (op, doing, begun.elapsed(), result)
}

fn doing(run: &Run, address: &Address, work: &Work) -> Doing {
    match work {
        Work::Delete { .. } => Doing::Delete,
        Work::Keep => Doing::Keep,
        Work::Converge(Action::NoOp) => Doing::Wait,
        Work::Converge(_) if run.observed.found.contains_key(address) => Doing::Adopt,
        Work::Converge(Action::Update) => Doing::Update,
        Work::Converge(_) => Doing::Create,
    }
}

fn record(run: &Run, schedule: &mut Schedule, outcome: &mut Outcome, ended: Ended) {
    let (op, doing, elapsed, result) = ended;
    let (address, work) = (schedule.op(op).address.clone(), &schedule.op(op).work);
    match result {
        Ok(id) => {
            let left = run.left_alone(&address, id.as_ref());
            let doing = if left.is_some() { Doing::Leave } else { doing };
            outcome.left.extend(left);
            let silent = run.is_silent(&address, work);
            outcome
                .kept
                .extend(run.kept_by(&address, work, id.as_ref()));
            schedule.done(op);
            run.pending.end(&address);
            if !silent {
                (run.listener)(Event::Finished {
                    address: address.clone(),
                    doing,
                    id: id.clone(),
                    elapsed,
                });
                outcome.done.push(Done {
                    address,
                    doing,
                    id,
                    elapsed,
                });
            }
        }
        Err(StepError::Interrupted) => {
            outcome.interrupted = true;
            outcome.unfinished += 1;
            let behind = schedule.failed(op);
            outcome.not_begun += behind
                .into_iter()
                .filter(|op| changes(schedule.op(*op)))
                .count();
        }
        Err(error) => {
            run.pending.end(&address);
            run.fails(&address);
            let text = error.to_string();
            (run.listener)(Event::Failed {
                address: address.clone(),
                doing,
                error: text,
                elapsed,
            });
            let mut skipped: HashMap<Address, ()> = HashMap::new();
            for behind in schedule.failed(op) {
                let behind = schedule.op(behind).address.clone();
                run.fails(&behind);
                if behind != address && skipped.insert(behind.clone(), ()).is_none() {
                    (run.listener)(Event::Skipped {
                        address: behind.clone(),
                        because: address.clone(),
                    });
                    outcome.skipped.push((behind, address.clone()));
                }
            }
            outcome.failed.push((address, error));
        }
    }
}
