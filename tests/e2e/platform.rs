//! The whole platform: what AWS shows after an apply is the architecture that the stack file asks for.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::types::LoadBalancerSchemeEnum;
use platctl_emulator::Call;

use crate::conformance;
use crate::world::World;

/// Overrides that change every block of a stack once.
const CHANGES: &[(&str, &[&str])] = &[
    (
        "prod",
        &[
            "network.flow_logs.retention_days=60",
            "database.backup.retention_days=14",
            "database.monitoring.interval_seconds=30",
            "cluster.node_groups.general.max=12",
            "cluster.log_days=30",
            "delivery.keep_days=60",
            "delivery.build_size=large",
            "services.backend.health_path=/health",
            "gitops.vault.replicas=5",
            "edge.rate_limit=5000",
            "alerts.thresholds.database_cpu=90",
        ],
    ),
    (
        "staging",
        &[
            "network.endpoints=[s3,ecr.api,ecr.dkr,logs,sts,kms]",
            "database.readers.count=2",
            "cluster.node_groups.general.disk_gib=80",
            "delivery.environments.staging=approval",
            "services.frontend.port=3001",
            "edge.waf=false",
            "gitops.tracing=false",
            "alerts.email=[ops@example.com,dev@example.com]",
        ],
    ),
    (
        "preview",
        &[
            "network.endpoints=[s3,dynamodb]",
            "database.serverless.max=2",
            "services.backend.images=10",
            "alerts.thresholds.database_cpu=70",
        ],
    ),
];

/// Puts a stack of the repository into the world.
fn stack(world: &World, name: &str) {
    let path = format!("../../stacks/{name}.yaml");
    world.file(
        &format!("{name}.yaml"),
        &std::fs::read_to_string(path).unwrap(),
    );
}

fn through_its_changes(name: &str) {
    let world = World::new();
    stack(&world, name);
    let (_, changes) = CHANGES.iter().find(|(of, _)| *of == name).unwrap();
    let set: String = changes
        .iter()
        .map(|change| format!(" --set {change}"))
        .collect();
    world.platctl(&format!("apply {name}.yaml --yes")).expect(0);
    world
        .platctl(&format!("plan {name}.yaml --detailed-exitcode"))
        .expect(0);
    world
        .platctl(&format!("plan {name}.yaml --detailed-exitcode{set}"))
        .expect(2);
    world
        .platctl(&format!("apply {name}.yaml --yes{set}"))
        .expect(0);
    world
        .platctl(&format!("plan {name}.yaml --detailed-exitcode{set}"))
        .expect(0);
    world
        .platctl(&format!("destroy {name} --yes --allow-data-loss all"))
        .expect(0);
    // With neither state nor anything left, everything is new again.
    std::fs::remove_dir_all(world.path().join("state")).unwrap();
    conformance::gone_after_its_window(&world);
    let plan = world.platctl(&format!("plan {name}.yaml --json")).expect(0);
    assert!(
        !plan.stdout.contains("\"adopted\""),
        "something is left:\n{}",
        plan.stdout
    );
}

#[test]
fn prod_goes_through_its_changes() {
    through_its_changes("prod");
}

#[test]
fn staging_goes_through_its_changes() {
    through_its_changes("staging");
}

#[test]
fn preview_goes_through_its_changes() {
    through_its_changes("preview");
}

/// A copy in another region belongs to the same graph.
#[test]
fn a_replica_in_another_region_comes_and_goes() {
    let world = World::new();
    world.file(
        "dr.yaml",
        "stack: dr\nregion: eu-west-1\nnetwork: {availability_zones: 2, nat: none, endpoints: [], flow_logs: false}\n\
         database: {version: '16.8', readers: {count: 1}, replica: {region: eu-central-1}}\n",
    );
    world.platctl("apply dr.yaml --yes").expect(0);
    world.platctl("plan dr.yaml --detailed-exitcode").expect(0);

    // The other region takes over, and gives back.
    world.platctl("failover dr").expect(1);
    let over = world.platctl("failover dr --yes").expect(0);
    assert!(
        over.stdout
            .contains("eu-central-1:123456789012:cluster:dr-database-replica is now the writer"),
        "{}",
        over.stdout
    );
    world.platctl("plan dr.yaml --detailed-exitcode").expect(0);
    let ended =
        world.platctl("apply dr.yaml --yes --allow-data-loss all --set database.replica=null");
    assert!(
        ended.stdout.contains("platctl failover"),
        "the writer was not spared:\n{}{}",
        ended.stdout,
        ended.stderr
    );
    world.platctl("apply dr.yaml --yes").expect(0);
    let back = world
        .platctl("failover dr --yes --allow-data-loss all")
        .expect(0);
    assert!(
        back.stdout
            .contains("eu-west-1:123456789012:cluster:dr-database is now the writer"),
        "{}",
        back.stdout
    );
    world.platctl("plan dr.yaml --detailed-exitcode").expect(0);

    world
        .platctl("destroy dr.yaml --yes --allow-data-loss all")
        .expect(0);
    std::fs::remove_dir_all(world.path().join("state")).unwrap();
    let plan = world.platctl("plan dr.yaml --json").expect(0);
    assert!(
        !plan.stdout.contains("\"adopted\""),
        "something is left:\n{}",
        plan.stdout
    );
}

