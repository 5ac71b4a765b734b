//! What is in the objects that a plan would delete: shown before anybody consents to lose it.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt};

use crate::observe::{AT_ONCE, Observed};
use crate::plan::{Action, Plan};
use crate::retry::call_with_retries;
use crate::tell::Teller;
use crate::{Address, Catalog, Contents};

/// Of each object that the plan deletes, replaces or keeps, what is in it. What cannot be found out is left out: the
/// consent that the plan asks for does not depend on it.
pub async fn contents(
    plan: &Plan,
    observed: &Observed,
    catalog: &dyn Catalog,
    teller: &Teller,
) -> BTreeMap<Address, Contents> {
    let goes = |action| matches!(action, Action::Delete | Action::Replace(_) | Action::Keep);
    let questions = plan
        .steps
        .iter()
        .filter(|step| goes(step.action) && !step.is_left_alone())
        .filter_map(|step| {
            let live = observed.get(&step.kind, &step.scope, step.id.as_ref()?)?;
            let kind = catalog.bind(&step.kind, &step.scope)?;
            let address = step.address.clone();
            Some(async move {
                let what = format!("looking into {address}");
                match call_with_retries(teller, what, || kind.contents(live)).await {
                    Ok(found) => {
                        let leaves = kind.leaves(live).map(|leaves| leaves.what);
                        Some((address, Contents { leaves, ..found? }))
                    }
                    Err(error) => {
                        tracing::debug!(%error, %address, "cannot determine what is in it");
                        None
                    }
                }
            })
        });
    let questions: Vec<_> = questions.collect();
    let found: Vec<_> = stream::iter(questions).buffered(AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Lab, graph};

    #[tokio::test(start_paused = true)]
    async fn a_plan_says_what_is_in_what_it_deletes() {
        let lab = Lab::new();
        let declared = vec![
            (
                "full",
                "toy.Tags",
                json!({"size": 1, "contents": "3 things"}),
            ),
            ("empty", "toy.Tags", json!({"size": 1})),
        ];
        let declared = graph(&declared, &lab.cloud);
        lab.apply(declared.clone()).await;
        assert!(lab.plan(Some(declared)).await.contents.is_empty());
        let plan = lab.plan(None).await;
        let said: Vec<_> = plan
            .contents
            .iter()
            .map(|(address, contents)| format!("{address}: {}", contents.what))
            .collect();
        assert_eq!(said, ["full: 3 things"]);
    }
}
