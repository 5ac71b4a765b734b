//! Carrying a plan out: concurrent up to the graph's own limits, every success durable before its
//! dependants start, every failure confined to what depends on it.
//!
//! # What a kill leaves behind, and what the next run does
//!
//! A process can end between any two of these lines. *Disk* is what state knows of the address once the journal is
//! replayed; the words are those of [`RecordEvent`](crate::state::RecordEvent). The tests in `lifecycle/crashes.rs` and
//! `lifecycle/random.rs` cut toy runs at every call.
//!
//! | killed | disk | cloud | the next run |
//! | --- | --- | --- | --- |
//! | *creation* | | | |
//! | before its intent is durable | nothing | nothing | plans it as new |
//! | before the call | `creating`: generation, token, spec, time | nothing | *token*: repeats the call with that token; where the spec has changed since, a token must not be reused, so it looks by tags first. *tags*: looks until reads have caught up (`grace`, counted from the recorded time), then creates with the next generation. *name*: repeats the call; if it exists, its tags say whose it is |
//! | after the call, before its outcome is durable | the same | the object | observation finds it by its tags or name and adopts it; *token*: the repeated call answers the same id |
//! | after the outcome, before it is ready | the object's id, no spec | the object, on its way | waits for it, compares all of it, settles. If it has failed by then: it was never ready, so it is deleted and created again |
//! | after it is ready, before `Settled` is durable | the same | the object | finds no difference and settles. Consumers that only need it accepted may have been started; they have records of their own |
//! | *update* | | | |
//! | after its intent, before or after the call | the spec applied last, what is intended, dependencies of before and after | either | compares again and updates what still differs. An update sets values, so that making it twice is harmless; one that the cloud has given up is reported and not repeated |
//! | *deletion* | | | |
//! | after its intent, before the call | the object | the object | plans the deletion again |
//! | after the call, before `Gone` is durable | the object | on its way, or gone | waits until it is gone, then forgets it |
//! | *replacement, new object first* | | | |
//! | before `Made` is durable | the old object and `creating` | the old object, perhaps the new one | finds the new one by its generation: it takes the address over, the old one is deposed |
//! | before the old one is deleted | the new object, the old one deposed | both | moves consumers on to the new one, then deletes the old one |
//! | *replacement, old object first* | | | |
//! | between the two | a record without an object, which keeps the generation | nothing | creates with the next generation; the address is not forgotten in between, or two objects could carry one generation |
//! | *keeping* (`Work::Keep`) | | | |
//! | after the tags are removed, before the address is forgotten | the object, to be kept | the object, as nobody's | forgets the address |
//! | *any* | | | |
//! | in the middle of a line of the journal | as before that line | as before | cuts the line off: its call was never made, because a call waits until its line is durable |
//! | in the middle of a checkpoint | the old state file and its journal, or the new file and a journal of an older serial | | replays the journal; one of an older serial is in the file already |
//!
//! What the table rests on: the intent is durable before the call, the outcome before any dependant starts, and a
//! generation is never given out twice for one address.

mod converge;
mod create;
mod delete;
mod detach;
mod error;
mod obstacle;
mod ownership;
mod pending;
mod run;
mod vacate;
mod watch;

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument;

pub use detach::{Detach, NothingDetached};
pub use error::StepError;
pub(crate) use ownership::kept;
pub use run::{Options, Run};

use crate::events::{Doing, Event};
use crate::plan::Action;
use crate::schedule::{Op, OpId, Schedule, Work};
use crate::tell::millis;
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
    /// From what others were allowed to be removed, and nothing was.
    pub nothing_detached: Vec<NothingDetached>,
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
///
/// One task drives all others, so that the schedule needs no lock and events have one order. A task that has ended is
/// looked at before more are started: a failure that ends the run (no credentials, a disk that is full) must not be
/// followed by calls that fail in the same way. The select is biased for the same reason: a request to stop is heard
/// before another result. A task that panics is not a failure of its resource: what it did is unknown, so its
/// dependants wait for the next run, which reads its intent from the journal.
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
                tasks.spawn(start(run.clone(), op, schedule.op(op), sender.clone()));
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
    outcome.nothing_detached = run.nothing_detached();
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

/// Starts an operation. Everything that is logged in it, down to the provider's calls, stands in its span.
fn start(
    run: Arc<Run>,
    op: OpId,
    planned: &Op,
    accepted: mpsc::UnboundedSender<OpId>,
) -> impl Future<Output = Ended> + use<> {
    let (address, work) = (planned.address.clone(), planned.work.clone());
    let doing = doing(&run, &address, &work);
    let span = tracing::info_span!(
        "operation",
        %address,
        verb = doing.verb(),
        // What a creation makes gets a new one, which is known when it is written down.
        generation = tracing::field::Empty,
    );
    if let Some(generation) = generation(&run, &address, &work) {
        span.record("generation", generation);
    }
    operate(run, op, (address, work, doing), accepted).instrument(span)
}

