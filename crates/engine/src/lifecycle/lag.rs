//! A cloud that does not show at once what was made, and one that is out of reach for a while.

use std::time::Duration;

use serde_json::json;

use crate::testing::{Declared, Fault, Lab, When, graph};

fn declared() -> Declared {
    vec![
        ("one", "toy.Tags", json!({"size": 1})),
        (
            "two",
            "toy.Token",
            json!({"name": "t", "uses": [{"$ref": "one.id"}]}),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_was_just_made_and_cannot_be_seen_is_not_made_twice() {
    let lab = Lab {
        grace: Duration::from_secs(300),
        ..Lab::new()
    };
    lab.apply(graph(&declared(), &lab.cloud)).await;
    lab.cloud.world.lock().unwrap().blind = 6;
    lab.apply(graph(&declared(), &lab.cloud)).await;
    assert_eq!(
        lab.cloud.things().len(),
        2,
        "made beside what could not be seen"
    );
    lab.cloud.world.lock().unwrap().blind = 6;
    lab.destroy().await;
    assert_eq!(lab.cloud.things().len(), 0, "forgotten, not deleted");
}

#[tokio::test(start_paused = true)]
async fn what_is_old_enough_and_cannot_be_seen_is_gone() {
    let lab = Lab::new();
    lab.apply(graph(&declared(), &lab.cloud)).await;
    lab.cloud.world.lock().unwrap().things.clear();
    lab.apply(graph(&declared(), &lab.cloud)).await;
    assert_eq!(lab.cloud.things().len(), 2);
}

/// What a killed creation left is found by its tags and cannot be described yet: it is deleted all the same.
#[tokio::test(start_paused = true)]
async fn a_half_made_object_that_cannot_be_seen_is_destroyed() {
    let lab = Lab {
        grace: Duration::from_secs(300),
        ..Lab::new()
    };
    lab.fault(1, When::After, Fault::Hang);
    lab.run(Some(graph(&declared(), &lab.cloud))).await;
    lab.calm();
    lab.cloud.world.lock().unwrap().blind = 1;
    lab.destroy().await;
    assert_eq!(lab.cloud.things().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_outlives_the_loss_of_the_network() {
    let lab = Lab::new();
    {
        let mut world = lab.cloud.world.lock().unwrap();
        world.settle = 3;
        world.away = 40;
    }
    lab.apply(graph(&declared(), &lab.cloud)).await;
    assert_eq!(
        lab.cloud.world.lock().unwrap().away,
        0,
        "the network was never lost"
    );
}

#[tokio::test(start_paused = true)]
async fn where_it_is_asked_for_the_first_failure_stops_everything() {
    let failing = |lab: &Lab| {
        let mut all: Declared = vec![("bad", "toy.Tags", json!({"size": 1, "parent": "nowhere"}))];
        // A chain so long that nothing but the failure stops it before its end.
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        for (at, name) in names.into_iter().enumerate() {
            let spec = match at {
                0 => json!({"size": 1}),
                _ => json!({"size": 1, "uses": [{"$ref": format!("{}.id", names[at - 1])}]}),
            };
            all.push((name, "toy.Tags", spec));
        }
        graph(&all, &lab.cloud)
    };
    let lab = Lab::new();
    let outcome = lab.run(Some(failing(&lab))).await.unwrap();
    assert_eq!(
        (outcome.done.len(), outcome.failed.len(), outcome.not_begun),
        (12, 1, 0)
    );
    let lab = Lab {
        keep_going: false,
        ..Lab::new()
    };
    let outcome = lab.run(Some(failing(&lab))).await.unwrap();
    assert_eq!(outcome.failed.len(), 1);
    assert!(
        outcome.not_begun > 0 && !outcome.is_complete(),
        "{outcome:?}"
    );
}
