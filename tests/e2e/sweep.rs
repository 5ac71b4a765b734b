//! What is left in AWS is found by its tags, whatever state says, and deleted by name only.

use serde_json::Value;

use crate::world::World;

const STACK: &str = "stack: one\nregion: eu-west-1\nresources:\n  vpc: {kind: ec2.Vpc, cidr_block: 10.1.0.0/16}\n  \
    key: {kind: kms.Key}\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_no_state_knows_is_found_and_deleted_by_name() {
    let world = World::new();
    world.file("one.yaml", STACK);
    world.platctl("apply one.yaml --yes").expect(0);
    let output = |name: &str| {
        let ended = world.platctl(&format!("output one {name}")).expect(0);
        ended.stdout.trim().to_owned()
    };
    let vpc = output("vpc.vpc_id");
    // The state knows both.
    world.platctl("sweep --region eu-west-1").expect(0);
    world.platctl("state rm one vpc").expect(0);
    let found = world.platctl("sweep --region eu-west-1").expect(2);
    assert!(
        found.stdout.contains(&format!(
            "ec2.Vpc  {vpc}  (eu-west-1; `vpc` of stack `one`)"
        )),
        "{}",
        found.stdout
    );
    world.control().clear_calls().unwrap();
    world
        .platctl("sweep --region eu-west-1 --delete vpc-0 --yes")
        .expect(1);
    assert_eq!(world.mutations(), 0);

    // A destroy that does not know of it says so.
    let ended = world
        .platctl("destroy one --yes --allow-data-loss key --json")
        .expect(2);
    let receipt = receipt(&ended.stdout);
    let key = &receipt["scheduled"][0];
    assert!(
        key["cancel"]
            .as_str()
            .is_some_and(|command| command.starts_with("aws kms cancel-key-deletion")),
        "{receipt}"
    );
    assert_eq!(
        receipt["deleted"].as_array().map(Vec::len),
        Some(0),
        "{receipt}"
    );
    assert_eq!(receipt["sweep"]["still_there"][0]["id"], vpc, "{receipt}");

    let ended = world
        .platctl(&format!("sweep --region eu-west-1 --delete {vpc} --yes"))
        .expect(0);
    assert!(
        ended
            .stdout
            .contains(&format!("Deleted (verified):\n  vpc  {vpc}\n")),
        "{}",
        ended.stdout
    );
    let ended = world.platctl("sweep --region eu-west-1").expect(0);
    assert!(
        ended.stdout.contains("Nothing was found"),
        "{}",
        ended.stdout
    );
}

fn receipt(stdout: &str) -> Value {
    let mut lines = stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find(|line| line["type"] == "receipt").unwrap()
}
