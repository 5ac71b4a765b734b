//! What happens while a plan is carried out. Progress, logs and `--json` are views of this one stream.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Address, Class, Id};

/// What an operation does, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Doing {
    Create,
    Update,
    Delete,
    /// Programs in it delete what they have made elsewhere.
    Vacate,
    Adopt,
    Wait,
    Keep,
    /// It is not this stack's to delete: state forgets it.
    Leave,
}

impl Doing {
    /// Its name in logs.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Vacate => "vacate",
            Self::Adopt => "adopt",
            Self::Wait => "wait",
            Self::Keep => "keep",
            Self::Leave => "leave",
        }
    }
}

/// Something of one resource that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The resource.
    pub address: Address,
    /// What is done, or the cloud's own status.
    pub what: String,
}

/// Something that happened, mostly to one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[expect(missing_docs, reason = "fields repeat what the variant says")]
pub enum Event {
    /// Work on it began.
    Started {
        address: Address,
        kind: String,
        doing: Doing,
    },
    /// The cloud accepted it under this id.
    Accepted { address: Address, id: Id },
    /// It is not ready yet.
    Waiting {
        address: Address,
        status: String,
        elapsed: Duration,
        usual: Duration,
    },
    /// A call failed and will be repeated.
    Retrying {
        address: Address,
        class: Class,
        message: String,
        delay: Duration,
    },
    /// Something that is not in the state kept it from being deleted, and was removed, as the user allowed.
    Detached { address: Address, what: String },
    /// It is as it should be, or gone.
    Finished {
        address: Address,
        doing: Doing,
        id: Option<Id>,
        elapsed: Duration,
    },
    /// It could not be done.
    Failed {
        address: Address,
        doing: Doing,
        error: String,
        elapsed: Duration,
    },
    /// It was not tried, because this other resource failed.
    Skipped { address: Address, because: Address },
    /// A call, a lock or another thing that is no resource takes longer than five seconds. `why` is the last
    /// answer; none when there was none.
    Slow {
        what: String,
        why: Option<String>,
        elapsed: Duration,
    },
    /// The run was asked to stop. Calls that are under way are waited for, states of the cloud are not.
    Stopping {
        calls: Vec<Pending>,
        states: Vec<Pending>,
    },
}

/// Who hears of events. Called from many tasks; must return quickly.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;
