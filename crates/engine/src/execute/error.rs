//! Why an operation could not be done.

use std::time::Duration;

use crate::observe::Stranger;
use crate::plan::Action;
use crate::state::{Illegal, StateError};
use crate::{Address, Class, CloudError, Id, SpecError};

/// Why an operation could not be done.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum StepError {
    #[error("{0}")]
    Cloud(CloudError),
    #[error("{error} (gave up after retrying for {} s)", tried.as_secs())]
    GaveUp { error: CloudError, tried: Duration },
    #[error("the configuration is invalid now that all values are known: {0}")]
    Spec(SpecError),
    #[error(
        "the value of `{0}` is still unknown, although everything that it depends on is done; run again"
    )]
    Unknown(String),
    #[error(
        "the plan was to {} it, but now that all values are known it would have to be {}, because {because} \
         differs; run `platctl plan` again",
        infinitive(*approved), participle(*now)
    )]
    Worse {
        approved: Action,
        now: Action,
        because: String,
    },
    #[error("{id} already exists and {owner}")]
    Foreign {
        id: Id,
        owner: String,
        stranger: Stranger,
    },
    #[error(
        "{id} already belongs to `{other}`: two resources in the stack file refer to the same object"
    )]
    Twice { id: Id, other: Address },
    #[error("multiple matching objects found: {}; delete all but one, then run again", ids.iter().map(Id::as_str).collect::<Vec<_>>().join(", "))]
    Ambiguous { ids: Vec<Id> },
    #[error("creating {id} failed: {why}; the next run deletes it and creates it again")]
    FailedState { id: Id, why: String },
    #[error(
        "{id} is in a failed state: {why}. It was ready before, so it was not replaced: fix the problem, \
         then run again"
    )]
    Broken { id: Id, why: String },
    #[error(
        "AWS could not update {id}: {why}. The update was not repeated: fix the problem, then run again"
    )]
    NotUpdated { id: Id, why: String },
    #[error("AWS could not delete {id}: {why}. Fix the problem, then run again")]
    NotDeleted { id: Id, why: String },
    #[error(
        "{id} is still {status}, and cannot become ready, because `{helper}` failed: fix that, then run again"
    )]
    Unhelped {
        id: Id,
        status: String,
        helper: Address,
    },
    #[error("{id} is still {status} after {} s; run again to keep waiting", after.as_secs())]
    TimedOut {
        id: Id,
        status: String,
        after: Duration,
    },
    #[error("{id} could not be found within {} s of its creation", after.as_secs())]
    Vanished { id: Id, after: Duration },
    #[error("AWS reported success, but the change to {} did not take effect", paths.join(", "))]
    NotTaken { paths: Vec<String> },
    #[error("{0}")]
    State(#[from] StateError),
    #[error("this version of platctl does not support the kind `{0}`")]
    UnknownKind(String),
    #[error("interrupted")]
    Interrupted,
}

impl From<Illegal> for StepError {
    fn from(illegal: Illegal) -> Self {
        Self::State(illegal.into())
    }
}

impl StepError {
    /// What the cloud's answer means, if it was one.
    #[must_use]
    pub const fn class(&self) -> Option<Class> {
        match self {
            Self::Cloud(error) | Self::GaveUp { error, .. } => Some(error.class),
            _ => None,
        }
    }

    /// Whether everything else would fail as well: then nothing more is begun.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        matches!(self, Self::State(_)) || self.class() == Some(Class::Unauthenticated)
    }
}

const fn infinitive(action: Action) -> &'static str {
    match action {
        Action::NoOp => "leave",
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace(_) => "replace",
        Action::Delete => "delete",
        Action::Keep => "keep",
    }
}

const fn participle(action: Action) -> &'static str {
    match action {
        Action::NoOp => "unchanged",
        Action::Create => "created",
        Action::Update => "updated",
        Action::Replace(_) => "replaced",
        Action::Delete => "deleted",
        Action::Keep => "kept",
    }
}
