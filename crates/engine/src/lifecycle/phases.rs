//! Objects that are not as they should be: failed, stopped, scheduled for deletion, usable with a problem.

use serde_json::json;

use crate::execute::StepError;
use crate::plan::{Action, Reason};
use crate::testing::{Declared, Lab, graph};
use crate::{Id, Phase};

fn declared() -> Declared {
    vec![
        ("first", "toy.Tags", json!({"size": 1})),
        (
            "second",
            "toy.Name",
            json!({"name": "s", "uses": [{"$ref": "first.id"}]}),
        ),
    ]
}

/// Both applied, and then the first one is in this phase.
async fn applied(phase: Phase) -> (Lab, Id) {
    let lab = Lab::new();
    lab.apply(graph(&declared(), &lab.cloud)).await;
    let mut world = lab.cloud.world.lock().unwrap();
    let (id, thing) = world
        .things
        .iter_mut()
        .find(|(_, thing)| thing.kind == "toy.Tags")
        .unwrap();
    thing.phase = Some(phase);
    let id = id.clone();
    drop(world);
    (lab, id)
}

#[tokio::test(start_paused = true)]
async fn what_was_ready_once_is_not_replaced_when_it_fails() {
    let (lab, id) = applied(Phase::Failed("incompatible-parameters".into())).await;
    let plan = lab.plan(Some(graph(&declared(), &lab.cloud))).await;
    let step = plan.step("first").unwrap();
    assert_eq!(step.action, Action::NoOp);
    assert_eq!(
        step.reasons,
        [Reason::Broken {
            why: "incompatible-parameters".into()
        }]
    );
    let outcome = lab.run(Some(graph(&declared(), &lab.cloud))).await.unwrap();
    assert!(
        matches!(&outcome.failed[..], [(_, StepError::Broken { why, .. })] if why.contains("incompatible"))
    );
    assert!(lab.cloud.things().contains_key(&id));
}

#[tokio::test(start_paused = true)]
async fn what_was_never_ready_is_created_again() {
    let lab = Lab::new();
    lab.fault(1, crate::testing::When::After, crate::testing::Fault::Hang);
    lab.run(Some(graph(&declared(), &lab.cloud))).await;
    lab.calm();
    let failed = lab.cloud.things().into_keys().next().unwrap();
    lab.cloud
        .world
        .lock()
        .unwrap()
        .things
        .get_mut(&failed)
        .unwrap()
        .phase = Some(Phase::Failed("no capacity".into()));
    let plan = lab.plan(Some(graph(&declared(), &lab.cloud))).await;
    assert!(
        matches!(plan.steps[0].action, Action::Replace(_)),
        "{plan:#?}"
    );
    lab.apply(graph(&declared(), &lab.cloud)).await;
    assert!(!lab.cloud.things().contains_key(&failed));
    assert_eq!(lab.cloud.things().len(), 2);
}

/// A name was led to a load balancer as soon as that was accepted; then the load balancer failed.
#[tokio::test(start_paused = true)]
async fn what_led_to_a_failed_creation_stays_until_there_is_another() {
    let declared: Declared = vec![
        ("first", "toy.Tags", json!({"size": 1})),
        (
            "second",
            "toy.Name",
            json!({"name": "s", "uses": {"early": {"$ref": "first.early"}}}),
        ),
    ];
    let lab = Lab::new();
    // It is never ready, however long the second one's creation takes.
    lab.cloud.world.lock().unwrap().settle = 1000;
    lab.fault(2, crate::testing::When::After, crate::testing::Fault::Hang);
    lab.run(Some(graph(&declared, &lab.cloud))).await;
    lab.calm();
    {
        let mut world = lab.cloud.world.lock().unwrap();
        world.settle = 0;
        assert_eq!(world.things.len(), 2);
        world
            .things
            .values_mut()
            .for_each(|thing| thing.settling = 0);
        let first = world
            .things
            .values_mut()
            .find(|thing| thing.kind == "toy.Tags")
            .unwrap();
        first.phase = Some(Phase::Failed("no capacity".into()));
    }
    let plan = lab.plan(Some(graph(&declared, &lab.cloud))).await;
    assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
    assert_eq!(
        plan.step("first").unwrap().action,
        Action::Replace(crate::Replace::DeleteFirst)
    );
    assert_eq!(plan.step("second").unwrap().action, Action::Update);
    lab.apply(graph(&declared, &lab.cloud)).await;
    assert!(
        lab.plan(Some(graph(&declared, &lab.cloud)))
            .await
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_used_by_a_field_of_its_own_is_replaced_in_its_kinds_order() {
    let declared: Declared = vec![("first", "toy.Token", json!({"size": 1, "color": "red"}))];
    let lab = Lab::new();
    lab.fault(1, crate::testing::When::After, crate::testing::Fault::Hang);
    lab.run(Some(graph(&declared, &lab.cloud))).await;
    lab.calm();
    let failed = lab.cloud.things().into_keys().next().unwrap();
    {
        let mut world = lab.cloud.world.lock().unwrap();
        let thing = world.things.get_mut(&failed).unwrap();
        thing.phase = Some(Phase::Failed("not issued".into()));
        thing.spec["color"] = json!("blue");
    }
    let plan = lab.plan(Some(graph(&declared, &lab.cloud))).await;
    assert_eq!(
        plan.steps[0].action,
        Action::Replace(crate::Replace::CreateFirst),
        "{plan:#?}"
    );
    lab.apply(graph(&declared, &lab.cloud)).await;
    assert!(!lab.cloud.things().contains_key(&failed));
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_or_about_to_go_is_made_usable_again() {
    for phase in [
        Phase::Stopped("stopped".into()),
        Phase::Scheduled("goes on 24 December".into()),
    ] {
        let (lab, id) = applied(phase).await;
        let plan = lab.plan(Some(graph(&declared(), &lab.cloud))).await;
        let step = plan.step("first").unwrap();
        assert_eq!(step.action, Action::Update);
        assert!(
            matches!(&step.reasons[..], [Reason::Restored { .. }]),
            "{:?}",
            step.reasons
        );
        assert_eq!(
            plan.step("second").unwrap().action,
            Action::NoOp,
            "nothing is replaced for it"
        );
        lab.apply(graph(&declared(), &lab.cloud)).await;
        assert_eq!(lab.cloud.things()[&id].phase, None);
        assert!(
            lab.plan(Some(graph(&declared(), &lab.cloud)))
                .await
                .is_empty()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_scheduled_for_deletion_needs_no_other_deletion() {
    let (lab, id) = applied(Phase::Scheduled("goes on 24 December".into())).await;
    let outcome = lab.run(None).await.unwrap();
    assert!(outcome.is_complete());
    assert!(lab.cloud.things().contains_key(&id), "it goes by itself");
}

#[tokio::test(start_paused = true)]
async fn what_is_usable_with_a_problem_is_said_and_changes_nothing() {
    let (lab, _) = applied(Phase::Degraded("one node is not healthy".into())).await;
    let plan = lab.plan(Some(graph(&declared(), &lab.cloud))).await;
    assert!(plan.is_empty());
    assert_eq!(
        plan.step("first").unwrap().health.as_deref(),
        Some("one node is not healthy")
    );
    lab.apply(graph(&declared(), &lab.cloud)).await;
}
