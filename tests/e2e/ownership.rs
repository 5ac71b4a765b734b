//! Whose an object is: nothing of anybody else's is changed or deleted, whatever its name and whatever state says.

use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use platctl_engine::state::State;

use crate::world::World;

const NAME: &str = "www.example.com";

#[tokio::main(flavor = "current_thread")]
async fn zone(world: &World) -> String {
    let call = world
        .route53()
        .create_hosted_zone()
        .name("example.com")
        .caller_reference("somebody");
    let zone = call.send().await.unwrap().hosted_zone.unwrap().id;
    zone.trim_start_matches("/hostedzone/").to_owned()
}

/// Somebody else writes the record.
#[tokio::main(flavor = "current_thread")]
async fn write(world: &World, zone: &str, action: ChangeAction, value: &str) {
    let value = ResourceRecord::builder().value(value).build().unwrap();
    let record = ResourceRecordSet::builder()
        .name(NAME)
        .r#type(RrType::A)
        .ttl(60)
        .resource_records(value);
    let change = Change::builder()
        .action(action)
        .resource_record_set(record.build().unwrap())
        .build()
        .unwrap();
    let batch = ChangeBatch::builder().changes(change).build().unwrap();
    world
        .route53()
        .change_resource_record_sets()
        .hosted_zone_id(zone)
        .change_batch(batch)
        .send()
        .await
        .unwrap();
}

/// Where the name leads.
#[tokio::main(flavor = "current_thread")]
async fn leads(world: &World, zone: &str) -> Option<String> {
    let answer = world
        .route53()
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .send()
        .await
        .unwrap();
    let record = answer
        .resource_record_sets()
        .iter()
        .find(|record| record.name().starts_with(NAME))?;
    Some(record.resource_records()[0].value().to_owned())
}

fn record(stack: &str, zone: &str, value: &str) -> String {
    format!(
        "stack: {stack}\nregion: eu-west-1\nresources:\n  www:\n    kind: route53.RecordSet\n    hosted_zone_id: {zone}\n    \
         name: {NAME}\n    type: A\n    ttl: 300\n    records: [{value}]\n"
    )
}

fn one(stack: &str, region: &str, kind: &str, rest: &str) -> String {
    format!("stack: {stack}\nregion: {region}\nresources:\n  thing: {{kind: {kind}, {rest}}}\n")
}

/// What state says of a stack, changed.
fn edit(world: &World, stack: &str, change: impl FnOnce(&mut State)) {
    let path = world.path().join(format!("state/emulator/{stack}.json"));
    let mut state = State::read(&path, stack).unwrap().unwrap();
    change(&mut state);
    state.serial += 1;
    state.write(&path).unwrap();
}

#[test]
fn somebody_elses_record_is_never_taken_over_by_its_name() {
    let world = World::new();
    let zone = zone(&world);
    write(&world, &zone, ChangeAction::Create, "192.0.2.1");
    world.file("mine.yaml", &record("mine", &zone, "192.0.2.2"));
    let command = format!("platctl import mine.yaml www {zone}_{NAME}_A");
    for line in ["plan mine.yaml", "apply mine.yaml --yes"] {
        let ended = world.platctl(line).expect(1);
        assert!(ended.stderr.contains(&command), "{}", ended.stderr);
    }
    assert_eq!(leads(&world, &zone).as_deref(), Some("192.0.2.1"));

    // Said by name, it is.
    world
        .platctl(command.trim_start_matches("platctl "))
        .expect(0);
    world.platctl("apply mine.yaml --yes").expect(0);
    assert_eq!(leads(&world, &zone).as_deref(), Some("192.0.2.2"));
    // Until somebody else has it lead elsewhere.
    write(&world, &zone, ChangeAction::Upsert, "192.0.2.3");
    let ended = world.platctl("destroy mine --yes").expect(0);
    assert!(
        ended.stdout.contains("Not ours, left alone:\n  www  ")
            && ended.stdout.contains("points elsewhere"),
        "{}",
        ended.stdout
    );
    assert_eq!(leads(&world, &zone).as_deref(), Some("192.0.2.3"));
}

