//! How long a plan will take: the executor's own schedule, run under virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Address;
use crate::schedule::{OpId, Schedule};

/// How long a plan will take, and what decides it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// From the first call to the last resource being ready.
    pub makespan: Duration,
    /// The chain of resources that decides it, first to last, each with its usual duration. Resources
    /// that take no time are left out.
    pub critical_path: Vec<(Address, Duration)>,
}

/// A call returns, on average, after this long: the time to *accepted*.
const ACCEPTED_AFTER: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Accepted,
    Done,
}

/// Runs the schedule to its end under virtual time.
#[must_use]
pub fn predict(mut schedule: Schedule) -> Prediction {
    let mut moments: BinaryHeap<Reverse<(Duration, Moment, OpId)>> = BinaryHeap::new();
    let mut ended: HashMap<OpId, Duration> = HashMap::new();
    let mut now = Duration::ZERO;
    loop {
        for op in schedule.start_ready() {
            let usual = schedule.op(op).usual;
            moments.push(Reverse((
                now + usual.min(ACCEPTED_AFTER),
                Moment::Accepted,
                op,
            )));
            moments.push(Reverse((now + usual, Moment::Done, op)));
        }
        let Some(Reverse((at, moment, op))) = moments.pop() else {
            break;
        };
        now = at;
        match moment {
            Moment::Accepted => schedule.accepted(op),
            Moment::Done => {
                schedule.done(op);
                ended.insert(op, now);
            }
        }
    }
    Prediction {
        makespan: now,
        critical_path: critical_path(&schedule, &ended),
    }
}

/// Walks back from what ended last, each time to the producer that ended last.
fn critical_path(schedule: &Schedule, ended: &HashMap<OpId, Duration>) -> Vec<(Address, Duration)> {
    let latest = |ops: &mut dyn Iterator<Item = OpId>| {
        ops.max_by_key(|op| (ended.get(op).copied(), Reverse(*op)))
    };
    let mut at = latest(&mut ended.keys().copied());
    let mut path = Vec::new();
    while let Some(op) = at {
        let Some(end) = ended.get(&op) else { break };
        let begun = end.saturating_sub(schedule.op(op).usual);
        path.push((schedule.op(op).address.clone(), schedule.op(op).usual));
        // A producer that was only waited for until it was accepted may end later than this one began.
        at = latest(
            &mut schedule
                .producers(op)
                .map(|(producer, _)| producer)
                .filter(|producer| {
                    ended
                        .get(producer)
                        .is_some_and(|end| *end <= begun + ACCEPTED_AFTER)
                }),
        );
    }
    path.retain(|(_, usual)| !usual.is_zero());
    path.reverse();
    path
}