/// The same file under two names: what one has is never taken for the other's.
#[test]
fn two_platforms_of_one_account_do_not_touch_each_other() {
    let world = World::new();
    let text = std::fs::read_to_string("../../stacks/preview.yaml").unwrap();
    let name = text
        .lines()
        .find(|line| line.starts_with("stack:"))
        .unwrap();
    world.file("one.yaml", &text.replace(name, "stack: one"));
    world.file("two.yaml", &text.replace(name, "stack: two"));
    world.platctl("apply one.yaml --yes").expect(0);
    let one = world.control().inventory().unwrap();
    world.platctl("apply two.yaml --yes").expect(0);
    world.platctl("plan one.yaml --detailed-exitcode").expect(0);
    world
        .platctl("destroy two --yes --allow-data-loss all")
        .expect(0);
    assert_eq!(
        crate::recovery::differences(&world.control().inventory().unwrap(), &one),
        Vec::<String>::new()
    );
    world.platctl("plan one.yaml --detailed-exitcode").expect(0);
}

/// A cluster as it was at a second, beside the one that runs.
#[tokio::test]
async fn a_database_is_brought_back_as_it_was() {
    let world = World::new();
    let stack = |name: &str, backup: &str| {
        format!(
            "stack: {name}\nregion: eu-west-1\n\
             network: {{availability_zones: 2, nat: none, endpoints: [], flow_logs: false}}\n\
             database: {{version: '16.8', readers: {{count: 0}}{backup}}}\n"
        )
    };
    world.file("shop.yaml", &stack("shop", ""));
    world.platctl("apply shop.yaml --yes").expect(0);
    let second = aws_smithy_types::DateTime::from_secs(
        aws_smithy_types::DateTime::from(std::time::SystemTime::now()).secs(),
    );
    let second = second
        .fmt(aws_smithy_types::date_time::Format::DateTime)
        .unwrap();
    for (name, moment) in [
        ("then", format!(", time: '{second}'")),
        ("latest", String::new()),
    ] {
        let backup =
            format!(", backup: {{restore: {{point_in_time: {{cluster: shop-database{moment}}}}}}}");
        world.file("then.yaml", &stack(name, &backup));
        world.control().clear_calls().unwrap();
        world.platctl("apply then.yaml --yes").expect(0);
        let made = |operation: &str| {
            world
                .control()
                .calls()
                .unwrap()
                .iter()
                .any(|call| call.operation == operation)
        };
        assert!(
            made("RestoreDBClusterToPointInTime") && !made("CreateDBCluster"),
            "{name}"
        );
        world
            .platctl("plan then.yaml --detailed-exitcode")
            .expect(0);
        // Made is made: that it began as a copy is no reason to make it anew.
        world.file("then.yaml", &stack(name, ""));
        world
            .platctl("plan then.yaml --detailed-exitcode")
            .expect(0);
        world
            .platctl(&format!("destroy {name} --yes --allow-data-loss all"))
            .expect(0);
    }
    let left = world.rds().describe_db_clusters().send().await.unwrap();
    let left: Vec<_> = left
        .db_clusters()
        .iter()
        .filter_map(|cluster| cluster.db_cluster_identifier())
        .collect();
    assert_eq!(left, ["shop-database"]);
}

#[test]
fn what_is_protected_is_neither_destroyed_nor_replaced() {
    let world = World::new();
    stack(&world, "prod");
    world
        .platctl("apply prod.yaml --yes --target database")
        .expect(0);
    world.control().clear_calls().unwrap();
    let ended = world.platctl("destroy prod --yes").expect(1);
    assert!(
        ended.stderr.contains("contains data and is protected"),
        "{}",
        ended.stderr
    );
    let ended = world
        .platctl("apply prod.yaml --yes --target database --set database.name=other")
        .expect(1);
    assert!(
        ended.stderr.contains("`database.cluster`"),
        "{}",
        ended.stderr
    );
    assert_eq!(world.mutations(), 0);
}

