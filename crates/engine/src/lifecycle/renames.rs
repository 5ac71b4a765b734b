//! What an update in place changes for those that refer to the object: only the outputs that follow the changed fields.

use serde_json::{Value, json};

use crate::plan::{Action, Plan};
use crate::testing::{Declared, Lab, graph};

fn declared(size: u32, label: &str) -> Declared {
    vec![
        ("one", "toy.Tags", json!({"size": size, "label": label})),
        (
            "user",
            "toy.Tags",
            json!({
                "id": {"$ref": "one.id"}, "link": {"$ref": "one.url"}, "named": {"$ref": "one.label"},
            }),
        ),
    ]
}

fn changes(plan: &Plan, address: &str) -> Vec<(String, Option<Value>)> {
    let step = plan.step(address).unwrap();
    let changes = step.changes.iter().map(|change| &change.change);
    changes
        .map(|change| (change.path.clone(), change.after.clone()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_change_of_another_field_leaves_them_as_they_are() {
    let lab = Lab::new();
    lab.apply(graph(&declared(1, "a"), &lab.cloud)).await;
    let plan = lab.plan(Some(graph(&declared(2, "a"), &lab.cloud))).await;
    assert_eq!(plan.step("one").unwrap().action, Action::Update);
    assert_eq!(plan.step("user").unwrap().action, Action::NoOp);
}

#[tokio::test(start_paused = true)]
async fn a_new_name_is_known_and_what_is_made_of_it_is_not_yet() {
    let lab = Lab::new();
    lab.apply(graph(&declared(1, "a"), &lab.cloud)).await;
    let renamed = graph(&declared(1, "b"), &lab.cloud);
    let plan = lab.plan(Some(renamed.clone())).await;
    assert_eq!(plan.step("one").unwrap().action, Action::Update);
    assert_eq!(
        changes(&plan, "user"),
        [
            ("/link".to_owned(), Some(json!({"$unknown": "one.url"}))),
            ("/named".to_owned(), Some(json!("b"))),
        ],
        "its id stays"
    );
    lab.apply(renamed.clone()).await;
    let user = lab.cloud.things().into_values();
    let user = user
        .into_iter()
        .find(|thing| thing.spec.get("link").is_some());
    assert_eq!(user.unwrap().spec["link"], "toy://b");
    assert!(lab.plan(Some(renamed)).await.is_empty());
}
