//! References that turn round from one version of a stack to the next.

use serde_json::json;

use crate::testing::{Declared, Fault, Lab, When, graph};

/// `a` is built on `b`, and then, replaced, the other way round; `c` stands between them.
fn versions() -> [Declared; 2] {
    [
        vec![
            ("b", "toy.Tags", json!({"size": 1, "uses": []})),
            (
                "c",
                "toy.Tags",
                json!({"size": 1, "uses": [{"$ref": "b.id"}]}),
            ),
            (
                "a",
                "toy.Token",
                json!({"color": "red", "uses": [{"$ref": "b.id"}, {"$ref": "c.id"}]}),
            ),
        ],
        vec![
            ("a", "toy.Token", json!({"color": "blue", "uses": []})),
            (
                "c",
                "toy.Tags",
                json!({"size": 1, "uses": [{"$ref": "a.id"}]}),
            ),
            (
                "b",
                "toy.Tags",
                json!({"size": 1, "uses": [{"$ref": "a.id"}, {"$ref": "c.id"}]}),
            ),
        ],
    ]
}

#[tokio::test(start_paused = true)]
async fn a_stack_whose_references_turn_round_can_be_planned_and_destroyed() {
    let lab = Lab::new();
    for version in versions() {
        lab.apply(graph(&version, &lab.cloud)).await;
        assert!(lab.plan(Some(graph(&version, &lab.cloud))).await.is_empty());
    }
    lab.destroy().await;
    assert_eq!(lab.cloud.shape(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn it_can_be_destroyed_wherever_the_turn_was_cut_off() {
    for at in 1..=5 {
        for when in [When::Before, When::After] {
            let lab = Lab::new();
            let [first, second] = versions();
            lab.apply(graph(&first, &lab.cloud)).await;
            lab.fault(at, when, Fault::Hang);
            lab.run(Some(graph(&second, &lab.cloud))).await;
            lab.calm();
            lab.destroy().await;
            assert_eq!(
                lab.cloud.shape(),
                Vec::<String>::new(),
                "{when:?} call {at}"
            );
        }
    }
}
