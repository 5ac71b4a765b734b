//! What the cloud moves, gives up or holds on to by itself.

use serde_json::json;

use crate::drift::{drift, moved_on};
use crate::execute::StepError;
use crate::observe::{ReadOptions, observe};
use crate::plan::{Action, Reason, Refusal};
use crate::planner::DataLoss;
use crate::testing::{Declared, Lab, graph};

fn levelled(level: u32) -> Declared {
    vec![("one", "toy.Tags", json!({"size": 1, "level": level}))]
}

/// Applied at level 8; the cloud has raised it to 9 since.
async fn raised() -> Lab {
    let lab = Lab::new();
    lab.apply(graph(&levelled(8), &lab.cloud)).await;
    lab.cloud
        .world
        .lock()
        .unwrap()
        .things
        .values_mut()
        .for_each(|thing| thing.spec["level"] = json!(9));
    lab
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_raised_is_no_change_and_is_said() {
    let lab = raised().await;
    let plan = lab.plan(Some(graph(&levelled(8), &lab.cloud))).await;
    assert!(plan.is_empty(), "{plan:#?}");
    let moved = &plan.step("one").unwrap().moved_on[..];
    assert!(
        matches!(moved, [change] if change.before == Some(json!(9)) && change.after == Some(json!(8)))
    );
    let state = lab.store().read().await.unwrap().state;
    let observed = observe(&state, None, &lab.cloud, ReadOptions::default())
        .await
        .unwrap();
    assert_eq!(drift(&state, &observed, &lab.cloud), []);
    assert_eq!(
        moved_on(&state, &observed, &lab.cloud)["one"][0].live,
        Some(json!(9))
    );
    lab.apply(graph(&levelled(8), &lab.cloud)).await;
    assert!(
        lab.cloud
            .things()
            .values()
            .all(|thing| thing.spec["level"] == 9)
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_user_lowered_is_a_change() {
    let lab = raised().await;
    let plan = lab.plan(Some(graph(&levelled(7), &lab.cloud))).await;
    assert_eq!(plan.step("one").unwrap().action, Action::Update);
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_the_cloud_would_refuse_is_refused_by_the_plan() {
    let lab = Lab::new();
    let declared: Declared = vec![
        ("home", "toy.Tags", json!({"size": 1})),
        (
            "one",
            "toy.Tags",
            json!({"size": 13, "parent": {"$ref": "home.id"}}),
        ),
    ];
    let plan = lab.plan(Some(graph(&declared, &lab.cloud))).await;
    assert!(
        matches!(&plan.refusals[..], [Refusal::Invalid { message, .. }] if message == "is not offered"),
        "{:?}",
        plan.refusals
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_is_judged_although_a_part_of_it_is_unknown() {
    let lab = Lab::new();
    let declared = |size: u32, color: &str| -> Declared {
        vec![
            ("home", "toy.Tags", json!({"size": 1, "color": color})),
            (
                "one",
                "toy.Tags",
                json!({"size": size, "note": {"$ref": "home.id"}}),
            ),
        ]
    };
    lab.apply(graph(&declared(1, "red"), &lab.cloud)).await;
    let plan = lab
        .plan(Some(graph(&declared(13, "blue"), &lab.cloud)))
        .await;
    assert!(
        matches!(&plan.refusals[..], [Refusal::Invalid { message, .. }] if message == "cannot be 13"),
        "{:?}",
        plan.refusals
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_that_the_cloud_gave_up_is_not_repeated() {
    let lab = Lab::new();
    lab.apply(graph(&levelled(8), &lab.cloud)).await;
    lab.calm();
    lab.cloud.world.lock().unwrap().gives_up = Some("PodEvictionFailure".into());
    let outcome = lab
        .run(Some(graph(&levelled(9), &lab.cloud)))
        .await
        .unwrap();
    assert!(
        matches!(&outcome.failed[..], [(_, StepError::NotUpdated { why, .. })] if why == "PodEvictionFailure"),
        "{outcome:?}"
    );
    assert_eq!(lab.calm(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_update_of_a_run_that_was_cut_off_is_not_repeated_either() {
    let lab = Lab::new();
    lab.apply(graph(&levelled(8), &lab.cloud)).await;
    lab.calm();
    {
        let mut world = lab.cloud.world.lock().unwrap();
        world.gives_up = Some("PodEvictionFailure".into());
        world
            .things
            .values_mut()
            .for_each(|thing| thing.settling = 3);
    }
    let outcome = lab
        .run(Some(graph(&levelled(9), &lab.cloud)))
        .await
        .unwrap();
    assert!(
        matches!(&outcome.failed[..], [(_, StepError::NotUpdated { .. })]),
        "{outcome:?}"
    );
    assert_eq!(lab.calm(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_the_cloud_gave_up_ends_at_once() {
    let lab = Lab::new();
    lab.apply(graph(&levelled(8), &lab.cloud)).await;
    lab.cloud.world.lock().unwrap().clings =
        Some("DELETE_FAILED (Ec2SecurityGroupDeletionFailure)".into());
    // What is waited for until the limit fails as a timeout.
    let outcome = lab.run(None).await.unwrap();
    assert!(
        matches!(&outcome.failed[..], [(_, StepError::NotDeleted { why, .. })] if why.contains("Ec2SecurityGroup")),
        "{outcome:?}"
    );
    // The next run tries again, and what has failed once may do so for a moment longer.
    lab.cloud.world.lock().unwrap().clings = None;
    lab.destroy().await;
    assert!(lab.cloud.things().is_empty());
}

/// A certificate, and the record that validates it.
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_helper_that_failed_ends() {
    let lab = Lab::new();
    let declared: Declared = vec![
        ("certificate", "toy.Token", json!({"size": 1})),
        (
            "record",
            "toy.Plain",
            json!({"name": "r", "hint": {"$ref": "certificate.early"}, "parent": "nobody"}),
        ),
    ];
    lab.cloud.world.lock().unwrap().settle = u32::MAX;
    let outcome = lab.run(Some(graph(&declared, &lab.cloud))).await.unwrap();
    let unhelped = outcome.failed.iter().any(|(address, error)| {
        let helper =
            matches!(error, StepError::Unhelped { helper, .. } if helper.as_str() == "record");
        address.as_str() == "certificate" && helper
    });
    // Without that it would have ended with its own limit, as timed out. How long it took says nothing: the clock of this
    // test runs on while the disk is slow.
    assert!(unhelped, "{outcome:?}");
    assert_eq!(
        outcome.failed[0].0.as_str(),
        "record",
        "the cause comes first"
    );
}

fn vault() -> Declared {
    vec![
        ("key", "toy.Tags", json!({"size": 1})),
        (
            "vault",
            "toy.Tags",
            json!({"size": 2, "copies": "3 backups", "uses": [{"$ref": "key.id"}]}),
        ),
        ("rest", "toy.Tags", json!({"size": 3})),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_last_copies_are_kept_with_what_they_need() {
    let lab = Lab::new();
    lab.apply(graph(&vault(), &lab.cloud)).await;
    let plan = lab.plan(None).await;
    let actions = ["vault", "key", "rest"].map(|address| plan.step(address).unwrap().action);
    assert_eq!(actions, [Action::Keep, Action::Keep, Action::Delete]);
    assert!(
        plan.step("vault")
            .unwrap()
            .reasons
            .contains(&Reason::Holds {
                what: "3 backups".into()
            })
    );
}

#[tokio::test(start_paused = true)]
async fn with_consent_that_names_them_the_last_copies_go() {
    let lab = Lab::new();
    lab.apply(graph(&vault(), &lab.cloud)).await;
    let plan = |consent: &str| {
        let consent = DataLoss(vec![consent.to_owned()]);
        let lab = &lab;
        async move {
            let state = lab.store().read().await.unwrap().state;
            let request = crate::flow::Request {
                data_loss: consent,
                ..Default::default()
            };
            crate::flow::prepare(request, state, &lab.cloud)
                .await
                .unwrap()
                .plan
        }
    };
    assert_eq!(
        plan("rest").await.step("vault").unwrap().action,
        Action::Keep
    );
    let named = plan("vault").await;
    assert_eq!(named.step("vault").unwrap().action, Action::Delete);
    assert!(
        named
            .step("vault")
            .unwrap()
            .reasons
            .contains(&Reason::Loses {
                what: "3 backups".into()
            })
    );
    assert_eq!(named.step("key").unwrap().action, Action::Delete);
    lab.destroy().await;
    assert!(lab.cloud.things().is_empty());
}
