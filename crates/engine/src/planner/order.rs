//! In which order a replacement goes, and what stands in its way.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::Planner;
use crate::fields::Fact;
use crate::graph::{Entry, Reference, Wait, references};
use crate::plan::{Reason, Refusal};
use crate::resolve::is_known;
use crate::{Address, AnyLive, Phase, Replace};

impl Planner<'_> {
    /// What has to be deleted before this resource can move on, while this one still holds on to it. A resource
    /// that can be updated in place is never deleted for that: the plan is refused instead.
    pub(super) fn held(&self, entry: &Entry, live: &AnyLive) -> Option<Refusal> {
        let fields = &entry.kind.facts().fields;
        // An object on its way out lets go by itself.
        if !fields.any(Fact::Holds) || live.phase == Phase::Deleting {
            return None;
        }
        let declared = self.grips(entry).next();
        let declared = declared.and_then(|reference| Address::new(reference.address).ok());
        let held = declared.or_else(|| self.held_back(entry))?;
        Some(Refusal::Held {
            address: held,
            holder: entry.node.address.clone(),
        })
    }

    /// What this resource cannot exist without, and what has to be deleted first: the field that leads to it cannot be
    /// changed, though its value, a name, stays the same. So this one goes with it, and comes with it. What holds data
    /// does not: there, the plan is refused.
    pub(super) fn part_of(&self, entry: &Entry) -> Option<Address> {
        let facts = entry.kind.facts();
        if facts.holds_data {
            return None;
        }
        let fixed = |reference: &Reference| facts.fields.holds(&reference.at, Fact::Immutable);
        let reference = self.grips(entry).find(fixed)?;
        Address::new(reference.address).ok()
    }

    /// The references by which this resource holds on to something that has to be deleted before it can move on.
    fn grips(&self, entry: &Entry) -> impl Iterator<Item = Reference> {
        let fields = &entry.kind.facts().fields;
        let all = references(&entry.node.spec).into_iter();
        all.filter(move |reference| {
            fields.holds(&reference.at, Fact::Holds)
                && self.goes_first(&reference.address)
                && !self.led_nowhere(entry, reference)
        })
    }

    /// Whether this refers to something whose creation failed, and was created before that was ready: nothing was
    /// ever reached by it, so that it can stay until there is something to refer to.
    fn led_nowhere(&self, entry: &Entry, reference: &Reference) -> bool {
        entry.waits_for(reference) == Wait::Accepted
            && self.failed.contains(reference.address.as_str())
    }

    fn goes_first(&self, address: &str) -> bool {
        self.replaced.get(address) == Some(&Replace::DeleteFirst)
    }

    /// Something that this resource no longer refers to, but whose deletion comes before the creation of
    /// something that it refers to now. Neither could ever begin if this one stayed as it is until then.
    fn held_back(&self, entry: &Entry) -> Option<Address> {
        let address = &entry.node.address;
        let record = self.state.resources.get(address)?;
        let now: HashSet<&Address> = self
            .graph
            .producers(address.as_str())
            .map(|(address, _)| address)
            .collect();
        let mut left = record
            .dependencies
            .iter()
            .filter(|dependency| !now.contains(dependency))
            .peekable();
        left.peek()?;
        let needed = self.all_producers(address);
        let mut visited = HashMap::new();
        left.find(|dependency| self.precedes(dependency, &needed, &mut visited))
            .cloned()
    }

    /// Whether the deletion of `old` comes before the creation of one of `needed`. What state recorded may run in a
    /// circle, so nothing is asked twice.
    fn precedes(
        &self,
        old: &Address,
        needed: &HashSet<Address>,
        visited: &mut HashMap<Address, bool>,
    ) -> bool {
        if let Some(known) = visited.get(old) {
            return *known;
        }
        visited.insert(old.clone(), false);
        let goes_first = self.goes_first(old.as_str());
        let dropped = self.graph.get(old.as_str()).is_none();
        let precedes = goes_first && needed.contains(old)
            || (goes_first || dropped) && self.behind_old(old, needed, visited);
        visited.insert(old.clone(), precedes);
        precedes
    }

    /// Whether something that `old` was built on has to be deleted before one of `needed` can be created: its own
    /// deletion comes before that of what it was built on.
    fn behind_old(
        &self,
        old: &Address,
        needed: &HashSet<Address>,
        visited: &mut HashMap<Address, bool>,
    ) -> bool {
        let record = self.state.resources.get(old);
        record.is_some_and(|record| {
            record
                .dependencies
                .iter()
                .any(|next| self.precedes(next, needed, visited))
        })
    }

    fn all_producers(&self, address: &Address) -> HashSet<Address> {
        let (mut found, mut queue) = (HashSet::new(), vec![address.clone()]);
        while let Some(address) = queue.pop() {
            for (producer, _) in self.graph.producers(address.as_str()) {
                if found.insert(producer.clone()) {
                    queue.push(producer.clone());
                }
            }
        }
        found
    }

    /// Which comes first, the new object or the deletion of the old one. The kind decides (can both be there at once?),
    /// unless something makes the question void: an object that failed, or is being deleted, is in the way of its
    /// successor; and where what it depends on is deleted first, waiting for its new object would be a circle.
    pub(super) fn order(
        &self,
        entry: &Entry,
        desired: &Value,
        live: &AnyLive,
        reasons: &[Reason],
    ) -> Replace {
        // What failed is in the way of its successor, unless its kind says by a field that it cannot be used, and so
        // what becomes of it.
        let stated = reasons
            .iter()
            .any(|r| matches!(r, Reason::Immutable { .. }));
        let must_go = reasons.iter().any(|r| match r {
            Reason::Failed { .. } => !stated,
            Reason::BeingDeleted => true,
            _ => false,
        });
        // A producer that is deleted first waits for the deletion of its dependants, so they go first too.
        let address = &entry.node.address;
        let then = self
            .state
            .resources
            .get(address)
            .into_iter()
            .flat_map(|record| &record.dependencies);
        let behind = self
            .graph
            .producers(address.as_str())
            .map(|(producer, _)| producer)
            .chain(then)
            .any(|producer| self.replaced.get(producer) == Some(&Replace::DeleteFirst));
        // So does what was built, by way of something that goes, on an object that is deleted before a part of the new
        // one can be created.
        if must_go || behind || self.held_back(entry).is_some() {
            return Replace::DeleteFirst;
        }
        entry
            .kind
            .replacement(&live.spec, is_known(desired).then_some(desired))
    }
}