async fn operate(
    run: Arc<Run>,
    op: OpId,
    (address, work, doing): (Address, Work, Doing),
    accepted: mpsc::UnboundedSender<OpId>,
) -> Ended {
    let begun = Instant::now();
    run.pending.begin(&address, doing);
    let silent = run.is_silent(&address, &work);
    if !silent {
        let kind = run.kind_name(&address);
        tracing::info!(kind, "started");
        (run.listener)(Event::Started {
            address: address.clone(),
            kind,
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
        Work::Vacate { id } => run.vacate(&address, &id).await.map(|()| Some(id)),
    };
    let elapsed = begun.elapsed();
    let elapsed_ms = millis(elapsed);
    match &result {
        Ok(_) if silent => {}
        Ok(id) => tracing::info!(id = id.as_ref().map(Id::as_str), elapsed_ms, "ended"),
        Err(StepError::Interrupted) => {
            tracing::info!(elapsed_ms, "stopped; the next run continues")
        }
        Err(error) => tracing::info!(%error, elapsed_ms, "failed"),
    }
    (op, doing, elapsed, result)
}

fn doing(run: &Run, address: &Address, work: &Work) -> Doing {
    match work {
        Work::Delete { .. } => Doing::Delete,
        Work::Vacate { .. } => Doing::Vacate,
        Work::Keep => Doing::Keep,
        Work::Converge(Action::NoOp) => Doing::Wait,
        Work::Converge(_) if run.observed.found.contains_key(address) => Doing::Adopt,
        Work::Converge(Action::Update) => Doing::Update,
        Work::Converge(_) => Doing::Create,
    }
}

/// The generation of the object that an operation is about, unless the operation makes it.
fn generation(run: &Run, address: &Address, work: &Work) -> Option<u32> {
    let record = run.session.record(address)?;
    let mut objects = record.object.iter().chain(&record.deposed);
    let object = match work {
        Work::Converge(Action::Create | Action::Replace(_)) => None,
        Work::Delete { id: Some(id), .. } | Work::Vacate { id } => {
            objects.find(|object| object.id == *id)
        }
        Work::Converge(_) | Work::Keep | Work::Delete { .. } => record.object.as_ref(),
    };
    object.map(|object| object.generation)
}

/// Notes how an operation ended, and lets go what waited for it.
fn record(run: &Run, schedule: &mut Schedule, outcome: &mut Outcome, ended: Ended) {
    let (op, doing, elapsed, result) = ended;
    match result {
        Ok(id) => succeeded(run, schedule, outcome, (op, doing, elapsed, id)),
        Err(StepError::Interrupted) => {
            outcome.interrupted = true;
            outcome.unfinished += 1;
            let behind = schedule.failed(op);
            outcome.not_begun += behind
                .into_iter()
                .filter(|op| changes(schedule.op(*op)))
                .count();
        }
        Err(error) => failed(run, schedule, outcome, (op, doing, elapsed, error)),
    }
}

fn succeeded(
    run: &Run,
    schedule: &mut Schedule,
    outcome: &mut Outcome,
    (op, doing, elapsed, id): (OpId, Doing, Duration, Option<Id>),
) {
    let (address, work) = (schedule.op(op).address.clone(), &schedule.op(op).work);
    let left = run.left_alone(&address, id.as_ref());
    let doing = if left.is_some() { Doing::Leave } else { doing };
    outcome.left.extend(left);
    let silent = run.is_silent(&address, work);
    outcome
        .kept
        .extend(run.kept_by(&address, work, id.as_ref()));
    schedule.done(op);
    run.pending.end(&address);
    if silent {
        return;
    }
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

/// A failure stops its dependants only. Each of them is reported as skipped, once, with the failure as the reason.
fn failed(
    run: &Run,
    schedule: &mut Schedule,
    outcome: &mut Outcome,
    (op, doing, elapsed, error): (OpId, Doing, Duration, StepError),
) {
    let address = schedule.op(op).address.clone();
    run.pending.end(&address);
    run.fails(&address);
    (run.listener)(Event::Failed {
        address: address.clone(),
        doing,
        error: error.to_string(),
        elapsed,
    });
    let mut skipped = HashSet::new();
    for behind in schedule.failed(op) {
        let behind = schedule.op(behind).address.clone();
        run.fails(&behind);
        if behind == address || !skipped.insert(behind.clone()) {
            continue;
        }
        tracing::info!(address = %behind, because = %address, "skipped");
        (run.listener)(Event::Skipped {
            address: behind.clone(),
            because: address.clone(),
        });
        outcome.skipped.push((behind, address.clone()));
    }
    outcome.failed.push((address, error));
}