#[test]
fn two_stacks_of_one_domain_do_not_take_its_records_from_each_other() {
    let world = World::new();
    let zone = zone(&world);
    world.file("old.yaml", &record("old", &zone, "192.0.2.1"));
    world.file("new.yaml", &record("new", &zone, "192.0.2.2"));
    world.platctl("apply old.yaml --yes").expect(0);
    let ended = world.platctl("apply new.yaml --yes").expect(1);
    assert!(
        ended.stderr.contains("platctl import new.yaml www"),
        "{}",
        ended.stderr
    );
    // The new one takes it over in so many words; then the old one is retired.
    world
        .platctl(&format!("import new.yaml www {zone}_{NAME}_A"))
        .expect(0);
    world.platctl("apply new.yaml --yes").expect(0);
    world.platctl("destroy old --yes").expect(0);
    assert_eq!(leads(&world, &zone).as_deref(), Some("192.0.2.2"));
    assert!(
        world
            .platctl("plan new.yaml")
            .expect(0)
            .stdout
            .contains("No changes.")
    );
    world.platctl("destroy new --yes").expect(0);
    assert_eq!(leads(&world, &zone), None);
}

#[test]
fn a_zone_that_is_not_there_is_said_by_the_plan() {
    let world = World::new();
    world.file(
        "mine.yaml",
        &record("mine", "Z0123456789ABCDEFGHIJ", "192.0.2.2"),
    );
    let ended = world.platctl("plan mine.yaml").expect(1);
    assert!(
        ended.stderr.contains("Z0123456789ABCDEFGHIJ") && ended.stderr.contains("edge.zone"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_id_of_another_stacks_key_in_state_stops_plan_apply_and_destroy() {
    let world = World::new();
    let key = |stack: &str| one(stack, "eu-west-1", "kms.Key", "description: keeps");
    for stack in ["bank", "mine"] {
        world.file(&format!("{stack}.yaml"), &key(stack));
        world
            .platctl(&format!("apply {stack}.yaml --yes"))
            .expect(0);
    }
    let path = world.path().join("state/emulator/bank.json");
    let theirs = State::read(&path, "bank").unwrap().unwrap().resources["thing"]
        .object
        .clone()
        .unwrap()
        .id;
    edit(&world, "mine", |state| {
        state
            .resources
            .get_mut("thing")
            .unwrap()
            .object
            .as_mut()
            .unwrap()
            .id = theirs.clone();
    });
    world.control().clear_calls().unwrap();
    for line in [
        "plan mine.yaml",
        "apply mine.yaml --yes",
        "destroy mine --yes --allow-data-loss all",
    ] {
        let ended = world.platctl(line).expect(1);
        let said = [
            "`thing` of stack `bank`",
            theirs.as_str(),
            "platctl state rm",
        ];
        assert!(
            said.iter().all(|said| ended.stderr.contains(said)),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(world.mutations(), 0);
}

#[test]
fn a_region_that_changes_is_refused_and_one_name_in_two_regions_is_two_stacks() {
    let world = World::new();
    let group = |region: &str| one("shop", region, "logs.LogGroup", "log_group_name: /shop/web");
    world.file("shop.yaml", &group("eu-west-1"));
    world.platctl("apply shop.yaml --yes").expect(0);
    world.file("shop.yaml", &group("eu-central-1"));
    world.control().clear_calls().unwrap();
    for line in ["plan shop.yaml", "apply shop.yaml --yes"] {
        let ended = world.platctl(line).expect(1);
        assert!(
            ended.stderr.contains("this stack is deployed in eu-west-1"),
            "{}",
            ended.stderr
        );
    }
    world.file(
        "shop.yaml",
        &group("eu-west-1").replace("region: eu-west-1\n", ""),
    );
    let ended = world
        .platctl("plan shop.yaml --region eu-central-1")
        .expect(1);
    assert!(
        ended.stderr.contains("this stack is deployed in eu-west-1"),
        "{}",
        ended.stderr
    );
    assert_eq!(world.mutations(), 0);
    // An older platctl did not note the region.
    edit(&world, "shop", |state| state.region = None);
    world
        .platctl("plan shop.yaml --region eu-central-1")
        .expect(1);
    assert!(
        world
            .platctl("plan shop.yaml --region eu-west-1")
            .expect(0)
            .stdout
            .contains("No changes.")
    );

    world.file(
        "second.yaml",
        &one("shop", "eu-central-1", "iam.Role", TRUST),
    );
    world.file("first.yaml", &one("shop", "eu-west-1", "iam.Role", TRUST));
    world
        .platctl("apply second.yaml --yes --state second")
        .expect(0);
    let ended = world.platctl("plan first.yaml --state first").expect(1);
    assert!(
        ended
            .stderr
            .contains("`thing` of stack `shop` in eu-central-1"),
        "{}",
        ended.stderr
    );
}

const TRUST: &str = "role_name: shop-web, assume_role_policy_document: {Version: \"2012-10-17\", Statement: [{Effect: Allow, \
                     Principal: {Service: ec2.amazonaws.com}, Action: \"sts:AssumeRole\"}]}";

#[test]
fn a_second_state_of_one_stack_touches_nothing_of_the_first() {
    let world = World::new();
    world.network(&[]);
    world.platctl("apply network.yaml --yes").expect(0);
    world.control().clear_calls().unwrap();
    for line in [
        "plan network.yaml --state other",
        "apply network.yaml --yes --state other",
    ] {
        let ended = world.platctl(line).expect(1);
        assert!(
            ended.stderr.contains("in another state (lineage "),
            "{}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains("platctl state recover network.yaml"),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(world.mutations(), 0);
    world
        .platctl("state recover network.yaml --state other")
        .expect(0);
    world
        .platctl("apply network.yaml --yes --state other")
        .expect(0);
    assert!(
        world
            .platctl("plan network.yaml --state other")
            .expect(0)
            .stdout
            .contains("No changes.")
    );
    let ended = world.platctl("destroy network --yes").expect(1);
    assert!(
        ended.stderr.contains("in another state"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_log_group_that_was_renamed_with_a_typo_is_not_deleted() {
    let world = World::new();
    world.file(
        "logs.yaml",
        &one("logs", "eu-west-1", "logs.LogGroup", "log_group_name: /web"),
    );
    world.platctl("apply logs.yaml --yes").expect(0);
    world.platctl("state mv logs.yaml thing thign").expect(0);
    world.control().clear_calls().unwrap();
    let ended = world.platctl("apply logs.yaml --yes").expect(1);
    assert!(
        ended
            .stderr
            .contains("platctl state mv logs.yaml thign thing"),
        "{}",
        ended.stderr
    );
    assert_eq!(world.mutations(), 0);
    world.platctl("state mv logs.yaml thign thing").expect(0);
    assert!(
        world
            .platctl("plan logs.yaml")
            .expect(0)
            .stdout
            .contains("No changes.")
    );
}

#[test]
fn an_import_that_contradicts_the_declared_name_is_refused() {
    let world = World::new();
    world.file(
        "a.yaml",
        &one("a", "eu-west-1", "logs.LogGroup", "log_group_name: /a"),
    );
    world.platctl("apply a.yaml --yes").expect(0);
    world.platctl("state rm a thing").expect(0);
    world.file(
        "a.yaml",
        &one("a", "eu-west-1", "logs.LogGroup", "log_group_name: /b"),
    );
    let ended = world.platctl("import a.yaml thing /a").expect(1);
    assert!(
        ended.stderr.contains("\"/a\", but `thing` declares \"/b\""),
        "{}",
        ended.stderr
    );
}
