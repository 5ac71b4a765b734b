//! What of a run has not ended: what is said when it is asked to stop.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Address;
use crate::events::{self, Doing, Event};

/// Operations that have begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<BTreeMap<Address, Open>>);

#[derive(Debug)]
struct Open {
    doing: Doing,
    /// Calls under way.
    calls: usize,
    /// The cloud's status, once it is waited for.
    status: Option<String>,
}

impl Pending {
    fn open(&self) -> MutexGuard<'_, BTreeMap<Address, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, address: &Address, doing: Doing) {
        self.open().insert(
            address.clone(),
            Open {
                doing,
                calls: 0,
                status: None,
            },
        );
    }

    pub(super) fn end(&self, address: &Address) {
        self.open().remove(address);
    }

    /// What is done to an address: "being created".
    pub(super) fn what(&self, address: &Address) -> &'static str {
        self.open()
            .get(address)
            .map_or("in progress", |open| participle(open.doing))
    }

    /// The cloud works on it. Answers whether this status is another one than before.
    pub(super) fn waits(&self, address: &Address, status: &str) -> bool {
        let mut all = self.open();
        let open = all
            .get_mut(address)
            .filter(|open| open.status.as_deref() != Some(status));
        let Some(open) = open else { return false };
        open.status = Some(status.to_owned());
        true
    }

    /// A call for an address, under way until what this answers is dropped.
    pub(super) fn call<'a>(&'a self, address: &'a Address) -> UnderWay<'a> {
        if let Some(open) = self.open().get_mut(address) {
            open.calls += 1;
            open.status = None;
        }
        UnderWay {
            pending: self,
            address,
        }
    }

    /// Calls that are under way are waited for; what the cloud works on is not.
    pub(super) fn stopping(&self) -> Event {
        let (mut calls, mut states) = (Vec::new(), Vec::new());
        for (address, open) in &*self.open() {
            let pending = |what: &str| events::Pending {
                address: address.clone(),
                what: what.to_owned(),
            };
            match &open.status {
                _ if open.calls > 0 => calls.push(pending(participle(open.doing))),
                Some(status) => states.push(pending(status)),
                None => {}
            }
        }
        Event::Stopping { calls, states }
    }
}

/// A call under way.
pub(super) struct UnderWay<'a> {
    pending: &'a Pending,
    address: &'a Address,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.pending.open().get_mut(self.address) {
            open.calls = open.calls.saturating_sub(1);
        }
    }
}

const fn participle(doing: Doing) -> &'static str {
    match doing {
        Doing::Create => "being created",
        Doing::Update => "being updated",
        Doing::Delete => "being deleted",
        Doing::Vacate => "being emptied",
        Doing::Adopt => "being adopted",
        Doing::Wait => "waiting",
        Doing::Keep => "kept",
        Doing::Leave => "being removed from the state",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_from_states_and_what_has_ended_is_left_out() {
        let pending = Pending::default();
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|text| Address::new(text).unwrap());
        for address in [&a, &b, &c, &d] {
            pending.begin(address, Doing::Create);
        }
        let call = pending.call(&a);
        assert!(pending.waits(&b, "CREATING"));
        assert!(!pending.waits(&b, "CREATING"), "that is no news");
        pending.end(&c);
        drop(pending.call(&d));
        let one = |address: &Address, what: &str| {
            vec![events::Pending {
                address: address.clone(),
                what: what.into(),
            }]
        };
        assert_eq!(
            pending.stopping(),
            Event::Stopping {
                calls: one(&a, "being created"),
                states: one(&b, "CREATING")
            }
        );
        drop(call);
        assert_eq!(
            pending.stopping(),
            Event::Stopping {
                calls: Vec::new(),
                states: one(&b, "CREATING")
            }
        );
    }
}
