//! State that is lost in the middle of a change, in part or altogether: what tags tell is enough.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::observe::ReadOptions;
use crate::recover::recover;
use crate::state::Holder;
use crate::testing::{Declared, Fault, Lab, When, graph};

fn declared(color: &str) -> Declared {
    vec![
        ("mother", "toy.Tags", json!({"size": 1})),
        // Made before the old one is deleted.
        (
            "child",
            "toy.Token",
            json!({"name": "c", "color": color, "uses": [{"$ref": "mother.id"}]}),
        ),
        (
            "other",
            "toy.Tags",
            json!({"color": color, "uses": [{"$ref": "child.id"}]}),
        ),
    ]
}

/// How many calls the change takes.
async fn calls() -> usize {
    let lab = Lab::new();
    lab.apply(graph(&declared("red"), &lab.cloud)).await;
    lab.calm();
    lab.apply(graph(&declared("blue"), &lab.cloud)).await;
    lab.calm()
}

/// A change that is cut off, and what is left of state spoilt.
async fn cut(at: usize, when: When, spoil: impl Fn(&Lab)) -> Lab {
    let lab = Lab::new();
    lab.apply(graph(&declared("red"), &lab.cloud)).await;
    lab.fault(at, when, Fault::Hang);
    lab.run(Some(graph(&declared("blue"), &lab.cloud))).await;
    lab.calm();
    spoil(&lab);
    lab
}

async fn goes_on(lab: &Lab, whence: &str) {
    lab.apply(graph(&declared("blue"), &lab.cloud)).await;
    assert_eq!(
        lab.cloud.things().len(),
        3,
        "{whence}: {:#?}",
        lab.cloud.shape()
    );
    assert!(
        lab.plan(Some(graph(&declared("blue"), &lab.cloud)))
            .await
            .is_empty(),
        "{whence}"
    );
    lab.destroy().await;
    assert_eq!(
        lab.cloud.shape(),
        Vec::<String>::new(),
        "{whence}, destroyed"
    );
    assert!(
        lab.store().read().await.unwrap().state.resources.is_empty(),
        "{whence}: state remembers something"
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_journal_is_gone_is_finished() {
    for at in 1..=calls().await {
        for when in [When::Before, When::After] {
            let lab = cut(at, when, |lab| {
                fs::remove_file(lab.folder.path().join("toys.journal")).unwrap()
            })
            .await;
            goes_on(&lab, &format!("{when:?} call {at}")).await;
        }
    }
}

async fn recovered(lab: &Lab) {
    lab.store().set_aside().await.unwrap();
    let session = lab
        .store()
        .open(&Holder::here("state recover"), Duration::ZERO)
        .await
        .unwrap();
    let found = recover(
        &graph(&declared("blue"), &lab.cloud),
        &session,
        &lab.cloud,
        ReadOptions::default(),
    )
    .await;
    assert_eq!(found.unwrap().refusals, []);
    session.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_state_is_gone_altogether_is_recovered_and_finished() {
    for at in 1..=calls().await {
        for when in [When::Before, When::After] {
            let lab = cut(at, when, |lab| {
                for entry in fs::read_dir(lab.folder.path()).unwrap() {
                    fs::remove_file(entry.unwrap().path()).unwrap();
                }
            })
            .await;
            recovered(&lab).await;
            goes_on(&lab, &format!("{when:?} call {at}")).await;
        }
    }
}

/// The journal, or the copy of the state file, is all that is left.
#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_state_is_gone_on_from() {
    for (gone, at) in [("toys.json", 2), ("toys.json", 4)] {
        let lab = cut(at, When::After, |lab| {
            fs::remove_file(lab.folder.path().join(gone)).unwrap()
        })
        .await;
        let lineage = |lab: &Lab| {
            let text = fs::read_to_string(lab.folder.path().join("toys.journal")).unwrap();
            text.split("\"lineage\":\"")
                .nth(1)
                .map(|rest| rest[..16].to_owned())
                .unwrap()
        };
        let before = lineage(&lab);
        recovered(&lab).await;
        goes_on(&lab, gone).await;
        assert_eq!(lineage(&lab), before, "it is another state");
    }
}
