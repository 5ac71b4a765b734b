//! What became of each object of a stack that is deleted, told once for all runs that it took.

use serde_json::json;

use crate::Phase;
use crate::state::{Ended, Fate};
use crate::testing::{Declared, Fault, Lab, When, graph};

fn declared() -> Declared {
    vec![
        ("key", "toy.Tags", json!({"size": 1})),
        (
            "base",
            "toy.Name",
            json!({"name": "b", "leaves": "snapshot b-final", "uses": [{"$ref": "key.id"}]}),
        ),
        ("other", "toy.Tags", json!({"size": 1})),
    ]
}

async fn receipt(lab: &Lab) -> Vec<Ended> {
    lab.store().read().await.unwrap().state.receipt
}

/// Address, fate and what is left, by address.
fn words(receipt: &[Ended]) -> Vec<String> {
    let mut lines: Vec<String> = receipt
        .iter()
        .map(|one| {
            let fate = match &one.fate {
                Fate::Deleted => "deleted".to_owned(),
                Fate::Missing => "missing".to_owned(),
                Fate::Kept { for_what } => {
                    format!("kept for {}", for_what.clone().unwrap_or_default())
                }
                Fate::Scheduled { status, cancel } => {
                    format!("{status}, {}", cancel.clone().unwrap_or_default())
                }
                other => format!("{other:?}"),
            };
            let leaves = one.leaves.as_ref().map(|what| format!(", leaves {what}"));
            format!("{}: {fate}{}", one.address, leaves.unwrap_or_default())
        })
        .collect();
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
async fn a_destroy_tells_what_became_of_each_object() {
    let lab = Lab::new();
    lab.apply(graph(&declared(), &lab.cloud)).await;
    assert!(receipt(&lab).await.is_empty(), "nothing was destroyed");
    lab.destroy().await;
    assert_eq!(
        words(&receipt(&lab).await),
        [
            "base: deleted, leaves snapshot b-final",
            "key: kept for snapshot b-final",
            "other: deleted",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_only_scheduled_is_not_called_deleted() {
    let lab = Lab::new();
    let one = vec![("key", "toy.Tags", json!({"size": 1}))];
    lab.apply(graph(&one, &lab.cloud)).await;
    for thing in lab.cloud.world.lock().unwrap().things.values_mut() {
        thing.phase = Some(Phase::Scheduled("goes on 24 December".into()));
    }
    lab.destroy().await;
    assert_eq!(
        words(&receipt(&lab).await),
        ["key: goes on 24 December, toy restore toy.Tags-1"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_said_to_be_kept() {
    let lab = Lab::new();
    let one = vec![(
        "base",
        "toy.Name",
        json!({"name": "b", "leaves": "lost snapshot"}),
    )];
    lab.apply(graph(&one, &lab.cloud)).await;
    let outcome = lab.run(None).await.unwrap();
    assert!(!outcome.is_complete(), "the snapshot is not there");
    lab.destroy().await;
    // The object is gone; what it should have left was never seen.
    assert_eq!(words(&receipt(&lab).await), ["base: missing"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_service_makes_again_under_the_same_name_is_not_waited_for() {
    let lab = Lab::new();
    let one = vec![("log", "toy.Name", json!({"name": "l"}))];
    lab.apply(graph(&one, &lab.cloud)).await;
    lab.cloud.world.lock().unwrap().comes_back = true;
    lab.destroy().await;
    assert_eq!(words(&receipt(&lab).await), ["log: deleted"]);
    let again: Vec<_> = lab.cloud.things().into_values().collect();
    assert!(again.iter().all(|thing| thing.owner.is_none()), "{again:?}");
}

/// Wherever a run is cut off, the last one tells of all objects.
#[tokio::test(start_paused = true)]
async fn an_interrupted_destroy_ends_with_one_receipt_of_all() {
    for at in 1..=3 {
        for when in [When::Before, When::After] {
            let lab = Lab::new();
            lab.apply(graph(&declared(), &lab.cloud)).await;
            lab.fault(at, when, Fault::Hang);
            lab.run(None).await;
            lab.calm();
            lab.destroy().await;
            let receipt = receipt(&lab).await;
            let addresses: Vec<&str> = receipt.iter().map(|one| one.address.as_str()).collect();
            for address in ["base", "key", "other"] {
                assert!(
                    addresses.contains(&address),
                    "{when:?} call {at}: {addresses:?}"
                );
            }
            let base = receipt.iter().find(|one| one.address.as_str() == "base");
            assert_eq!(
                base.and_then(|base| base.leaves.as_deref()),
                Some("snapshot b-final"),
                "{when:?} call {at}"
            );
            assert!(receipt.iter().all(|one| one.fate != Fate::Begun));
        }
    }
}
