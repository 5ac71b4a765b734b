//! Whose an object is: nothing of anybody else's is ever changed or deleted.

use std::time::Duration;

use serde_json::{Value, json};

use crate::execute::StepError;
use crate::observe::{Claims, ReadOptions, Stranger, Twin};
use crate::plan::{Action, Refusal};
use crate::recover::recover;
use crate::state::Holder;
use crate::testing::{Declared, Lab, Thing, graph};
use crate::{Address, Id, Owner};

fn one() -> Declared {
    vec![("one", "toy.Tags", json!({"size": 1}))]
}

fn plain(target: &str) -> Declared {
    vec![(
        "record",
        "toy.Plain",
        json!({"name": "www", "target": target}),
    )]
}

/// Somebody else's object.
fn theirs(lab: &Lab, kind: &'static str, spec: Value, owner: Option<Owner>) -> Id {
    let id = Id::from("theirs");
    let thing = Thing {
        kind,
        spec,
        owner,
        token: String::new(),
        settling: 0,
        phase: None,
    };
    lab.cloud
        .world
        .lock()
        .unwrap()
        .things
        .insert(id.clone(), thing);
    id
}

async fn refusals(lab: &Lab, declared: Option<&Declared>) -> Vec<Refusal> {
    lab.plan(declared.map(|declared| graph(declared, &lab.cloud)))
        .await
        .refusals
}

async fn owner(lab: &Lab, address: &str) -> Owner {
    lab.store()
        .read()
        .await
        .unwrap()
        .state
        .owner(&Address::new(address).unwrap(), 1)
}

