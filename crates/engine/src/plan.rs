//! What would change, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::graph::Node;
use crate::observe::{Stranger, Twin};
use crate::{Address, Change, Contents, Id, Replace};

/// What is to be done with one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is as it should be.
    NoOp,
    /// It does not exist.
    Create,
    /// It can be changed in place.
    Update,
    /// It has to be replaced, in this order.
    Replace(Replace),
    /// It is not wanted any more.
    Delete,
    /// It is not wanted any more, but something that outlives the stack needs it: state forgets it, and it stays.
    Keep,
}

impl Action {
    /// How much an action can cost the user, in a strict order: what was approved may turn out lesser
    /// once every value is known, never worse.
    #[must_use]
    pub const fn severity(self) -> u8 {
        match self {
            Self::NoOp => 0,
            Self::Create => 1,
            Self::Update => 2,
            Self::Replace(_) => 3,
            Self::Delete | Self::Keep => 4,
        }
    }

    /// Whether the address is there afterwards.
    #[must_use]
    pub const fn converges(self) -> bool {
        !matches!(self, Self::Delete | Self::Keep)
    }
}

/// Why a step exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
#[expect(missing_docs, reason = "fields repeat what the variant says")]
pub enum Reason {
    /// It was never created.
    New,
    /// An earlier run began to create it, and nothing came of it.
    NeverArrived,
    /// State knows it under this id, but it is gone: somebody deleted it.
    DeletedOutside { id: Id },
    /// It exists with our tags, but state does not know it: it is taken over.
    Adopted { id: Id },
    /// The stack file changed.
    Changed,
    /// Somebody changed it; it is put right.
    Drifted,
    /// This field cannot change in place.
    Immutable { path: String },
    /// It cannot exist without this, which is deleted before it is created again.
    PartOf { whole: Address },
    /// Its creation ended in a failed state: it is created again.
    Failed { why: String },
    /// It was ready once and is in a failed state now: it is left as it is.
    Broken { why: String },
    /// It is stopped, or scheduled for deletion: it is made usable again.
    Restored { why: String },
    /// Its deletion is under way.
    BeingDeleted,
    /// The stack file does not declare it any more.
    NotDeclared,
    /// The whole stack is being destroyed.
    Destroyed,
    /// It is kept, because this, which outlives the stack, needs it.
    Kept { for_what: String },
    /// It holds the last copies of something, and nobody consented to lose them.
    Holds { what: String },
    /// It holds the last copies of something, which are deleted with it.
    Loses { what: String },
    /// A replacement left this old object behind.
    Deposed { id: Id },
    /// It is not this stack's to delete: state forgets it, and nothing else is done.
    LeftAlone { why: String },
    /// The user asked for it to be replaced.
    Asked,
    /// The stack file says that it has a new address.
    Moved { from: Address },
}

impl Reason {
    /// Whether it makes a new object necessary.
    #[must_use]
    pub const fn replaces(&self) -> bool {
        matches!(
            self,
            Self::Asked
                | Self::Immutable { .. }
                | Self::PartOf { .. }
                | Self::Failed { .. }
                | Self::BeingDeleted
        )
    }
}

/// One change of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepChange {
    /// Path, live value, desired value.
    #[serde(flatten)]
    pub change: Change,
    /// Whether it forces a replacement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forces_replacement: bool,
    /// Whether its values must not be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// Whether the live value moved away from what was last applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drift: bool,
}

/// What is to be done with one resource, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The resource.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// Where it lives.
    pub scope: String,
    /// What is to be done.
    pub action: Action,
    /// Why. Empty only for a no-op.
    pub reasons: Vec<Reason>,
    /// What differs: for updates and replacements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<StepChange>,
    /// What will be created, resolved as far as it is known: for creations and replacements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    /// What an update is to come to; what is not known yet is as it is now. No part of a saved plan.
    #[serde(skip)]
    pub target: Option<Value>,
    /// What the cloud moved by itself: it stays as it is. `after` is what is declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved_on: Vec<Change>,
    /// The id of the live object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Old objects of this address that a replacement left behind, to be deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deposed: Vec<Id>,
    /// Whether it is in order but not ready yet, so that the run waits for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settling: bool,
    /// What the cloud reports about it although it is usable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// Why it could not be looked at: it counts as it was last applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
    /// What is set on the live object and cannot be said in a spec: it stays as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmanaged: Vec<String>,
}

impl Step {
    /// What the object is kept for, if it is.
    #[must_use]
    pub fn kept_for(&self) -> Option<&str> {
        self.reasons.iter().find_map(|reason| match reason {
            Reason::Kept { for_what } | Reason::Holds { what: for_what } => Some(for_what.as_str()),
            _ => None,
        })
    }

    /// Whether what it would delete is left alone.
    #[must_use]
    pub fn is_left_alone(&self) -> bool {
        self.reasons
            .iter()
            .any(|reason| matches!(reason, Reason::LeftAlone { .. }))
    }

    /// Whether the step does anything, be it only in state.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.action != Action::NoOp || !self.reasons.is_empty() || !self.deposed.is_empty()
    }
}

