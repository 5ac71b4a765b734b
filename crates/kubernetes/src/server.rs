//! What is done in a cluster, whatever the way to it.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use platctl_engine::{CloudError, CloudResult, Owner};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::objects::Manifest;
use crate::vacate::{VacateOrder, VacateReport};

/// What a set is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Whose it is.
    pub owner: Owner,
    /// Objects from elsewhere.
    pub manifest: Option<Manifest>,
    /// Objects in full, by their keys.
    pub objects: BTreeMap<String, Value>,
}

/// What a set is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SetState {
    /// Whose it is.
    pub owner: Option<Owner>,
    /// Where its other objects came from; none before they were all applied.
    pub manifest: Option<Manifest>,
    /// The objects as they are, by their keys. One that is as platctl applied it stands here as it was stated.
    pub objects: BTreeMap<String, Value>,
    /// Objects of the manifest that are not as they were applied.
    pub drifted: Vec<String>,
    /// What is not ready yet, in words.
    pub waiting: Option<String>,
    /// Where this was not read from the cluster but from a record of it: the record's SHA-256, in hexadecimal.
    #[serde(skip)]
    pub checksum: String,
}

impl SetState {
    /// A set of which nothing but its owner is there.
    #[must_use]
    pub fn claimed(owner: Option<Owner>) -> Self {
        Self {
            owner,
            ..Self::default()
        }
    }

    /// Whether nothing but its owner is there.
    #[must_use]
    pub fn is_only_claimed(&self) -> bool {
        let claimed = Self {
            checksum: self.checksum.clone(),
            ..Self::claimed(self.owner.clone())
        };
        *self == claimed
    }
}

/// A job to be run at once, as a CronJob of the cluster describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobOrder {
    /// The namespace of both.
    pub namespace: String,
    /// The CronJob.
    pub cron_job: String,
    /// The job's own name.
    pub name: String,
    /// Variables for its containers.
    pub variables: BTreeMap<String, String>,
}

/// What becomes of a new version that stands beside the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It gets the requests.
    Promote,
    /// It goes, and the old one stays.
    Abort,
}

/// A step of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseOrder {
    /// The namespace of its Rollout.
    pub namespace: String,
    /// The name of its Rollout.
    pub name: String,
    /// The step.
    pub step: Step,
}

/// The way into a cluster. Every verb may be repeated.
pub trait Server: Send + Sync {
    /// What the set is; none when there is none of this name.
    fn read<'a>(&'a self, set: &'a str) -> BoxFuture<'a, CloudResult<Option<SetState>>>;
    /// Says whose the set is, before any of its objects is made.
    fn claim<'a>(&'a self, set: &'a str, owner: &'a Owner) -> BoxFuture<'a, CloudResult<()>>;
    /// Makes the set what is ordered: applies its objects, and deletes those that are no part of it any more.
    fn apply<'a>(&'a self, set: &'a str, order: &'a Order) -> BoxFuture<'a, CloudResult<()>>;
    /// Runs a job, and waits for its end. One of this name that is there already is waited for.
    fn run_job<'a>(&'a self, job: &'a JobOrder) -> BoxFuture<'a, CloudResult<()>>;
    /// Promotes or aborts a new version, and waits until it is done. What is done already is left as it is.
    fn release<'a>(&'a self, order: &'a ReleaseOrder) -> BoxFuture<'a, CloudResult<()>>;
    /// Has what runs in the cluster delete what it has made in AWS, because the cluster is to be deleted.
    fn vacate<'a>(&'a self, order: &'a VacateOrder) -> BoxFuture<'a, CloudResult<VacateReport>>;
    /// Deletes the set. Answers *in use* for as long as something of it is still there.
    fn delete<'a>(&'a self, set: &'a str) -> BoxFuture<'a, CloudResult<()>>;
}

