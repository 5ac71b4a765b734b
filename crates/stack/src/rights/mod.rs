//! What whoever runs platctl has to be allowed: IAM policies for one stack, from the permissions that the kinds state.
//!
//! Three things limit an action to the stack: the name of an object, where it is a part of the ARN; the tag
//! `platctl:stack` of an object, where AWS gives objects IDs of its own; and the same tag in the request that creates
//! an object. What none of them can limit is told.

mod boundary;
mod names;
mod rows;
mod scopes;
mod split;
mod state;
mod statements;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use platctl_aws::registry;
use platctl_engine::graph::Node;
use serde_json::Value;

use crate::{Context, StateUrl};

pub use boundary::boundary;
pub(crate) use scopes::RUN;
pub use split::{MOST_CHARACTERS, MOST_POLICIES, characters};
pub(crate) use state::{encrypted_in, state_in};

/// The tag of an object that says which stack it belongs to.
pub(crate) const STACK_TAG: &str = "aws:ResourceTag/platctl:stack";
/// The same tag in the request that creates an object, or that changes its tags.
const REQUEST_TAG: &str = "aws:RequestTag/platctl:stack";

/// Actions of AWS, such as `ec2:DeleteVpc`.
pub(crate) type Actions = BTreeSet<&'static str>;

/// What is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Everything that changes nothing: `plan`, `drift`, `status`.
    Plan,
    /// Everything: also `plan` and `destroy`, because an apply can replace and delete.
    Apply,
    /// `destroy`, and `plan` before it.
    Destroy,
}

/// The policies for a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Rights {
    /// The documents. Each fits into a managed policy.
    pub policies: Vec<Value>,
    /// What they allow beyond the resources of the stack.
    pub wide: Vec<Wide>,
}

/// Actions that are not limited to the resources of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wide {
    /// The actions.
    pub actions: Vec<&'static str>,
    /// Why AWS cannot limit them, and what does.
    pub why: &'static str,
}

/// A stack, as far as rights are about it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The name of the stack.
    pub stack: &'a str,
    /// Its resources.
    pub nodes: &'a [Node],
    /// The account and the region.
    pub context: &'a Context,
    /// Where its state is, if that is a bucket.
    pub state: Option<&'a StateUrl>,
}

/// The policies with which a stack can be planned, applied or destroyed.
#[must_use]
pub fn rights(subject: &Subject<'_>, run: Run) -> Rights {
    let actions = actions(subject.nodes, run);
    let (statements, wide) = statements::all(subject, run, &actions);
    Rights {
        policies: split::split(statements),
        wide,
    }
}

/// Every action that a run can need: those of the kinds in the stack, and those of the run itself.
pub(crate) fn actions(nodes: &[Node], run: Run) -> Actions {
    let used: BTreeSet<&str> = nodes.iter().map(|node| node.kind.as_str()).collect();
    let mut actions: Actions = RUN.iter().copied().collect();
    for kind in registry::facts() {
        if !used.contains(kind.name) {
            continue;
        }
        let stated = kind.permissions;
        let lists: Vec<&'static [&'static str]> = match run {
            Run::Plan => vec![stated.read],
            Run::Destroy => vec![stated.read, stated.delete],
            Run::Apply => vec![stated.read, stated.create, stated.update, stated.delete],
        };
        actions.extend(lists.into_iter().flatten().copied());
    }
    if run != Run::Plan && used.contains("eks.Cluster") {
        actions.extend(scopes::LEFTOVERS_READ.iter().copied());
        actions.extend(scopes::LEFTOVERS_NAMED.iter().copied());
    }
    actions
}

/// The service of an action.
pub(crate) fn service_of(action: &str) -> &str {
    action.split(':').next().unwrap_or_default()
}

/// The actions of one service.
pub(crate) fn of_service(actions: &Actions, service: &str) -> Vec<&'static str> {
    let of = actions.iter().copied();
    of.filter(|action| service_of(action) == service).collect()
}