/// Why a plan must not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
#[serde(rename_all = "snake_case", tag = "refusal")]
pub enum Refusal {
    #[error(
        "`{address}` ({kind}) contains data{}, and the plan would {verb} it{}",
        if *protected { " and is protected" } else { "" },
        leaves.as_ref().map_or_else(String::new, |what| format!("; {what} is created first and kept"))
    )]
    DataLoss {
        address: Address,
        kind: String,
        verb: String,
        protected: bool,
        /// What of the data is kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leaves: Option<String>,
    },
    #[error("`{address}` ({kind}) would be created, but {id} already exists and {owner}")]
    Foreign {
        address: Address,
        kind: String,
        id: Id,
        owner: String,
        stranger: Stranger,
    },
    #[error(
        "the state records {id} as `{address}` ({kind}), but it {owner}: it is neither updated nor deleted"
    )]
    NotOurs {
        address: Address,
        kind: String,
        id: Id,
        owner: String,
        stranger: Stranger,
    },
    #[error("{id} ({kind}) would be used for both `{other}` and `{address}`")]
    Twice {
        address: Address,
        other: Address,
        kind: String,
        id: Id,
        twin: Twin,
    },
    #[error("multiple objects match `{address}` ({kind}): {}", list(ids))]
    Ambiguous {
        address: Address,
        kind: String,
        ids: Vec<Id>,
    },
    #[error("`{address}` ({kind}): `{path}` {message}")]
    Invalid {
        address: Address,
        kind: String,
        path: String,
        message: String,
    },
    #[error(
        "the state contains `{address}` of kind `{kind}`, which this version of platctl does not support"
    )]
    UnknownKind { address: Address, kind: String },
    #[error(
        "{flag} {name}: no resource with this address in the stack file or in the state{}",
        meant(nearest.as_deref())
    )]
    NoSuchAddress {
        flag: String,
        name: String,
        nearest: Option<String>,
    },
    #[error(
        "`{needed_by}` requires `{address}`, which does not exist yet and is not part of this run"
    )]
    NotThere {
        address: Address,
        needed_by: Address,
    },
    #[error(
        "`{address}` would be deleted, but `{dependant}`, which is not part of this run, depends on it: add \
         --target {dependant}"
    )]
    LeftBehind {
        address: Address,
        dependant: Address,
    },
    #[error(
        "`{address}` must be deleted before its replacement can be created, because both cannot exist at the \
         same time; but `{holder}`, which can be updated in place, still uses it"
    )]
    Held { address: Address, holder: Address },
    #[error("`{address}` is {was} in the state, but the stack file declares it as {is}")]
    Another {
        address: Address,
        was: String,
        is: String,
    },
    #[error("`{from}` cannot move to `{to}`: {why}")]
    Move {
        from: Address,
        to: Address,
        why: String,
    },
}

impl Refusal {
    /// Whether consent to the loss of data is all that is missing.
    #[must_use]
    pub const fn is_about_data(&self) -> bool {
        matches!(self, Self::DataLoss { .. })
    }
}

/// The end of a sentence about a name that leads nowhere.
fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn list(ids: &[Id]) -> String {
    ids.iter().map(Id::as_str).collect::<Vec<_>>().join(", ")
}

/// How many resources a plan adds, changes and destroys. A replacement counts as both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub add: usize,
    pub change: usize,
    pub destroy: usize,
}

/// Everything that would change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The stack's name.
    pub stack: String,
    /// The lineage of the state it was made from.
    pub lineage: String,
    /// The serial of the state it was made from.
    pub serial: u64,
    /// What was declared; empty for a destroy.
    pub nodes: Vec<Node>,
    /// One step for each resource, producers before consumers, then what is deleted.
    pub steps: Vec<Step>,
    /// The fields that are no longer declared and stay as they are. No part of a saved plan.
    #[serde(skip)]
    pub released: BTreeMap<Address, Vec<String>>,
    /// What the cloud offers newer versions of. No part of a saved plan.
    #[serde(skip)]
    pub behind: BTreeMap<Address, String>,
    /// What is in the objects that would be deleted. No part of a saved plan.
    #[serde(skip)]
    pub contents: BTreeMap<Address, Contents>,
    /// Why it must not be carried out; empty for a sound plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
}

impl Plan {
    /// Whether carrying it out would change nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.steps.iter().any(Step::acts)
    }

    /// The step of an address.
    #[must_use]
    pub fn step(&self, address: &str) -> Option<&Step> {
        self.steps
            .iter()
            .find(|step| step.address.as_str() == address)
    }

    /// What is added, changed and destroyed.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for step in &self.steps {
            match step.action {
                Action::NoOp | Action::Keep => {}
                Action::Create => counts.add += 1,
                Action::Update => counts.change += 1,
                Action::Replace(_) => {
                    counts.add += 1;
                    counts.destroy += 1;
                }
                Action::Delete if step.is_left_alone() => {}
                Action::Delete => counts.destroy += 1,
            }
            counts.destroy += step.deposed.len();
        }
        counts
    }
}
