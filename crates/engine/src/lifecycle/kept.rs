//! What outlives a stack keeps what it needs.

use serde_json::json;

use crate::plan::{Action, Refusal};
use crate::testing::{Declared, Fault, Lab, When, graph};

fn declared() -> Declared {
    vec![
        ("key", "toy.Tags", json!({"size": 1})),
        ("other", "toy.Tags", json!({"size": 1})),
        (
            "base",
            "toy.Name",
            json!({"name": "b", "leaves": "snapshot b-final", "uses": [{"$ref": "key.id"}]}),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_key_of_what_is_left_is_kept_and_is_nobodys() {
    let lab = Lab::new();
    lab.apply(graph(&declared(), &lab.cloud)).await;
    let plan = lab.plan(None).await;
    assert_eq!(plan.step("key").unwrap().action, Action::Keep);
    assert!(
        matches!(&plan.refusals[..], [Refusal::DataLoss { leaves: Some(what), .. }] if what == "snapshot b-final"),
        "{:?}",
        plan.refusals
    );
    let outcome = lab.run(None).await.unwrap();
    let kept: Vec<String> = outcome
        .kept
        .iter()
        .map(|kept| format!("{} {}", kept.address, kept.what))
        .collect();
    assert_eq!(kept, ["base snapshot b-final", "key toy.Tags-1"]);
    let things = lab.cloud.things();
    assert_eq!(things.len(), 1);
    assert!(
        things.values().all(|thing| thing.owner.is_none()),
        "{things:?}"
    );
    // A later stack of that name begins with a key of its own.
    let plan = lab.plan(Some(graph(&declared(), &lab.cloud))).await;
    assert_eq!(plan.step("key").unwrap().action, Action::Create);
}

#[tokio::test(start_paused = true)]
async fn it_is_kept_wherever_the_destroy_was_cut_off() {
    for at in 1..=3 {
        for when in [When::Before, When::After] {
            let lab = Lab::new();
            lab.apply(graph(&declared(), &lab.cloud)).await;
            lab.fault(at, when, Fault::Hang);
            lab.run(None).await;
            lab.calm();
            lab.destroy().await;
            assert_eq!(lab.cloud.things().len(), 1, "{when:?} call {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_goes_on_after_all_keeps_its_key() {
    let lab = Lab::new();
    lab.apply(graph(&declared(), &lab.cloud)).await;
    lab.fault(1, When::Before, Fault::Hang);
    lab.run(None).await;
    lab.calm();
    lab.apply(graph(&declared(), &lab.cloud)).await;
    let state = lab.store().read().await.unwrap().state;
    assert!(
        state
            .resources
            .values()
            .all(|record| record.kept_for.is_none())
    );
    assert!(
        lab.plan(Some(graph(&declared(), &lab.cloud)))
            .await
            .is_empty()
    );
}
