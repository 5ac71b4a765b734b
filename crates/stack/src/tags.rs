//! Whether every resource has room for the tags of the file and for platctl's own.

use std::collections::BTreeMap;

use platctl_engine::Catalog;
use serde_json::Value;

use crate::declare::Placed;
use crate::error::Fault;
use crate::file::File;
use crate::source::Span;

/// How many tags AWS takes on an object.
const MOST: usize = 50;

/// What a resource has too many of.
#[derive(Clone, Copy)]
struct Excess<'a> {
    placed: &'a Placed,
    all: usize,
    own: usize,
}

impl Excess<'_> {
    fn fault(&self, file: &File) -> Fault {
        let Self { placed, all, own } = self;
        let address = &placed.node.address;
        let left = MOST - own;
        let fault = Fault::new(format!(
            "`{address}` would have {all} tags, but AWS allows {MOST}, of which {left} are left for yours"
        ));
        let fault = fault.at(placed.place, "declared here");
        let fault = match &file.tags {
            Some(tags) => fault.at(tags.span, "the tags of all resources"),
            None => fault,
        };
        let too_many = all - MOST;
        let noun = if too_many == 1 { "tag" } else { "tags" };
        fault.help(format!(
            "platctl adds {own} tags to each {}; remove {too_many} {noun}",
            placed.node.kind
        ))
    }
}

/// The worst resource of each block, and of what stands by itself.
pub(crate) fn too_many(nodes: &[Placed], file: &File, catalog: &dyn Catalog) -> Vec<Fault> {
    let mut worst: BTreeMap<(usize, usize), Excess<'_>> = BTreeMap::new();
    for placed in nodes {
        let Some(excess) = excess(placed, catalog) else {
            continue;
        };
        let Span { source, start, .. } = placed.place;
        let known = worst.entry((source, start)).or_insert(excess);
        if excess.all > known.all {
            *known = excess;
        }
    }
    worst.values().map(|excess| excess.fault(file)).collect()
}

fn excess<'a>(placed: &'a Placed, catalog: &dyn Catalog) -> Option<Excess<'a>> {
    let node = &placed.node;
    let kind = catalog.bind(&node.kind, &node.scope)?;
    let facts = kind.facts();
    let tags = node
        .spec
        .get("tags")
        .and_then(Value::as_object)
        .filter(|_| facts.tagged)?;
    let ours = |key: &&String| *key == "Name" || key.starts_with("kubernetes.io/");
    let own = facts.own_tags + tags.keys().filter(ours).count();
    let all = facts.own_tags + tags.len();
    (all > MOST).then_some(Excess { placed, all, own })
}
