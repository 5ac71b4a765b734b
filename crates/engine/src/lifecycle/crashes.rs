//! Cut off at every call, before and after its effect: the next run ends where an undisturbed one does.

use serde_json::json;

use crate::testing::{Declared, Fault, Lab, When, graph};

fn before() -> Declared {
    vec![
        ("mother", "toy.Tags", json!({"size": 1, "color": "red"})),
        (
            "child",
            "toy.Token",
            json!({"name": "c", "color": "red", "uses": [{"$ref": "mother.id"}]}),
        ),
        (
            "name",
            "toy.Name",
            json!({"name": "n", "uses": [{"$ref": "child.id"}]}),
        ),
        (
            "plain",
            "toy.Plain",
            json!({"name": "p", "parent": {"$ref": "name.id"}}),
        ),
        (
            "dropped",
            "toy.Tags",
            json!({"parent": {"$ref": "mother.id"}}),
        ),
    ]
}

/// Changes in place, replaces both ways, adds and drops.
fn after() -> Declared {
    vec![
        ("mother", "toy.Tags", json!({"size": 2, "color": "red"})),
        (
            "child",
            "toy.Token",
            json!({"name": "c", "color": "blue", "uses": [{"$ref": "mother.id"}]}),
        ),
        (
            "name",
            "toy.Name",
            json!({"name": "n", "color": "blue", "uses": [{"$ref": "child.id"}]}),
        ),
        (
            "plain",
            "toy.Plain",
            json!({"name": "p", "parent": {"$ref": "name.id"}}),
        ),
        (
            "added",
            "toy.Tags",
            json!({"parent": {"$ref": "mother.id"}}),
        ),
    ]
}

/// The shape and the number of mutating calls of an undisturbed change from `from` to `to`.
async fn undisturbed(from: Option<&Declared>, to: &Declared) -> (Vec<String>, usize) {
    let lab = Lab::new();
    if let Some(from) = from {
        lab.apply(graph(from, &lab.cloud)).await;
    }
    lab.calm();
    lab.apply(graph(to, &lab.cloud)).await;
    (lab.cloud.shape(), lab.calm())
}

async fn every_point(from: Option<Declared>, to: Declared, fault: Fault) {
    let (shape, calls) = undisturbed(from.as_ref(), &to).await;
    for at in 1..=calls {
        for when in [When::Before, When::After] {
            let lab = Lab::new();
            if let Some(from) = &from {
                lab.apply(graph(from, &lab.cloud)).await;
            }
            lab.fault(at, when, fault);
            lab.run(Some(graph(&to, &lab.cloud))).await;
            lab.calm();
            lab.apply(graph(&to, &lab.cloud)).await;
            assert_eq!(
                lab.cloud.shape(),
                shape,
                "cut off {when:?} call {at} of {calls}"
            );
            assert!(
                lab.plan(Some(graph(&to, &lab.cloud))).await.is_empty(),
                "{when:?} call {at}"
            );
            lab.destroy().await;
            assert_eq!(
                lab.cloud.shape(),
                Vec::<String>::new(),
                "destroyed after {when:?} call {at}"
            );
            let state = lab.store().read().await.unwrap().state;
            assert!(
                state.resources.is_empty(),
                "destroyed after {when:?} call {at}: {:?}",
                state.resources
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_creation_is_finished_by_the_next_run() {
    every_point(None, before(), Fault::Hang).await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_change_with_replacements_is_finished_by_the_next_run() {
    every_point(Some(before()), after(), Fault::Hang).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_settled_within_the_run() {
    every_point(None, before(), Fault::Lost).await;
    every_point(Some(before()), after(), Fault::Lost).await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_apply_can_be_destroyed_at_once() {
    let (_, calls) = undisturbed(None, &before()).await;
    for at in 1..=calls {
        for when in [When::Before, When::After] {
            let lab = Lab::new();
            lab.fault(at, when, Fault::Hang);
            lab.run(Some(graph(&before(), &lab.cloud))).await;
            lab.calm();
            lab.destroy().await;
            assert_eq!(
                lab.cloud.shape(),
                Vec::<String>::new(),
                "cut off {when:?} call {at} of {calls}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_destroy_is_finished_by_the_next_one() {
    let lab = Lab::new();
    lab.apply(graph(&before(), &lab.cloud)).await;
    lab.calm();
    lab.destroy().await;
    let calls = lab.calm();
    for at in 1..=calls {
        for when in [When::Before, When::After] {
            let lab = Lab::new();
            lab.apply(graph(&before(), &lab.cloud)).await;
            lab.fault(at, when, Fault::Hang);
            lab.run(None).await;
            lab.calm();
            lab.destroy().await;
            assert_eq!(
                lab.cloud.shape(),
                Vec::<String>::new(),
                "cut off {when:?} call {at} of {calls}"
            );
        }
    }
}
