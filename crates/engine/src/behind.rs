//! How far live objects are behind what the cloud offers: `plan` and `status` tell it, and change nothing because of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};

use crate::observe::{AT_ONCE, Observed};
use crate::retry::call_with_retries;
use crate::state::State;
use crate::tell::Teller;
use crate::{Address, AnyKind, AnyLive, Catalog};

/// Of each resource that state knows, what newer version the cloud offers. What cannot be found out is left out: it is
/// only said for the reader's sake.
pub async fn behind(
    state: &State,
    observed: &Observed,
    catalog: &dyn Catalog,
    teller: &Teller,
) -> BTreeMap<Address, String> {
    let live = state.resources.iter().filter_map(|(address, record)| {
        let object = record.object.as_ref()?;
        let live = observed.get(&record.kind, &record.scope, &object.id)?;
        let kind = catalog.bind(&record.kind, &record.scope)?;
        Some((address.clone(), kind, live))
    });
    let asked: Vec<_> = live
        .map(|(address, kind, live)| ask(address, kind, live, teller))
        .collect();
    let found: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

async fn ask(
    address: Address,
    kind: Arc<dyn AnyKind>,
    live: &AnyLive,
    teller: &Teller,
) -> Option<(Address, String)> {
    let what = format!("looking for newer versions of {address}");
    match call_with_retries(teller, what, || kind.behind(live)).await {
        Ok(found) => Some((address, found?)),
        Err(error) => {
            tracing::debug!(%error, "cannot determine whether there is a newer version");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Lab, graph};

    #[tokio::test(start_paused = true)]
    async fn a_plan_says_what_is_behind_and_changes_nothing() {
        let lab = Lab::new();
        let declared = vec![
            (
                "old",
                "toy.Tags",
                json!({"size": 1, "behind": "size 2 is offered"}),
            ),
            ("new", "toy.Tags", json!({"size": 2})),
        ];
        let declared = graph(&declared, &lab.cloud);
        lab.apply(declared.clone()).await;
        let plan = lab.plan(Some(declared)).await;
        assert!(plan.is_empty());
        let said: Vec<_> = plan.behind.iter().collect();
        assert!(
            matches!(said[..], [(address, what)] if address.as_str() == "old" && what == "size 2 is offered"),
            "{said:?}"
        );
    }
}