#[tokio::test]
async fn the_internet_reaches_services_by_cloudfront_alone() {
    let world = World::new();
    stack(&world, "prod");
    world.platctl("apply prod.yaml --yes").expect(0);

    // Route 53 leads to CloudFront.
    let zones = world.route53().list_hosted_zones().send().await.unwrap();
    let zone = zones
        .hosted_zones()
        .iter()
        .find(|zone| zone.name() == "example.com.")
        .unwrap();
    let records = world
        .route53()
        .list_resource_record_sets()
        .hosted_zone_id(zone.id())
        .send()
        .await
        .unwrap();
    let target = |name: &str, kind: &str| {
        let found = records
            .resource_record_sets()
            .iter()
            .find(|one| one.name() == name && one.r#type().as_str() == kind);
        found
            .and_then(|one| one.alias_target())
            .map(|alias| alias.dns_name().trim_end_matches('.').to_owned())
    };
    let distributions = world
        .cloudfront()
        .list_distributions()
        .send()
        .await
        .unwrap();
    let distribution = &distributions.distribution_list().unwrap().items()[0];
    for name in ["example.com.", "www.example.com."] {
        for kind in ["A", "AAAA"] {
            assert_eq!(
                target(name, kind).as_deref(),
                Some(distribution.domain_name()),
                "{name} {kind}"
            );
        }
    }
    assert!(
        distribution.web_acl_id().contains(":global/webacl/"),
        "{}",
        distribution.web_acl_id()
    );

    // CloudFront leads to the load balancer, which has no public address.
    let origin = &distribution.origins().unwrap().items()[0];
    let id = origin.vpc_origin_config().unwrap().vpc_origin_id();
    let vpc_origin = world
        .cloudfront()
        .get_vpc_origin()
        .id(id)
        .send()
        .await
        .unwrap();
    let config = vpc_origin
        .vpc_origin()
        .unwrap()
        .vpc_origin_endpoint_config()
        .unwrap()
        .clone();
    let balancers = world
        .elbv2()
        .describe_load_balancers()
        .send()
        .await
        .unwrap();
    let balancer = &balancers.load_balancers()[0];
    assert_eq!(balancer.load_balancer_arn(), Some(config.arn()));
    assert_eq!(balancer.scheme(), Some(&LoadBalancerSchemeEnum::Internal));
    assert_eq!(
        target("origin.example.com.", "A").as_deref(),
        balancer.dns_name()
    );

    // Its one opening is for CloudFront.
    let group = &balancer.security_groups()[0];
    let filter = aws_sdk_ec2::types::Filter::builder()
        .name("group-id")
        .values(group)
        .build();
    let rules = world
        .ec2()
        .describe_security_group_rules()
        .filters(filter)
        .send()
        .await
        .unwrap();
    let ingress: Vec<_> = rules
        .security_group_rules()
        .iter()
        .filter(|rule| rule.is_egress() == Some(false))
        .collect();
    assert_eq!(ingress.len(), 1);
    assert!(
        ingress[0]
            .prefix_list_id()
            .is_some_and(|list| list.starts_with("pl-"))
    );

    // The load balancer leads to each service's own targets.
    let listeners = world
        .elbv2()
        .describe_listeners()
        .load_balancer_arn(config.arn())
        .send()
        .await
        .unwrap();
    assert_eq!(listeners.listeners().len(), 1);
    let listener = &listeners.listeners()[0];
    assert_eq!(listener.port(), Some(443));
    let rules = world
        .elbv2()
        .describe_rules()
        .listener_arn(listener.listener_arn().unwrap())
        .send()
        .await
        .unwrap();
    let mut ways = Vec::new();
    for rule in rules
        .rules()
        .iter()
        .filter(|rule| rule.is_default() != Some(true))
    {
        let path = rule.conditions()[0].path_pattern_config().unwrap().values()[0].clone();
        let forward = rule.actions()[0].forward_config().unwrap();
        let group = forward.target_groups()[0]
            .target_group_arn()
            .unwrap()
            .to_owned();
        ways.push((
            rule.priority().unwrap().parse::<u32>().unwrap(),
            path,
            group,
        ));
    }
    ways.sort();
    assert!(
        ways[0].1 == "/api/*" && ways[0].2.contains("/prod-backend/"),
        "{ways:?}"
    );
    assert!(
        ways[1].1 == "/*" && ways[1].2.contains("/prod-frontend/"),
        "{ways:?}"
    );
}

#[tokio::test]
async fn every_zone_stands_on_its_own() {
    let world = World::new();
    stack(&world, "prod");
    world.platctl("apply prod.yaml --yes").expect(0);

    // Nodes leave by the NAT gateway of their own zone.
    let subnets = world.ec2().describe_subnets().send().await.unwrap();
    let zone_of: BTreeMap<_, _> = subnets
        .subnets()
        .iter()
        .map(|one| (one.subnet_id().unwrap(), one.availability_zone().unwrap()))
        .collect();
    let nats = world.ec2().describe_nat_gateways().send().await.unwrap();
    let nat_zone: BTreeMap<_, _> = nats
        .nat_gateways()
        .iter()
        .map(|nat| {
            (
                nat.nat_gateway_id().unwrap(),
                zone_of[nat.subnet_id().unwrap()],
            )
        })
        .collect();
    assert_eq!(nat_zone.values().collect::<BTreeSet<_>>().len(), 3);
    // A volume belongs to a zone, so there is a group of nodes for each.
    let mut subnets = Vec::new();
    for name in ["general-a", "general-b", "general-c"] {
        let group = world
            .eks()
            .describe_nodegroup()
            .cluster_name("prod-cluster")
            .nodegroup_name(name);
        let group = group.send().await.unwrap().nodegroup.unwrap();
        assert_eq!(group.subnets().len(), 1);
        subnets.extend(group.subnets().to_vec());
    }
    assert_eq!(
        subnets
            .iter()
            .map(|subnet| zone_of[subnet.as_str()])
            .collect::<BTreeSet<_>>()
            .len(),
        3
    );
    let tables = world.ec2().describe_route_tables().send().await.unwrap();
    for subnet in &subnets {
        let mine = |table: &&aws_sdk_ec2::types::RouteTable| {
            table
                .associations()
                .iter()
                .any(|one| one.subnet_id() == Some(subnet.as_str()))
        };
        let table = tables.route_tables().iter().find(mine).unwrap();
        let nat = table
            .routes()
            .iter()
            .find_map(|route| route.nat_gateway_id())
            .unwrap();
        assert_eq!(nat_zone[nat], zone_of[subnet.as_str()]);
    }

    // Readers stand in other zones than the writer; nothing of the database is public or in the clear.
    let clusters = world.rds().describe_db_clusters().send().await.unwrap();
    let cluster = &clusters.db_clusters()[0];
    assert_eq!(
        (cluster.storage_encrypted(), cluster.deletion_protection()),
        (Some(true), Some(true))
    );
    assert!(cluster.master_user_secret().is_some());
    let instances = world.rds().describe_db_instances().send().await.unwrap();
    let zone = |name: &str| {
        let found = instances
            .db_instances()
            .iter()
            .find(|one| one.db_instance_identifier() == Some(name))
            .unwrap();
        assert_eq!(found.publicly_accessible(), Some(false));
        found.availability_zone().unwrap().to_owned()
    };
    let zones: BTreeSet<String> = [
        "prod-database-writer",
        "prod-database-reader-1",
        "prod-database-reader-2",
    ]
    .map(zone)
    .into();
    assert_eq!(zones.len(), 3);

    // The cluster's endpoint is private.
    let cluster = world
        .eks()
        .describe_cluster()
        .name("prod-cluster")
        .send()
        .await
        .unwrap()
        .cluster
        .unwrap();
    let access = cluster.resources_vpc_config().unwrap();
    assert_eq!(
        (
            access.endpoint_public_access(),
            access.endpoint_private_access()
        ),
        (false, true)
    );
}

#[tokio::test]
async fn a_commit_goes_to_production_by_approval() {
    let world = World::new();
    stack(&world, "prod");
    world
        .platctl("apply prod.yaml --yes --target delivery")
        .expect(0);
    for (name, wanted) in [
        ("prod-backend-develop", vec!["Source", "Build", "Release"]),
        ("prod-backend-staging", vec!["Source", "Build", "Release"]),
        (
            "prod-backend-prod",
            vec!["Source", "Build", "Approve", "Release"],
        ),
        (
            "prod-frontend-prod",
            vec!["Source", "Build", "Approve", "Release"],
        ),
    ] {
        let answer = world
            .codepipeline()
            .get_pipeline()
            .name(name)
            .send()
            .await
            .unwrap();
        let pipeline = answer.pipeline().unwrap();
        let stages: Vec<_> = pipeline.stages().iter().map(|stage| stage.name()).collect();
        assert_eq!(stages, wanted, "{name}");
        assert!(
            pipeline
                .artifact_store()
                .unwrap()
                .encryption_key()
                .is_some()
        );
    }
    let rules: Vec<Call> = world.control().calls().unwrap();
    let targets = rules
        .iter()
        .filter(|call| call.operation == "PutTargets")
        .count();
    assert_eq!(
        targets, 8,
        "three branches and the pull requests of two services"
    );
}
