//! What programs in a cluster have made in AWS goes with the cluster, and what others have made stays.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use serde_json::json;

use crate::world::World;

/// A cluster with nodes and an API server that can be reached, and nothing else.
const STACK: &str = "stack: one\nregion: eu-west-1\nttl: 8h\n\
    network: {availability_zones: 2, nat: none, endpoints: [], flow_logs: false}\n\
    cluster: {endpoint: public, public_cidrs: [203.0.113.0/24], log_days: 1, node_groups: {general: {instance_types: [m6i.large], min: 1, max: 2}}}\n";

fn tags(kind: ResourceType, list: &[(&str, &str)]) -> TagSpecification {
    let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build();
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(list.iter().map(tag).collect()))
        .build()
}

/// Things that look like those of the cluster and are not: of a cluster of a similar name, and of nobody.
async fn strangers(world: &World) -> Vec<String> {
    let ec2 = world.ec2();
    let vpcs = ec2
        .create_vpc()
        .cidr_block("10.99.0.0/16")
        .send()
        .await
        .unwrap();
    let vpc = vpcs.vpc().and_then(|vpc| vpc.vpc_id()).unwrap().to_owned();
    let mut ids = Vec::new();
    for (name, cluster) in [
        ("k8s-web-other-1", "one-cluster-2"),
        ("k8s-web-other-2", "one"),
    ] {
        let specification = tags(
            ResourceType::SecurityGroup,
            &[("elbv2.k8s.aws/cluster", cluster)],
        );
        let made = ec2
            .create_security_group()
            .group_name(name)
            .description("theirs")
            .vpc_id(&vpc)
            .tag_specifications(specification);
        ids.push(made.send().await.unwrap().group_id.unwrap());
    }
    let specification = tags(
        ResourceType::Volume,
        &[
            ("kubernetes.io/cluster/one-cluster-2", "owned"),
            ("ebs.csi.aws.com/cluster", "true"),
        ],
    );
    let volume = ec2
        .create_volume()
        .availability_zone("eu-west-1a")
        .size(1)
        .tag_specifications(specification);
    ids.push(volume.send().await.unwrap().volume_id.unwrap());
    ids
}

async fn still_there(world: &World, ids: &[String]) -> usize {
    let ec2 = world.ec2();
    let with = |name: &str| {
        Filter::builder()
            .name(name)
            .set_values(Some(ids.to_vec()))
            .build()
    };
    let groups = ec2.describe_security_groups().filters(with("group-id"));
    let volumes = ec2.describe_volumes().filters(with("volume-id"));
    let groups = groups.send().await.unwrap().security_groups().len();
    groups + volumes.send().await.unwrap().volumes().len()
}

/// All that there is, but for roles that AWS makes for its services: they are the account's.
fn inventory(world: &World) -> BTreeMap<String, usize> {
    let mut found = world.control().inventory().unwrap();
    found.retain(|kind, _| !kind.starts_with("iam:"));
    found
}

async fn goes_with_its_cluster(denied: bool) {
    let world = World::new();
    world.file("one.yaml", STACK);
    let theirs = strangers(&world).await;
    let before = inventory(&world);
    world.platctl("apply one.yaml --yes").expect(0);
    let made = world
        .control()
        .controllers(&json!({"cluster": "one-cluster", "denied": denied}))
        .unwrap();
    let ended = world.platctl("destroy one --yes").expect(0);
    assert_eq!(inventory(&world), before, "{}", ended.stdout);
    assert_eq!(still_there(&world, &theirs).await, theirs.len());
    let named = made["instance"].as_str().unwrap();
    if denied {
        assert!(
            ended.stdout.contains("could not be told"),
            "{}",
            ended.stdout
        );
        assert!(ended.stdout.contains(named), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn what_controllers_made_goes_with_their_cluster() {
    goes_with_its_cluster(false).await;
}

#[tokio::test]
async fn what_controllers_made_goes_although_nobody_gets_into_the_cluster() {
    goes_with_its_cluster(true).await;
}

/// Only the cluster knows which volumes are to stay.
#[tokio::test]
async fn a_retained_volume_stays_although_its_cluster_goes() {
    let world = World::new();
    world.file("one.yaml", STACK);
    world.platctl("apply one.yaml --yes").expect(0);
    let made = world
        .control()
        .controllers(&json!({"cluster": "one-cluster", "retains": true}))
        .unwrap();
    let ended = world.platctl("destroy one --yes").expect(0);
    let volume = made["volume"].as_str().unwrap().to_owned();
    let kept = ended.stdout.split("kept on purpose:\n").nth(1);
    assert!(
        kept.is_some_and(|kept| kept.contains(&volume)),
        "{}",
        ended.stdout
    );
    assert_eq!(still_there(&world, &[volume]).await, 1);
}