/// One thing to do, for whoever stands nearer to the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// [`Server::read`].
    Read {
        /// The set's name.
        set: String,
    },
    /// [`Server::apply`], and then waiting until it is ready.
    Apply {
        /// The set's name.
        set: String,
        /// What it is to be.
        order: Order,
    },
    /// [`Server::run_job`].
    Job {
        /// The job.
        job: JobOrder,
    },
    /// [`Server::release`].
    Release {
        /// The step.
        order: ReleaseOrder,
    },
    /// [`Server::vacate`].
    Vacate {
        /// What is to go.
        order: VacateOrder,
    },
    /// [`Server::delete`].
    Delete {
        /// The set's name.
        set: String,
    },
}

/// What a task came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The set is this now; none when it is gone.
    Set(Option<SetState>),
    /// This became of what runs in the cluster.
    Vacated(VacateReport),
    /// It failed.
    Failed(CloudError),
}

/// Does the task, and tells what it is waiting for.
pub async fn perform(
    server: &dyn Server,
    task: &Task,
    tell: &mut (dyn FnMut(&str) + Send),
) -> Outcome {
    let done = match task {
        Task::Vacate { order } => {
            let done = vacate(server, order, true, tell).await;
            return done.map_or_else(Outcome::Failed, Outcome::Vacated);
        }
        Task::Read { set } => server.read(set).await,
        Task::Apply { set, order } => apply(server, set, order, tell).await,
        Task::Job { job } => server.run_job(job).await.map(|()| None),
        Task::Release { order } => server.release(order).await.map(|()| None),
        Task::Delete { set } => delete(server, set, tell).await,
    };
    done.map_or_else(Outcome::Failed, Outcome::Set)
}

/// How long a task waits at most.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20 * 60);
const PAUSE: std::time::Duration = std::time::Duration::from_secs(2);

async fn apply(
    server: &dyn Server,
    set: &str,
    order: &Order,
    tell: &mut (dyn FnMut(&str) + Send),
) -> CloudResult<Option<SetState>> {
    let begun = tokio::time::Instant::now();
    let again = |error: &CloudError| error.class.is_transient() && begun.elapsed() < PATIENCE;
    while let Err(error) = server.apply(set, order).await {
        if !again(&error) {
            return Err(error);
        }
        tell(&error.to_string());
        tokio::time::sleep(PAUSE).await;
    }
    let mut said = String::new();
    loop {
        let state = server.read(set).await?;
        match state.as_ref().and_then(|state| state.waiting.clone()) {
            Some(waiting) if begun.elapsed() < PATIENCE => {
                if waiting != said {
                    tell(&waiting);
                    said = waiting;
                }
                tokio::time::sleep(PAUSE).await;
            }
            // Who asked sees what it waits for, and judges.
            _ => return Ok(state),
        }
    }
}

/// For how long a server that does not answer is asked again: without it, there is another way.
const REACHED: std::time::Duration = std::time::Duration::from_secs(60);

/// `lent` is whether the right to enter was given a moment ago, and may not hold everywhere yet. Otherwise who is not
/// let in now is not let in later: the cluster has been there for long.
pub(crate) async fn vacate(
    server: &dyn Server,
    order: &VacateOrder,
    lent: bool,
    tell: &mut (dyn FnMut(&str) + Send),
) -> CloudResult<VacateReport> {
    let begun = tokio::time::Instant::now();
    let may_pass = |error: &CloudError| {
        error.class.is_transient()
            && (lent || error.class != platctl_engine::Class::NotYetConsistent)
    };
    loop {
        match server.vacate(order).await {
            Err(error) if may_pass(&error) && begun.elapsed() < REACHED => {
                tell(&error.to_string());
                tokio::time::sleep(PAUSE).await;
            }
            other => return other,
        }
    }
}

async fn delete(
    server: &dyn Server,
    set: &str,
    tell: &mut (dyn FnMut(&str) + Send),
) -> CloudResult<Option<SetState>> {
    let begun = tokio::time::Instant::now();
    loop {
        match server.delete(set).await {
            Ok(()) => return Ok(None),
            Err(error) if error.class == platctl_engine::Class::NotFound => return Ok(None),
            Err(error) if error.class.is_transient() && begun.elapsed() < PATIENCE / 4 => {
                tell(&error.message);
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}
