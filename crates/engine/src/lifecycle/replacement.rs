//! Replacements: both orders, and how they reach dependants.

use serde_json::json;

use crate::plan::{Action, Refusal};
use crate::testing::{Declared, Lab, graph};
use crate::{Address, Replace};

fn chain(first: &'static str, color: &str, hold: bool) -> Declared {
    let reference = json!({"$ref": "first.id"});
    let second = if hold {
        json!({"name": "s", "uses": [reference]})
    } else {
        json!({"name": "s", "parent": reference})
    };
    vec![
        ("first", first, json!({"name": "f", "color": color})),
        ("second", "toy.Name", second),
    ]
}

async fn replace(lab: &Lab, before: Declared, after: Declared) -> Vec<(String, Action)> {
    lab.apply(graph(&before, &lab.cloud)).await;
    let plan = lab.plan(Some(graph(&after, &lab.cloud))).await;
    lab.apply(graph(&after, &lab.cloud)).await;
    assert_eq!(lab.cloud.things().len(), after.len());
    assert!(lab.plan(Some(graph(&after, &lab.cloud))).await.is_empty());
    plan.steps
        .iter()
        .map(|step| (step.address.to_string(), step.action))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn delete_first_takes_its_dependants_with_it() {
    let lab = Lab::new();
    let steps = replace(
        &lab,
        chain("toy.Tags", "red", false),
        chain("toy.Tags", "blue", false),
    )
    .await;
    let anew = Action::Replace(Replace::DeleteFirst);
    assert_eq!(
        steps,
        [("first".to_owned(), anew), ("second".to_owned(), anew)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_dependant_that_holds_on_is_not_replaced_unasked() {
    let lab = Lab::new();
    lab.apply(graph(&chain("toy.Tags", "red", true), &lab.cloud))
        .await;
    let plan = lab
        .plan(Some(graph(&chain("toy.Tags", "blue", true), &lab.cloud)))
        .await;
    let address = |text: &str| Address::new(text).unwrap();
    let held = Refusal::Held {
        address: address("first"),
        holder: address("second"),
    };
    assert_eq!(plan.refusals, [held]);
    assert_eq!(plan.step("second").unwrap().action, Action::Update);
    // Asked for, both are.
    lab.apply(graph(&chain("toy.Tags", "blue", true), &lab.cloud))
        .await;
    assert_eq!(lab.cloud.things().len(), 2);
}

/// An instance of a database goes with its cluster, though the name of the cluster stays. What holds data does not go
/// unasked.
#[tokio::test(start_paused = true)]
async fn what_cannot_exist_without_what_is_replaced_is_replaced_with_it() {
    let declared = |color: &str, part: &'static str| -> Declared {
        vec![
            ("first", "toy.Name", json!({"name": "f", "color": color})),
            (
                "second",
                part,
                json!({"name": "s", "whole": {"$ref": "first.name"}}),
            ),
        ]
    };
    let lab = Lab::new();
    let steps = replace(
        &lab,
        declared("red", "toy.Tags"),
        declared("blue", "toy.Tags"),
    )
    .await;
    let anew = Action::Replace(Replace::DeleteFirst);
    assert_eq!(
        steps,
        [("first".to_owned(), anew), ("second".to_owned(), anew)]
    );
    let lab = Lab::new();
    lab.apply(graph(&declared("red", "toy.Name"), &lab.cloud))
        .await;
    let plan = lab
        .plan(Some(graph(&declared("blue", "toy.Name"), &lab.cloud)))
        .await;
    let address = |text: &str| Address::new(text).unwrap();
    let held = Refusal::Held {
        address: address("first"),
        holder: address("second"),
    };
    assert!(plan.refusals.contains(&held), "{:?}", plan.refusals);
}

#[tokio::test(start_paused = true)]
async fn create_first_moves_dependants_over_before_the_old_one_goes() {
    let lab = Lab::new();
    let steps = replace(
        &lab,
        chain("toy.Token", "red", true),
        chain("toy.Token", "blue", true),
    )
    .await;
    let expected = [
        ("first".to_owned(), Action::Replace(Replace::CreateFirst)),
        ("second".to_owned(), Action::Update),
    ];
    assert_eq!(steps, expected);
}

/// What refers to a name that stays the same is not touched by the replacement of what bears it.
#[tokio::test(start_paused = true)]
async fn a_name_that_stays_replaces_nothing() {
    let declared = |color: &str| -> Declared {
        vec![
            ("first", "toy.Name", json!({"name": "f", "color": color})),
            (
                "second",
                "toy.Name",
                json!({"name": "s", "color": {"$ref": "first.name"}}),
            ),
        ]
    };
    let lab = Lab::new();
    lab.apply(graph(&declared("red"), &lab.cloud)).await;
    let plan = lab.plan(Some(graph(&declared("blue"), &lab.cloud))).await;
    assert_eq!(
        plan.step("first").unwrap().action,
        Action::Replace(Replace::DeleteFirst)
    );
    assert_eq!(plan.step("second").unwrap().action, Action::NoOp);
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_its_dependants_only() {
    let lab = Lab::new();
    let outcome = {
        let declared = vec![
            (
                "a",
                "toy.Token",
                json!({"color": "red", "uses": ["missing"]}),
            ),
            ("b", "toy.Tags", json!({"parent": {"$ref": "a.id"}})),
            ("c", "toy.Tags", json!({"size": 1})),
        ];
        lab.run(Some(graph(&declared, &lab.cloud))).await.unwrap()
    };
    assert_eq!(outcome.failed.len(), 1, "one root cause");
    assert_eq!(outcome.skipped.len(), 1, "its dependant is not tried");
    assert_eq!(outcome.done.len(), 1, "everything else goes on");
}

#[tokio::test(start_paused = true)]
async fn what_is_created_first_is_replaced_when_that_is_asked_for() {
    let lab = Lab::new();
    let declared: Declared = vec![("a", "toy.Token", json!({"size": 1}))];
    lab.apply(graph(&declared, &lab.cloud)).await;
    let before = lab.cloud.things();
    let lab = Lab {
        replace: vec!["a".into()],
        ..lab
    };
    lab.apply(graph(&declared, &lab.cloud)).await;
    let after = lab.cloud.things();
    assert_eq!(after.len(), 1);
    assert_ne!(before.keys().next(), after.keys().next());
}
