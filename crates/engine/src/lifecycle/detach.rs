//! What is attached to an object and belongs to no stack keeps the object from being deleted, until the user allows that
//! it is removed.

use serde_json::json;

use crate::execute::{Detach, NothingDetached, Outcome};
use crate::testing::{Lab, Thing, graph};
use crate::{Id, Owner};

/// A stack with one object, and something that somebody attached to it.
async fn attached(owner: Option<Owner>) -> Lab {
    let lab = Lab::new();
    let one = vec![("box.one", "toy.Tags", json!({"size": 1}))];
    lab.apply(graph(&one, &lab.cloud)).await;
    let mut world = lab.cloud.world.lock().unwrap();
    let id = world.things.keys().next().unwrap().clone();
    let policy = Thing {
        kind: "toy.Plain",
        spec: json!({"name": "policy", "parent": id}),
        owner,
        token: String::new(),
        settling: 0,
        phase: None,
    };
    world.things.insert(Id::from("theirs"), policy);
    drop(world);
    lab
}

async fn destroy(lab: &mut Lab, allowed: &[&str]) -> Outcome {
    lab.detach = Detach(allowed.iter().map(ToString::to_string).collect());
    lab.run(None).await.unwrap()
}

fn why(outcome: &Outcome) -> String {
    assert_eq!(outcome.failed.len(), 1, "{outcome:?}");
    outcome.failed[0].1.to_string()
}

#[tokio::test(start_paused = true)]
async fn what_is_attached_is_named_with_what_to_type() {
    let mut lab = attached(None).await;
    let outcome = destroy(&mut lab, &["box.other", "bo"]).await;
    assert!(
        why(&outcome).contains(
            "Still there, and not in the state: toy policy. To remove what can be detached, add --detach-foreign \
             box.one"
        ),
        "{}",
        why(&outcome)
    );
    assert_eq!(lab.cloud.things().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn it_is_removed_where_the_user_names_what_it_is_attached_to() {
    for allowed in ["box.one", "box"] {
        let mut lab = attached(None).await;
        let outcome = destroy(&mut lab, &[allowed]).await;
        assert!(outcome.is_complete(), "{outcome:?}");
        assert!(lab.cloud.things().is_empty());
        assert_eq!(outcome.nothing_detached, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_consent_that_nothing_needed_is_told() {
    let mut lab = Lab::new();
    let two = vec![
        ("box.one", "toy.Tags", json!({"size": 1})),
        ("box.two", "toy.Tags", json!({"size": 1})),
    ];
    lab.apply(graph(&two, &lab.cloud)).await;
    let nothing = |name: &str, deleted| NothingDetached {
        name: name.into(),
        deleted,
    };
    lab.detach = Detach(vec!["box.one".into(), "box.two".into()]);
    let outcome = lab.run(Some(graph(&two[..1], &lab.cloud))).await.unwrap();
    assert_eq!(
        outcome.nothing_detached,
        [nothing("box.one", false), nothing("box.two", true)]
    );
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_another_stack_is_not_removed() {
    let other = Owner {
        stack: "other".into(),
        address: "a".into(),
        generation: 1,
        region: None,
        lineage: None,
    };
    let mut lab = attached(Some(other)).await;
    let outcome = destroy(&mut lab, &["box"]).await;
    assert!(
        why(&outcome).contains("Still there, and not in the state: toy policy"),
        "{outcome:?}"
    );
    assert!(!why(&outcome).contains("--detach-foreign"));
    assert_eq!(lab.cloud.things().len(), 2);
}
