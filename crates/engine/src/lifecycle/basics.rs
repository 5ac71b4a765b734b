//! New, unchanged, changed, drifted, dropped, adopted, moved.

use serde_json::json;

use crate::flow::{Request, prepare};
use crate::observe::ReadOptions;
use crate::plan::{Action, Reason};
use crate::planner::DataLoss;
use crate::recover::recover;
use crate::testing::{Declared, Lab, graph};
use crate::{Address, Id, Replace};

fn family() -> Declared {
    vec![
        (
            "mother",
            "toy.Tags",
            json!({"size": 1, "color": "red", "tags": {"team": "a"}}),
        ),
        (
            "child",
            "toy.Token",
            json!({"size": 2, "parent": {"$ref": "mother.id"}}),
        ),
        (
            "name",
            "toy.Name",
            json!({"name": "n", "uses": [{"$ref": "child.id"}]}),
        ),
        (
            "plain",
            "toy.Plain",
            json!({"name": "p", "parent": {"$ref": "mother.id"}}),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_applied_stack_has_no_changes_and_costs_one_read_per_kind() {
    let lab = Lab::new();
    lab.apply(graph(&family(), &lab.cloud)).await;
    assert_eq!(lab.cloud.things().len(), 4);
    lab.cloud.world.lock().unwrap().reads = 0;
    let plan = lab.plan(Some(graph(&family(), &lab.cloud))).await;
    assert!(plan.is_empty(), "{plan:?}");
    assert_eq!(lab.cloud.world.lock().unwrap().reads, 4);
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_new_stack_creates_everything_and_says_what_is_unknown() {
    let lab = Lab::new();
    let plan = lab.plan(Some(graph(&family(), &lab.cloud))).await;
    assert_eq!(plan.counts().add, 4);
    let child = plan.step("child").unwrap();
    assert_eq!(
        child.desired.as_ref().unwrap()["parent"],
        json!({"$unknown": "mother.id"})
    );
    assert!(lab.cloud.things().is_empty());
    assert!(
        !lab.folder.path().join("toys.json").exists(),
        "a plan writes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn drift_is_shown_as_drift_and_put_right() {
    let lab = Lab::new();
    lab.apply(graph(&family(), &lab.cloud)).await;
    for thing in lab.cloud.world.lock().unwrap().things.values_mut() {
        if thing.kind == "toy.Tags" {
            thing.spec["size"] = json!(99);
            thing.spec["tags"]["theirs"] = json!("x");
        }
    }
    let plan = lab.plan(Some(graph(&family(), &lab.cloud))).await;
    let step = plan.step("mother").unwrap();
    assert_eq!(
        (step.action, &step.reasons),
        (Action::Update, &vec![Reason::Drifted])
    );
    assert_eq!(
        step.changes.len(),
        1,
        "the tag of others is not ours to remove"
    );
    lab.apply(graph(&family(), &lab.cloud)).await;
    assert!(
        lab.plan(Some(graph(&family(), &lab.cloud)))
            .await
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_outside_is_created_again_with_what_depends_on_it() {
    let lab = Lab::new();
    lab.apply(graph(&family(), &lab.cloud)).await;
    lab.cloud
        .world
        .lock()
        .unwrap()
        .things
        .retain(|_, thing| thing.kind != "toy.Token");
    let plan = lab.plan(Some(graph(&family(), &lab.cloud))).await;
    let child = plan.step("child").unwrap();
    assert!(
        matches!(child.reasons[..], [Reason::DeletedOutside { .. }]),
        "{child:?}"
    );
    assert_eq!(plan.step("name").unwrap().action, Action::Update);
    lab.apply(graph(&family(), &lab.cloud)).await;
    assert!(
        lab.plan(Some(graph(&family(), &lab.cloud)))
            .await
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn dropped_resources_are_deleted_and_destroy_leaves_nothing() {
    let lab = Lab::new();
    lab.apply(graph(&family(), &lab.cloud)).await;
    lab.apply(graph(&family()[..2], &lab.cloud)).await;
    assert_eq!(lab.cloud.things().len(), 2);
    lab.destroy().await;
    assert!(lab.cloud.things().is_empty());
    assert!(lab.store().read().await.unwrap().state.resources.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lost_state_is_found_again_by_tags_and_names() {
    let lab = Lab::new();
    lab.apply(graph(&family(), &lab.cloud)).await;
    let before = lab.cloud.things().into_keys().collect::<Vec<_>>();
    for file in std::fs::read_dir(lab.folder.path()).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    // Whose they are has to be said: another state of this stack may have them.
    assert!(
        !lab.plan(Some(graph(&family(), &lab.cloud)))
            .await
            .refusals
            .is_empty()
    );
    let session = lab.session().await;
    let declared = graph(&family(), &lab.cloud);
    let recovered = recover(&declared, &session, &lab.cloud, ReadOptions::default())
        .await
        .unwrap();
    assert_eq!(
        (
            recovered.found.len(),
            recovered.by_name.len(),
            recovered.refusals
        ),
        (4, 0, Vec::new())
    );
    session.finish().await.unwrap();
    drop(session);
    lab.apply(graph(&family(), &lab.cloud)).await;
    assert_eq!(lab.cloud.things().into_keys().collect::<Vec<_>>(), before);
    assert!(
        lab.plan(Some(graph(&family(), &lab.cloud)))
            .await
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_that_somebody_else_took_is_refused_before_anything_is_changed() {
    let lab = Lab::new();
    lab.cloud.world.lock().unwrap().things.insert(
        Id::from("theirs"),
        crate::testing::Thing {
            kind: "toy.Name",
            spec: json!({"name": "n"}),
            owner: None,
            token: String::new(),
            settling: 0,
            phase: None,
        },
    );
    let declared = vec![("name", "toy.Name", json!({"name": "n"}))];
    let plan = lab.plan(Some(graph(&declared, &lab.cloud))).await;
    let said: Vec<String> = plan.refusals.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "`name` (toy.Name) would be created, but theirs already exists and has no platctl ownership tags"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_moved_resource_keeps_its_object_and_changes_its_tags() {
    let lab = Lab::new();
    lab.apply(graph(&family(), &lab.cloud)).await;
    let session = lab.session().await;
    session
        .rename(
            &Address::new("name").unwrap(),
            &Address::new("renamed").unwrap(),
        )
        .await
        .unwrap();
    session.finish().await.unwrap();
    drop(session);
    let mut declared = family();
    declared[2].0 = "renamed";
    let plan = lab.plan(Some(graph(&declared, &lab.cloud))).await;
    let counts = plan.counts();
    assert_eq!(
        (counts.add, counts.change, counts.destroy),
        (0, 1, 0),
        "{plan:#?}"
    );
    lab.apply(graph(&declared, &lab.cloud)).await;
    let owners: Vec<_> = lab
        .cloud
        .things()
        .into_values()
        .filter_map(|thing| thing.owner)
        .collect();
    assert!(owners.iter().any(|owner| owner.address == "renamed"));
}

#[tokio::test(start_paused = true)]
async fn an_invalid_value_is_refused_by_the_plan() {
    let lab = Lab::new();
    let plan = lab
        .plan(Some(graph(
            &[("a", "toy.Tags", json!({"size": 0}))],
            &lab.cloud,
        )))
        .await;
    let said: Vec<String> = plan.refusals.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["`a` (toy.Tags): `/size` must be above zero"]);
}

#[tokio::test(start_paused = true)]
async fn protected_data_is_neither_replaced_nor_destroyed_unasked() {
    let lab = Lab::new();
    let declared = |color: &str| {
        vec![(
            "n",
            "toy.Name",
            json!({"name": "n", "color": color, "protect": true}),
        )]
    };
    lab.apply(graph(&declared("red"), &lab.cloud)).await;
    let plan = lab.plan(Some(graph(&declared("blue"), &lab.cloud))).await;
    assert_eq!(
        plan.step("n").unwrap().action,
        Action::Replace(Replace::DeleteFirst)
    );
    assert_eq!(plan.refusals.len(), 1);
    assert_eq!(lab.plan(None).await.refusals.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_remembered_as_a_fingerprint_and_sent_again_when_it_changes() {
    let lab = Lab::new();
    let declared = |secret: &str| vec![("n", "toy.Tags", json!({"size": 1, "secret": secret}))];
    lab.apply(graph(&declared("hunter2"), &lab.cloud)).await;
    for file in std::fs::read_dir(lab.folder.path()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("hunter2"));
    }
    assert!(
        lab.plan(Some(graph(&declared("hunter2"), &lab.cloud)))
            .await
            .is_empty()
    );
    let plan = lab
        .plan(Some(graph(&declared("changed"), &lab.cloud)))
        .await;
    assert!(plan.step("n").unwrap().changes[0].sensitive);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_content_with_accepted_waits_until_its_output_is_known() {
    let lab = Lab::new();
    lab.cloud.world.lock().unwrap().settle = 4;
    lab.cloud.world.lock().unwrap().late = true;
    let declared = [
        ("pending", "toy.Token", json!({"size": 1})),
        (
            "record",
            "toy.Tags",
            json!({"size": 1, "hint": {"$ref": "pending.early"}}),
        ),
    ];
    lab.apply(graph(&declared, &lab.cloud)).await;
    let things = lab.cloud.things();
    let record = things
        .values()
        .find(|thing| thing.kind == "toy.Tags")
        .unwrap();
    assert!(record.spec["hint"].as_str().unwrap().starts_with("early-"));
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_says_what_keeps_it() {
    let lab = Lab::new();
    lab.cloud.world.lock().unwrap().settle = u32::MAX;
    let outcome = lab
        .run(Some(graph(&[("one", "toy.Tags", json!({}))], &lab.cloud)))
        .await
        .unwrap();
    let (_, error) = &outcome.failed[0];
    assert!(
        error.to_string().contains("; it is a toy after "),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_is_known_to_refuse_is_refused_by_the_plan() {
    let lab = Lab::new();
    let declared = |size: u32| vec![("n", "toy.Tags", json!({"size": size}))];
    lab.apply(graph(&declared(1), &lab.cloud)).await;
    let plan = lab.plan(Some(graph(&declared(13), &lab.cloud))).await;
    let said: Vec<String> = plan.refusals.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["`n` (toy.Tags): `/size` cannot be 13"]);
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_is_made_to_be_thrown_away_has_consented_in_its_file() {
    let lab = Lab::new();
    let declared = vec![("n", "toy.Name", json!({"name": "n", "ephemeral": true}))];
    lab.apply(graph(&declared, &lab.cloud)).await;
    assert_eq!(lab.plan(None).await.refusals, []);
}

#[tokio::test(start_paused = true)]
async fn consent_is_for_what_it_names() {
    let lab = Lab::new();
    let declared = |count: usize| {
        let all = [("a.one", "1"), ("a.two", "2"), ("ab", "3")];
        all[..count]
            .iter()
            .map(|(at, name)| (*at, "toy.Name", json!({"name": name})))
            .collect::<Vec<_>>()
    };
    lab.apply(graph(&declared(3), &lab.cloud)).await;
    let state = lab.store().read().await.unwrap().state;
    for (consent, left) in [
        (&[][..], 3),
        (&["a"][..], 1),
        (&["a.one", "ab"][..], 1),
        (&["all"][..], 0),
    ] {
        let data_loss = DataLoss(consent.iter().map(ToString::to_string).collect());
        let request = Request {
            data_loss: data_loss.clone(),
            ..Request::default()
        };
        let plan = prepare(request, state.clone(), &lab.cloud)
            .await
            .unwrap()
            .plan;
        assert_eq!(plan.refusals.len(), left, "{consent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_created_may_be_declared_as_another_kind() {
    let lab = Lab::new();
    let refused = [("one", "toy.Tags", json!({"parent": "nobody"}))];
    let outcome = lab.run(Some(graph(&refused, &lab.cloud))).await.unwrap();
    assert_eq!(outcome.failed.len(), 1);
    let declared = || graph(&[("one", "toy.Name", json!({"name": "n"}))], &lab.cloud);
    lab.apply(declared()).await;
    let state = lab.store().read().await.unwrap().state;
    assert_eq!(state.resources["one"].kind, "toy.Name");
    let plan = lab.plan(Some(declared())).await;
    assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
}