/// Changes what state says of `one`.
async fn edit(lab: &Lab, change: impl FnOnce(&mut crate::state::State)) {
    let mut state = lab.store().read().await.unwrap().state;
    change(&mut state);
    state.serial += 1;
    state.write(&lab.folder.path().join("toys.json")).unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_id_of_somebody_elses_object_in_state_stops_everything() {
    type Edit = fn(&mut Owner);
    let others: [(Edit, &str); 4] = [
        (
            |owner| owner.stack = "others".into(),
            "belongs to `one` of stack `others`",
        ),
        (
            |owner| owner.address = "two".into(),
            "belongs to `two` of stack `toys`",
        ),
        (
            |owner| owner.region = Some("there".into()),
            "belongs to `one` of stack `toys` in there",
        ),
        (
            |owner| owner.lineage = Some("feed".into()),
            "belongs to `one` of stack `toys`, in another state (lineage feed)",
        ),
    ];
    for (change, said) in others {
        let lab = Lab {
            region: Some("here"),
            ..Lab::new()
        };
        lab.apply(graph(&one(), &lab.cloud)).await;
        let mut whose = owner(&lab, "one").await;
        change(&mut whose);
        let id = theirs(&lab, "toy.Tags", json!({"size": 9}), Some(whose));
        edit(&lab, |state| {
            state
                .resources
                .get_mut("one")
                .unwrap()
                .object
                .as_mut()
                .unwrap()
                .id = id
        })
        .await;
        let before = lab.cloud.things();
        for declared in [Some(&one()), Some(&Declared::new()), None] {
            let refused = refusals(&lab, declared).await;
            assert!(
                matches!(refused[..], [Refusal::NotOurs { .. }]),
                "{refused:?}"
            );
            let text = refused[0].to_string();
            assert!(
                text.contains(said) && text.contains("the state records theirs as `one`"),
                "{text}"
            );
        }
        assert_eq!(format!("{before:?}"), format!("{:?}", lab.cloud.things()));
    }
}

#[tokio::test(start_paused = true)]
async fn tags_that_are_lost_or_of_an_older_platctl_are_completed() {
    let cuts: [fn(&mut Option<Owner>); 2] = [
        |owner| *owner = None,
        |owner| {
            let old = owner.take().unwrap();
            *owner = Some(Owner {
                region: None,
                lineage: None,
                ..old
            });
        },
    ];
    for cut in cuts {
        let lab = Lab {
            region: Some("here"),
            ..Lab::new()
        };
        lab.apply(graph(&one(), &lab.cloud)).await;
        lab.cloud
            .world
            .lock()
            .unwrap()
            .things
            .values_mut()
            .for_each(|thing| cut(&mut thing.owner));
        let plan = lab.plan(Some(graph(&one(), &lab.cloud))).await;
        assert_eq!(plan.step("one").unwrap().action, Action::Update);
        lab.apply(graph(&one(), &lab.cloud)).await;
        let things = lab.cloud.things();
        assert_eq!(
            things.values().next().unwrap().owner,
            Some(owner(&lab, "one").await)
        );
        assert!(lab.plan(Some(graph(&one(), &lab.cloud))).await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_state_of_the_stack_is_told_apart_and_recover_takes_a_lost_one_over() {
    let lab = Lab {
        region: Some("here"),
        ..Lab::new()
    };
    lab.apply(graph(&one(), &lab.cloud)).await;
    let second = lab.another();
    let refused = refusals(&second, Some(&one())).await;
    assert!(
        matches!(
            &refused[..],
            [Refusal::Foreign {
                stranger: Stranger::OtherState,
                ..
            }]
        ),
        "{refused:?}"
    );

    let session = second
        .store()
        .open(&Holder::here("state recover"), Duration::ZERO)
        .await
        .unwrap();
    session.set_region("here");
    let options = ReadOptions::default();
    let found = recover(
        &graph(&one(), &second.cloud),
        &session,
        &second.cloud,
        options,
    )
    .await
    .unwrap();
    assert_eq!((found.found.len(), found.refusals), (1, Vec::new()));
    session.finish().await.unwrap();
    drop(session);
    assert_eq!(refusals(&second, Some(&one())).await, []);
    second.apply(graph(&one(), &second.cloud)).await;
    assert_eq!(
        lab.cloud.things().values().next().unwrap().owner,
        Some(owner(&second, "one").await)
    );
    assert!(
        second
            .plan(Some(graph(&one(), &second.cloud)))
            .await
            .is_empty()
    );
    // The state that was taken for lost is the stranger now.
    assert!(matches!(
        refusals(&lab, None).await[..],
        [Refusal::NotOurs { .. }]
    ));
}

#[tokio::test(start_paused = true)]
async fn one_name_in_two_regions_is_two_stacks() {
    let lab = Lab {
        region: Some("here"),
        ..Lab::new()
    };
    lab.apply(graph(&one(), &lab.cloud)).await;
    let second = Lab {
        region: Some("there"),
        ..lab.another()
    };
    second.apply(graph(&one(), &second.cloud)).await;
    assert_eq!(lab.cloud.things().len(), 2);
    second.destroy().await;
    assert!(lab.plan(Some(graph(&one(), &lab.cloud))).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_name_alone_makes_nothing_ours() {
    let lab = Lab::new();
    theirs(
        &lab,
        "toy.Plain",
        json!({"name": "www", "target": "theirs"}),
        None,
    );
    let refused = refusals(&lab, Some(&plain("ours"))).await;
    assert!(
        matches!(
            &refused[..],
            [Refusal::Foreign {
                stranger: Stranger::Unowned,
                ..
            }]
        ),
        "{refused:?}"
    );
    let recovered = async |claims| {
        let session = lab.session().await;
        let options = ReadOptions {
            claims,
            ..ReadOptions::default()
        };
        let recovered = recover(
            &graph(&plain("ours"), &lab.cloud),
            &session,
            &lab.cloud,
            options,
        )
        .await
        .unwrap();
        session.finish().await.unwrap();
        recovered
    };
    let asked = recovered(Claims::Lost).await;
    assert_eq!(
        (asked.found.len(), asked.by_name.len(), asked.refusals.len()),
        (0, 1, 0)
    );
    assert_eq!(recovered(Claims::ByName).await.found.len(), 1);
    lab.apply(graph(&plain("ours"), &lab.cloud)).await;
    assert_eq!(
        lab.cloud.things()[&Id::from("theirs")].spec["target"],
        "ours"
    );
}

#[tokio::test(start_paused = true)]
async fn what_lives_in_ours_is_ours() {
    let declared = || -> Declared {
        let child = json!({"name": "route", "parent": {"$ref": "one.id"}, "target": "ours"});
        [one(), vec![("route", "toy.Plain", child)]].concat()
    };
    let lab = Lab::new();
    lab.apply(graph(&one(), &lab.cloud)).await;
    let home = lab.cloud.things().keys().next().unwrap().clone();
    theirs(
        &lab,
        "toy.Plain",
        json!({"name": "route", "parent": home, "target": "theirs"}),
        None,
    );
    lab.apply(graph(&declared(), &lab.cloud)).await;
    assert_eq!(lab.cloud.things().len(), 2);
    // Of that name, but in somebody else's home.
    let lab = Lab::new();
    lab.apply(graph(&one(), &lab.cloud)).await;
    theirs(
        &lab,
        "toy.Plain",
        json!({"name": "route", "parent": "elsewhere", "target": "theirs"}),
        None,
    );
    let refused = refusals(&lab, Some(&declared())).await;
    assert!(
        matches!(&refused[..], [Refusal::Foreign { .. }]),
        "{refused:?}"
    );
}

/// Somebody else is faster: between the plan and the creation.
#[tokio::test(start_paused = true)]
async fn what_comes_to_be_between_plan_and_creation_is_not_taken() {
    let lab = Lab::new();
    // Not there when the plan is made: its name is known once the first one is ready.
    let declared: Declared = vec![
        ("one", "toy.Tags", json!({"size": 1})),
        (
            "record",
            "toy.Plain",
            json!({"name": {"$ref": "one.id"}, "target": "ours"}),
        ),
    ];
    theirs(
        &lab,
        "toy.Plain",
        json!({"name": "toy.Tags-1", "target": "theirs"}),
        None,
    );
    let outcome = lab.run(Some(graph(&declared, &lab.cloud))).await.unwrap();
    assert!(
        matches!(&outcome.failed[..], [(_, StepError::Foreign { .. })]),
        "{outcome:?}"
    );
    assert_eq!(
        lab.cloud.things()[&Id::from("theirs")].spec["target"],
        "theirs"
    );
    let state = lab.store().read().await.unwrap().state;
    assert!(
        state.resources["record"].is_empty(),
        "nothing of it is remembered"
    );
}

#[tokio::test(start_paused = true)]
async fn what_leads_elsewhere_is_left_alone() {
    for (target, stays) in [("theirs", true), ("ours", false)] {
        let lab = Lab::new();
        lab.apply(graph(&plain("ours"), &lab.cloud)).await;
        lab.cloud
            .world
            .lock()
            .unwrap()
            .things
            .values_mut()
            .for_each(|thing| thing.spec["target"] = json!(target));
        let plan = lab.plan(None).await;
        assert_eq!(
            (
                plan.step("record").unwrap().is_left_alone(),
                plan.counts().destroy
            ),
            (stays, usize::from(!stays))
        );
        let outcome = lab.run(None).await.unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
        assert_eq!(
            (outcome.left.len(), lab.cloud.things().len()),
            (usize::from(stays), usize::from(stays))
        );
        assert!(lab.store().read().await.unwrap().state.resources.is_empty());
    }
}

/// What an update has made of it before its answer was lost is what it was made to be.
#[tokio::test(start_paused = true)]
async fn an_update_that_was_cut_off_does_not_make_it_somebody_elses() {
    use crate::testing::{Fault, When};
    for when in [When::Before, When::After] {
        let lab = Lab::new();
        lab.apply(graph(&plain("ours"), &lab.cloud)).await;
        lab.fault(1, when, Fault::Hang);
        assert!(
            lab.run(Some(graph(&plain("ours, too"), &lab.cloud)))
                .await
                .is_none()
        );
        lab.calm();
        lab.destroy().await;
        assert_eq!(lab.cloud.shape(), Vec::<String>::new(), "{when:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_all_stacks_share_is_made_where_it_is_missing_and_never_deleted() {
    let declared: Declared = vec![("role", "toy.Shared", json!({"name": "role"}))];
    for there in [false, true] {
        let lab = Lab::new();
        if there {
            theirs(&lab, "toy.Shared", json!({"name": "role"}), None);
        }
        lab.apply(graph(&declared, &lab.cloud)).await;
        assert!(
            lab.plan(Some(graph(&declared, &lab.cloud)))
                .await
                .is_empty()
        );
        let outcome = lab.run(None).await.unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
        assert_eq!((outcome.left.len(), lab.cloud.things().len()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rename_with_a_typo_does_not_delete_what_it_renamed() {
    let declared: Declared = vec![("one", "toy.Name", json!({"name": "n"}))];
    let lab = Lab::new();
    lab.apply(graph(&declared, &lab.cloud)).await;
    let session = lab.session().await;
    session
        .rename(
            &Address::new("one").unwrap(),
            &Address::new("onne").unwrap(),
        )
        .await
        .unwrap();
    session.finish().await.unwrap();
    drop(session);
    let refused = refusals(&lab, Some(&declared)).await;
    let Some(Refusal::Twice {
        address,
        other,
        twin: Twin::Found,
        ..
    }) = refused.first()
    else {
        panic!("{refused:?}")
    };
    assert_eq!((address.as_str(), other.as_str()), ("one", "onne"));
}

#[tokio::test(start_paused = true)]
async fn a_rename_makes_room_for_another_one_of_the_old_address() {
    let lab = Lab::new();
    lab.apply(graph(&one(), &lab.cloud)).await;
    let session = lab.session().await;
    session
        .rename(
            &Address::new("one").unwrap(),
            &Address::new("first").unwrap(),
        )
        .await
        .unwrap();
    session.finish().await.unwrap();
    drop(session);
    let declared: Declared = [one(), vec![("first", "toy.Tags", json!({"size": 1}))]].concat();
    lab.apply(graph(&declared, &lab.cloud)).await;
    assert_eq!(lab.cloud.things().len(), 2);
    assert!(
        lab.plan(Some(graph(&declared, &lab.cloud)))
            .await
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn one_object_is_not_declared_twice() {
    let declared: Declared = vec![
        ("one", "toy.Plain", json!({"name": "n", "target": "a"})),
        ("two", "toy.Plain", json!({"name": "n", "target": "b"})),
    ];
    let lab = Lab::new();
    let refused = refusals(&lab, Some(&declared)).await;
    assert!(
        matches!(
            &refused[..],
            [Refusal::Twice {
                twin: Twin::Both,
                ..
            }]
        ),
        "{refused:?}"
    );
    // Nor is it when the one is there already.
    lab.apply(graph(&declared[..1], &lab.cloud)).await;
    let refused = refusals(&lab, Some(&declared)).await;
    assert!(
        matches!(
            &refused[..],
            [Refusal::Twice {
                twin: Twin::Found,
                ..
            }]
        ),
        "{refused:?}"
    );
    // Nor by a state that was edited.
    edit(&lab, |state| {
        let record = state.resources["one"].clone();
        state.resources.insert(Address::new("two").unwrap(), record);
    })
    .await;
    assert!(matches!(
        refusals(&lab, None).await[..],
        [Refusal::Twice {
            twin: Twin::Known,
            ..
        }]
    ));
}
