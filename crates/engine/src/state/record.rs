//! What platctl remembers of one resource.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Address, Id};

/// One address of a stack. It exists in state as long as any object, or the intent to make one, does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The kind's name.
    pub kind: String,
    /// Where it lives: a region, a cluster.
    pub scope: String,
    /// The highest generation that was ever given out for this address.
    pub generation: u32,
    /// The object that stands for this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Object>,
    /// A creation whose answer is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creating: Option<Creating>,
    /// The address that its tags may still name: the one that it had before it was moved, until the new one is
    /// written into them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formerly: Option<Address>,
    /// Objects that were replaced and still have to be deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deposed: Vec<Object>,
    /// What it depended on when it was last applied: the order of deletion is the reverse of this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Address>,
    /// Whether it must not be replaced or destroyed if it holds data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protect: bool,
    /// Whether its stack is made to be thrown away, so that its data may go without being asked about.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ephemeral: bool,
    /// What needs it after the stack is gone. Known before that is made, so that a run that was cut off in between
    /// does not delete it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_for: Option<String>,
}

/// A live object as it was last applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// The cloud's identifier.
    pub id: Id,
    /// Which creation of the address it is.
    pub generation: u32,
    /// When it became known, in milliseconds since 1970: for a while, reads that do not show it prove nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub made: u64,
    /// The spec last applied; write-only values are fingerprints. Null until it was once in order.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub spec: Value,
    /// What a creation or an update that has not ended makes of it, where that tells whose it is: see
    /// [`crate::fields::Fact::Leads`].
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub intended: Value,
    /// The outputs last seen.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub outputs: Value,
    /// Of an object that was replaced: what it depended on. Its address may depend on other resources by now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Address>,
}

/// The intent to create: durable before the call, gone once its outcome is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Creating {
    /// The generation that the new object's tag carries.
    pub generation: u32,
    /// The idempotency token sent.
    pub token: String,
    /// When the call was last begun, in milliseconds since 1970.
    pub since: u64,
    /// What is being created; write-only values are fingerprints.
    pub spec: Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Milliseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    crate::tell::millis(elapsed.unwrap_or_default())
}

impl Object {
    /// An object of which nothing but its identity is known yet.
    #[must_use]
    pub fn new(id: Id, generation: u32) -> Self {
        let (spec, intended, outputs) = (Value::Null, Value::Null, Value::Null);
        Self {
            id,
            generation,
            made: now(),
            spec,
            intended,
            outputs,
            dependencies: Vec::new(),
        }
    }

    /// How long it has been known.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_millis(now().saturating_sub(self.made))
    }
}

impl Record {
    /// A record of nothing yet.
    #[must_use]
    pub fn new(kind: impl Into<String>, scope: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            scope: scope.into(),
            generation: 0,
            object: None,
            creating: None,
            formerly: None,
            deposed: Vec::new(),
            dependencies: Vec::new(),
            protect: false,
            ephemeral: false,
            kept_for: None,
        }
    }

    /// What one of its objects depended on: the present one, or one that was replaced.
    #[must_use]
    pub fn dependencies_of(&self, id: &Id) -> &[Address] {
        let replaced = self.deposed.iter().find(|object| object.id == *id);
        match replaced {
            Some(object) if !object.dependencies.is_empty() => &object.dependencies,
            _ => &self.dependencies,
        }
    }

    /// Whether nothing is left to remember.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.object.is_none() && self.creating.is_none() && self.deposed.is_empty()
    }
}
