//! A network's life: made, changed, put right, destroyed.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, NatGatewayState, RouteState};

use crate::inventory::Inventory;
use crate::world::World;

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

const NO_CHANGES: &str = "No changes. AWS matches the stack file";

#[tokio::test]
async fn the_whole_network_is_made_and_stays() {
    let world = World::new();
    world.network(&[]);
    let ended = world.platctl("apply network.yaml --yes").expect(0);
    assert!(
        ended.stdout.contains("Apply complete. 46 created"),
        "{}",
        ended.stdout
    );
    let ended = world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
    assert!(ended.stdout.contains(NO_CHANGES), "{}", ended.stdout);

    let found = Inventory::of(&world).await;
    let counts: BTreeMap<_, _> = found
        .0
        .iter()
        .map(|(kind, lines)| (*kind, lines.len()))
        .collect();
    let wanted = BTreeMap::from([
        ("association", 9),
        ("elastic ip", 3),
        ("endpoint", 5),
        ("flow log", 1),
        ("internet gateway", 1),
        ("log group", 1),
        ("nat gateway", 3),
        ("role", 1),
        // One default route a table but the database's, and the five of the S3 endpoint.
        ("route", 9),
        ("route table", 5),
        ("rule", 1),
        ("security group", 1),
        ("subnet", 9),
        ("vpc", 1),
    ]);
    assert_eq!(counts, wanted, "{found:#?}");
    for line in found
        .0
        .values()
        .flatten()
        .filter(|line| line.contains('[') && !line.contains("flow-logs"))
    {
        assert!(
            line.contains("owner=platform-team") && line.contains("platctl:stack=network"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn every_private_subnet_leaves_through_its_own_zone() {
    let world = World::new();
    world.network(&[]);
    world.platctl("apply network.yaml --yes").expect(0);
    let ec2 = world.ec2();
    let gateways = ec2.describe_nat_gateways().send().await.unwrap();
    let subnets = ec2.describe_subnets().send().await.unwrap();
    let zone = |id: Option<&str>| {
        let subnet = subnets
            .subnets()
            .iter()
            .find(|subnet| subnet.subnet_id() == id)
            .unwrap();
        subnet.availability_zone().unwrap().to_owned()
    };
    let mut zones = Vec::new();
    for letter in ["a", "b", "c"] {
        let subnet = subnets.subnets().iter().find(|subnet| {
            let name = format!("network-private-{letter}");
            subnet
                .tags()
                .iter()
                .any(|tag| tag.key() == Some("Name") && tag.value() == Some(&name))
        });
        let subnet = subnet.unwrap().subnet_id();
        let tables = ec2
            .describe_route_tables()
            .filters(filter("association.subnet-id", subnet.unwrap()));
        let tables = tables.send().await.unwrap();
        let [table] = tables.route_tables() else {
            panic!("{tables:?}")
        };
        let routes: Vec<_> = table
            .routes()
            .iter()
            .filter(|r| r.destination_cidr_block() == Some("0.0.0.0/0"))
            .collect();
        let [route] = routes[..] else {
            panic!("{routes:?}")
        };
        assert_eq!(route.state(), Some(&RouteState::Active));
        let gateway = gateways
            .nat_gateways()
            .iter()
            .find(|nat| nat.nat_gateway_id() == route.nat_gateway_id());
        let gateway = gateway.unwrap();
        assert_eq!(gateway.state(), Some(&NatGatewayState::Available));
        assert_eq!(zone(gateway.subnet_id()), zone(subnet));
        zones.push(zone(subnet));
    }
    zones.dedup();
    assert_eq!(zones.len(), 3, "{zones:?}");
    // A hop over the internet gateway begins in a public subnet.
    for gateway in gateways.nat_gateways() {
        let subnet = subnets
            .subnets()
            .iter()
            .find(|s| s.subnet_id() == gateway.subnet_id())
            .unwrap();
        let name = subnet
            .tags()
            .iter()
            .find(|tag| tag.key() == Some("Name"))
            .unwrap()
            .value()
            .unwrap();
        assert!(name.starts_with("network-public-"), "{name}");
    }
}

/// The steps of a plan that do something: symbol and address.
fn steps(stdout: &str) -> Vec<String> {
    let symbols = ["+", "~", "-", "-/+", "+/-"];
    let step = |line: &str| {
        let mut words = line.split_whitespace();
        let (symbol, address) = (words.next()?, words.next()?);
        (symbols.contains(&symbol) && address.contains('.')).then(|| format!("{symbol} {address}"))
    };
    let mut steps: Vec<String> = stdout.lines().filter_map(step).collect();
    steps.sort();
    steps
}

/// Plans a change, compares its steps, applies it, and sees that nothing is left to do.
fn change(world: &World, set: &str, wanted: &[&str]) -> String {
    let plan = world
        .platctl(&format!("plan network.yaml --detailed-exitcode {set}"))
        .expect(2);
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    assert_eq!(steps(&plan.stdout), wanted, "{}", plan.stdout);
    world
        .platctl(&format!("apply network.yaml --yes {set}"))
        .expect(0);
    let after = world
        .platctl(&format!("plan network.yaml --detailed-exitcode {set}"))
        .expect(0);
    assert!(after.stdout.contains(NO_CHANGES), "{}", after.stdout);
    plan.stdout
}

#[tokio::test]
async fn changes_are_planned_exactly_and_applied() {
    let world = World::new();
    world.network(&[]);
    world.platctl("apply network.yaml --yes").expect(0);

    let plan = change(&world, "--set network.tags.team=net", &{
        let mut tagged: Vec<&str> = Vec::new();
        let ended = world
            .platctl("plan network.yaml --set network.tags.team=net")
            .expect(0);
        let found = steps(&ended.stdout);
        assert!(
            found.len() >= 30 && found.iter().all(|step| step.starts_with("~ ")),
            "{found:?}"
        );
        tagged.extend(found.iter().map(|step| &*step.clone().leak()));
        tagged
    });
    assert!(plan.contains("tags.team"), "{plan}");
    world.platctl("apply network.yaml --yes").expect(0);

    let endpoints = "--set network.endpoints=[s3,ecr.api,ecr.dkr,logs,kms]";
    change(
        &world,
        endpoints,
        &["+ network.endpoint.kms", "- network.endpoint.sts"],
    );
    world.platctl("apply network.yaml --yes").expect(0);

    let single = [
        "~ network.route.private.b",
        "~ network.route.private.c",
        "- network.nat.b",
        "- network.nat.c",
        "- network.eip.b",
        "- network.eip.c",
    ];
    change(&world, "--set network.nat=single", &single);
    world.platctl("apply network.yaml --yes").expect(0);

    // Ranges that are free: the new subnet is there before the old one goes.
    let cidrs = "--set network.subnets.private.cidrs=[10.10.0.0/19,10.10.32.0/19,10.10.128.0/20]";
    let moved = [
        "+/- network.private.c",
        "-/+ network.association.private.c",
        "~ network.endpoint.ecr-api",
        "~ network.endpoint.ecr-dkr",
        "~ network.endpoint.logs",
        "~ network.endpoint.sts",
    ];
    let plan = change(&world, cidrs, &moved);
    assert!(
        plan.contains(r#""10.10.64.0/19" → "10.10.128.0/20"  # forces replacement"#),
        "{plan}"
    );
}

#[tokio::test]
async fn a_rule_is_changed_in_place() {
    let world = World::new();
    let stack = |port: u16, text: &str| {
        format!(
            "stack: rules\nregion: eu-west-1\nresources:\n  vpc: {{kind: ec2.Vpc, cidr_block: 10.0.0.0/16}}\n  \
             group: {{kind: ec2.SecurityGroup, vpc_id: \"${{vpc.vpc_id}}\", group_name: web, description: Web}}\n  \
             rule: {{kind: ec2.SecurityGroupRule, group_id: \"${{group.group_id}}\", direction: ingress, \
             ip_protocol: tcp, from_port: {port}, to_port: {port}, cidr_ipv4: 10.0.0.0/8, description: {text}}}\n"
        )
    };
    world.file("rules.yaml", &stack(80, "web"));
    world.platctl("apply rules.yaml --yes").expect(0);
    world.file("rules.yaml", &stack(443, "tls"));
    let plan = world.platctl("plan rules.yaml").expect(0).stdout;
    assert_eq!(
        steps(&format!("{plan}~ x.y")),
        ["~ x.y"],
        "only the rule: {plan}"
    );
    assert!(plan.contains("~ rule  ec2.SecurityGroupRule"), "{plan}");
    assert!(
        plan.contains("from_port    80 → 443") && plan.contains(r#""web" → "tls""#),
        "{plan}"
    );
    world.platctl("apply rules.yaml --yes").expect(0);
    let rules = world
        .ec2()
        .describe_security_group_rules()
        .send()
        .await
        .unwrap();
    let ours: Vec<_> = rules
        .security_group_rules()
        .iter()
        .filter(|rule| rule.from_port() == Some(443))
        .collect();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours[0].description(), Some("tls"));
    world
        .platctl("plan rules.yaml --detailed-exitcode")
        .expect(0);
}

#[tokio::test]
async fn what_was_changed_or_deleted_behind_its_back_is_put_right() {
    let world = World::new();
    world.network(&[]);
    world.platctl("apply network.yaml --yes").expect(0);
    let before = Inventory::of(&world).await;
    let ec2 = world.ec2();
    let subnets = ec2
        .describe_subnets()
        .filters(filter("tag:Name", "network-private-a"))
        .send()
        .await
        .unwrap();
    let subnet = subnets.subnets()[0].subnet_id().unwrap().to_owned();
    let tag = aws_sdk_ec2::types::Tag::builder()
        .key("owner")
        .value("somebody")
        .build();
    ec2.create_tags()
        .resources(&subnet)
        .tags(tag)
        .send()
        .await
        .unwrap();
    let tables = ec2
        .describe_route_tables()
        .filters(filter("tag:Name", "network-route_table-private-b"));
    let tables = tables.send().await.unwrap();
    let table = tables.route_tables()[0].route_table_id().unwrap();
    let route = ec2
        .delete_route()
        .route_table_id(table)
        .destination_cidr_block("0.0.0.0/0");
    route.send().await.unwrap();
    let plan = world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(2)
        .stdout;
    assert_eq!(
        steps(&plan),
        ["+ network.route.private.b", "~ network.private.a"],
        "{plan}"
    );
    assert!(
        plan.contains(r#"tags.owner  "somebody" → "platform-team""#),
        "{plan}"
    );
    world.platctl("apply network.yaml --yes").expect(0);
    assert_eq!(Inventory::of(&world).await.differences(&before), [""; 0]);
}

#[tokio::test]
async fn destroy_leaves_nothing_and_says_so_the_second_time() {
    let world = World::new();
    world.network(&[]);
    world.platctl("apply network.yaml --yes").expect(0);
    assert!(Inventory::of(&world).await.count() > 40);
    // Only the name: the stack file may be gone.
    let ended = world.platctl("destroy network --yes").expect(0);
    assert!(ended.stdout.contains("46 deleted"), "{}", ended.stdout);
    assert_eq!(Inventory::of(&world).await, Inventory::default());
    let ended = world.platctl("destroy network.yaml --yes").expect(0);
    assert!(
        ended.stdout.contains("Nothing to delete"),
        "{}",
        ended.stdout
    );
    // Tokens of the first life are still known to AWS.
    world.platctl("apply network.yaml --yes").expect(0);
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
}

#[tokio::test]
async fn other_shapes_of_the_network_come_and_go() {
    let world = World::new();
    world.network(&[]);
    for set in [
        "--set network.nat=none --set network.flow_logs=false",
        "--set network.flow_logs.destination=s3",
        "--set network.flow_logs.encrypt=true --set network.availability_zones=2",
        "--set network.cidr=10.20.0.0/16 --set network.endpoints=[]",
    ] {
        // One of them ends the bucket of the flow logs.
        world
            .platctl(&format!(
                "apply network.yaml --yes --allow-data-loss network {set}"
            ))
            .expect(0);
        world
            .platctl(&format!("plan network.yaml --detailed-exitcode {set}"))
            .expect(0);
    }
    world.platctl("destroy network --yes").expect(0);
    assert_eq!(Inventory::of(&world).await, Inventory::default());
}

#[tokio::test]
async fn a_plan_without_changes_asks_once_for_each_kind() {
    let world = World::new();
    world.network(&[]);
    world.platctl("apply network.yaml --yes").expect(0);
    world.control().clear_calls().unwrap();
    world
        .platctl("plan network.yaml --detailed-exitcode")
        .expect(0);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for call in world.control().calls().unwrap() {
        *counts
            .entry(format!("{}:{}", call.service, call.operation))
            .or_default() += 1;
    }
    // Three kinds live in route tables, and two in the rules of security groups; a VPC has a default group.
    let wanted = [
        ("ec2:DescribeAddresses", 1),
        ("ec2:DescribeAvailabilityZones", 1),
        ("ec2:DescribeFlowLogs", 1),
        ("ec2:DescribeInternetGateways", 1),
        ("ec2:DescribeNatGateways", 1),
        ("ec2:DescribeRouteTables", 3),
        ("ec2:DescribeSecurityGroupRules", 2),
        ("ec2:DescribeSecurityGroups", 2),
        ("ec2:DescribeSubnets", 1),
        ("ec2:DescribeVpcAttribute", 1),
        ("ec2:DescribeVpcEndpoints", 1),
        ("ec2:DescribeVpcs", 1),
        ("iam:GetRole", 1),
        ("iam:GetRolePolicy", 1),
        ("logs:DescribeLogGroups", 1),
        ("logs:ListTagsForResource", 1),
        ("sts:GetCallerIdentity", 1),
    ];
    assert_eq!(
        counts,
        wanted.map(|(name, count)| (name.to_owned(), count)).into()
    );
}

/// What AWS says of a zone today is no reason to move out of it, also where the region has others.
#[test]
fn a_zone_that_is_impaired_moves_nothing() {
    for region in ["eu-west-1", "us-east-1"] {
        let world = World::new();
        world.network(&[("region: eu-west-1", &format!("region: {region}"))]);
        world.platctl("apply network.yaml --yes").expect(0);
        let zone = format!("{region}b");
        world
            .control()
            .profile(&serde_json::json!({"zones": {(zone): "impaired"}}))
            .unwrap();
        world
            .platctl("plan network.yaml --detailed-exitcode")
            .expect(0);
    }
}

/// A repository that gets another name is the same repository: what people committed is there, and what platctl writes
/// goes on under the new name.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_renamed_with_all_that_is_in_it() {
    let world = World::new();
    let write = |name: &str| {
        world.file(
            "code.yaml",
            &format!(
                "stack: code\nregion: eu-west-1\nresources:\n  \
                 repo: {{kind: codecommit.Repository, repository_name: {name}}}\n  \
                 files: {{kind: codecommit.Files, repository_name: '${{repo.repository_name}}', branch_name: main, \
                 files: {{README.md: hello}}}}\n"
            ),
        );
    };
    let repository = async |name: &str| {
        let call = world.codecommit().get_repository().repository_name(name);
        let found = call.send().await.ok()?.repository_metadata;
        found?.repository_id
    };
    write("old");
    world.platctl("apply code.yaml --yes").expect(0);
    let before = repository("old").await;
    write("new");
    let plan = world.platctl("plan code.yaml").expect(0);
    assert!(plan.stdout.contains("~ repo"), "{}", plan.stdout);
    world.platctl("apply code.yaml --yes").expect(0);
    world
        .platctl("plan code.yaml --detailed-exitcode")
        .expect(0);
    assert_eq!(repository("new").await, before);
    assert_eq!(repository("old").await, None);
    let call = world.codecommit().get_file().repository_name("new");
    call.file_path("README.md").send().await.unwrap();
    world
        .platctl("destroy code --yes --allow-data-loss all")
        .expect(0);
}
