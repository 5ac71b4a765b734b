//! Programs in an object that have made objects of their own: they delete them before anything that they need goes.

use serde_json::json;

use crate::Id;
use crate::schedule::Work;
use crate::testing::{Lab, graph};

/// A house with a door, a road that it needs and does not mention, and something whose deletion takes long.
async fn settled() -> Lab {
    let lab = Lab::new();
    let declared = vec![
        ("street.house", "toy.House", json!({"size": 7})),
        (
            "street.door",
            "toy.Tags",
            json!({"parent": {"$ref": "street.house.id"}}),
        ),
        ("street.road", "toy.Tags", json!({"size": 1})),
        ("street.mill", "toy.Slow", json!({"size": 1})),
    ];
    lab.apply(graph(&declared, &lab.cloud)).await;
    lab
}

fn diary(lab: &Lab) -> Vec<String> {
    lab.cloud.world.lock().unwrap().diary.clone()
}

fn at(diary: &[String], what: &str) -> usize {
    let found = diary.iter().position(|line| line.starts_with(what));
    found.unwrap_or_else(|| panic!("{what} is not in {diary:?}"))
}

#[tokio::test(start_paused = true)]
async fn they_clear_up_while_all_that_they_need_is_there() {
    let lab = settled().await;
    lab.cloud.world.lock().unwrap().tenants = Some(3);
    lab.destroy().await;
    let diary = diary(&lab);
    let cleared = at(&diary, "they have cleared up");
    assert!(at(&diary, "told those in") < cleared);
    assert!(cleared < at(&diary, "deleted street.door"), "{diary:?}");
    assert!(cleared < at(&diary, "deleted street.road"), "{diary:?}");
    assert!(at(&diary, "deleted street.house") < at(&diary, "cleared up after"));
}

#[tokio::test(start_paused = true)]
async fn what_takes_long_does_not_wait_for_them() {
    let lab = settled().await;
    let session = lab.session().await;
    let prepared = lab.prepare(None, &session).await;
    let schedule = prepared.schedule(&lab.cloud).unwrap();
    let told = |op| matches!(schedule.op(op).work, Work::Vacate { .. });
    let mut waits: Vec<(&str, bool)> = schedule
        .not_started()
        .filter(|op| !told(*op))
        .map(|op| {
            let address = schedule.op(op).address.as_str();
            let mut before = schedule.producers(op);
            (address, before.any(|(other, _)| told(other)))
        })
        .collect();
    waits.sort_unstable();
    assert_eq!(
        waits,
        [
            ("street.door", true),
            ("street.house", true),
            ("street.mill", false),
            ("street.road", true),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn where_nobody_can_speak_to_them_the_rest_goes_on() {
    let lab = settled().await;
    lab.cloud.world.lock().unwrap().rubbish = 2;
    lab.destroy().await;
    let diary = diary(&lab);
    let cleared = diary.iter().filter(|line| line.starts_with("cleared up"));
    assert_eq!(cleared.count(), 3, "until nothing is left: {diary:?}");
    assert!(lab.cloud.things().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_they_left_goes_although_the_house_is_gone_already() {
    let lab = settled().await;
    let house = {
        let mut world = lab.cloud.world.lock().unwrap();
        let mut ids = world.things.iter();
        let house = ids.find(|(_, thing)| thing.kind == "toy.House");
        let house: Id = house.unwrap().0.clone();
        world.things.remove(&house);
        house
    };
    lab.destroy().await;
    let diary = diary(&lab);
    assert!(!diary.iter().any(|line| line.starts_with("told")));
    let said = &diary[at(&diary, "cleared up after")];
    assert_eq!(*said, format!("cleared up after {house}, {{\"size\":7}}"));
}

#[tokio::test(start_paused = true)]
async fn those_who_never_clear_up_do_not_hold_the_rest_up() {
    let lab = settled().await;
    lab.cloud.world.lock().unwrap().tenants = Some(usize::MAX);
    lab.destroy().await;
    assert!(lab.cloud.things().is_empty());
}
