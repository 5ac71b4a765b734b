//! A small cloud in memory, as strict as a real one, that can be cut off at any call.

mod kind;
mod log;
mod stack;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

pub(crate) use kind::{FakeKind, facts};
pub(crate) use log::Log;
pub(crate) use stack::{Declared, Lab, graph};

use crate::{AnyKind, Catalog, Id, Owner, Phase};

/// When a call is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// What a call that fails on demand does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Never answers, as when the caller is killed.
    Hang,
    /// Answers with a lost connection.
    Lost,
}

#[derive(Clone, Debug)]
pub(crate) struct Thing {
    pub kind: &'static str,
    pub spec: Value,
    pub owner: Option<Owner>,
    pub token: String,
    /// Looks until it is ready; beyond that it is.
    pub settling: u32,
    /// What the cloud says of it instead of ready.
    pub phase: Option<Phase>,
}

#[derive(Default, Debug)]
pub(crate) struct World {
    pub things: BTreeMap<Id, Thing>,
    pub next: u32,
    pub mutations: usize,
    pub reads: usize,
    pub fault: Option<(usize, When, Fault)>,
    pub settle: u32,
    /// Whether the early output of a new thing is not known at once.
    pub late: bool,
    /// How many describes see nothing.
    pub blind: u32,
    /// How many describes the cloud refuses for being too many.
    pub flaky: u32,
    /// How many deletions were refused because something still used the object.
    pub in_use: usize,
    /// Why the cloud gives up every update, after it accepted it.
    pub gives_up: Option<String>,
    /// Why the cloud gives up every deletion, after it accepted it.
    pub clings: Option<String>,
    /// Whether somebody makes what is deleted again, as nobody's.
    pub comes_back: bool,
    /// How many describes do not reach the cloud.
    pub away: u32,
    /// How long a describe takes.
    pub slow: Duration,
    /// What was done to houses and to things that were deleted, in order.
    pub diary: Vec<String>,
    /// How often those in a house have not cleared up yet; none when nobody can speak to them.
    pub tenants: Option<usize>,
    /// How often what they have left is still there after the house is gone.
    pub rubbish: usize,
    /// How many describes are under way, and how many were at most.
    pub reading: usize,
    pub most_reading: usize,
}

/// The fake provider: every toy kind over one world.
#[derive(Clone, Default)]
pub(crate) struct Cloud {
    pub world: Arc<Mutex<World>>,
    pub hung: Arc<Notify>,
}

impl Cloud {
    pub(crate) fn things(&self) -> BTreeMap<Id, Thing> {
        self.world.lock().unwrap().things.clone()
    }

    /// What there is, without ids and generations: the same for every way of getting there.
    pub(crate) fn shape(&self) -> Vec<String> {
        let things = self.things();
        // An untagged thing is told by its name.
        let address = |text: &str| match things.get(&Id::from(text)) {
            Some(Thing {
                owner: Some(owner), ..
            }) => format!("<{}>", owner.address),
            Some(thing) => format!("<{}>", thing.spec["name"]),
            None => text.to_owned(),
        };
        let mut shape: Vec<String> = things
            .values()
            .map(|thing| {
                let owner = thing
                    .owner
                    .as_ref()
                    .map_or("-", |owner| owner.address.as_str());
                let spec = kind::map_strings(&thing.spec, &address);
                format!("{owner} {} {spec}", thing.kind)
            })
            .collect();
        shape.sort();
        shape
    }
}

impl Catalog for Cloud {
    fn bind(&self, kind: &str, _scope: &str) -> Option<Arc<dyn AnyKind>> {
        let facts = facts(kind)?;
        Some(Arc::new(FakeKind {
            facts,
            cloud: self.clone(),
        }))
    }

    fn names(&self) -> Vec<&'static str> {
        vec![
            "toy.Tags",
            "toy.Token",
            "toy.Name",
            "toy.Plain",
            "toy.Shared",
            "toy.House",
            "toy.Slow",
        ]
    }
}
