//! What people read when a block of the platform makes no sense.

use super::{wrong, wrong_in};

const NETWORK: &str = "stack: prod\nnetwork: {}\n";

fn of(block: &str) -> String {
    wrong(&format!("{NETWORK}{block}\n"))
}

#[test]
fn database() {
    insta::assert_snapshot!(
        "unknown_class",
        of("database: {writer: {class: db.r6g.larg}}")
    );
    insta::assert_snapshot!(
        "what_rds_refuses",
        of(
            "database:\n  name: grant\n  user: admin\n  writer: {class: db.r6g.24xlarge}\n  \
            backup: {window: '04:30-05:30'}\n  maintenance_window: sun:04:00-sun:05:00\n  \
            parameters: {rds.force_ssl: 0}"
        )
    );
    insta::assert_snapshot!(
        "windows_that_are_too_short",
        of(
            "database: {backup: {window: '02:00-02:10'}, maintenance_window: 'Sun:04:00-Sun:05:00'}"
        )
    );
    insta::assert_snapshot!("port_below_those_of_rds", of("database: {port: 1149}"));
    insta::assert_snapshot!("no_engine_version", of("database: {version: \"16\"}"));
    insta::assert_snapshot!("too_many_readers", of("database: {readers: {count: 16}}"));
    insta::assert_snapshot!(
        "readers_scale_below_their_count",
        of("database: {readers: {count: 4, autoscale: {max: 2}}}")
    );
    insta::assert_snapshot!(
        "backups_for_too_long",
        of("database: {backup: {retention_days: 40}}")
    );
    insta::assert_snapshot!(
        "unknown_restore",
        of("database: {backup: {restore: {snapshoot: s}}}")
    );
    insta::assert_snapshot!(
        "unknown_key_of_a_moment",
        of("database: {backup: {restore: {point_in_time: {cluster: c, tme: t}}}}")
    );
    insta::assert_snapshot!(
        "serverless_without_capacity",
        of("database: {writer: {class: db.serverless}}")
    );
    insta::assert_snapshot!(
        "one_zone",
        wrong("stack: prod\nnetwork: {availability_zones: 1}\ndatabase: {}\ncluster: {}")
    );
    insta::assert_snapshot!("no_network", wrong("stack: prod\ndatabase: {}"));
}

#[test]
fn cluster() {
    insta::assert_snapshot!("no_version_of_kubernetes", of("cluster: {version: latest}"));
    insta::assert_snapshot!(
        "min_above_max",
        of("cluster: {node_groups: {general: {min: 5, max: 3}}}")
    );
    insta::assert_snapshot!(
        "mixed_processors",
        of("cluster: {node_groups: {general: {instance_types: [m6i.large, m7g.large]}}}")
    );
    insta::assert_snapshot!(
        "processors_that_no_image_is_built_for",
        of(
            "cluster: {node_groups: {general: {instance_types: [m7g.large]}}}\nservices: {one: {port: 80}}\ndelivery: {}"
        )
    );
    insta::assert_snapshot!(
        "zone_without_eks",
        wrong_in(
            "us-east-1",
            "stack: prod\nnetwork: {availability_zones: [use1-az1, use1-az3]}\ncluster: {}"
        )
    );
    insta::assert_snapshot!(
        "public_endpoint_for_everybody",
        of("cluster: {endpoint: public}")
    );
    insta::assert_snapshot!("unknown_addon", of("cluster: {addons: {corednss: true}}"));
    insta::assert_snapshot!(
        "no_taint",
        of("cluster: {node_groups: {gpu: {taints: [gpu]}}}")
    );
}

#[test]
fn edge() {
    insta::assert_snapshot!(
        "domain_outside_of_zone",
        of("edge: {domain: shop.example.org, zone_domain: example.com}")
    );
    insta::assert_snapshot!("no_domain", of("edge: {domain: Example}"));
    insta::assert_snapshot!("no_zone", of("edge: {domain: example.com, zone: example}"));
}

#[test]
fn services_and_delivery() {
    insta::assert_snapshot!(
        "same_paths",
        of("edge: {domain: example.com}\nservices:\n  one: {port: 80}\n  two: {port: 81}")
    );
    insta::assert_snapshot!("bad_service_name", of("services: {Back_End: {port: 80}}"));
    insta::assert_snapshot!(
        "service_allowed_everything",
        of("services: {one: {port: 80, permissions: [{actions: [\"*\"], resources: [\"*\"]}]}}")
    );
    insta::assert_snapshot!("nothing_to_deliver", of("delivery: {}"));
    insta::assert_snapshot!(
        "bad_gate",
        of("services: {one: {port: 80}}\ndelivery: {environments: {prod: aproval}}")
    );
    insta::assert_snapshot!(
        "pinned_to_no_commit",
        of("services: {one: {port: 80, pin: newest}}")
    );
    insta::assert_snapshot!("bad_address", of("alerts: {email: ops}"));
}

#[test]
fn gitops() {
    insta::assert_snapshot!("gitops_without_cluster", of("gitops: {}"));
    insta::assert_snapshot!("gitops_without_repository", of("cluster: {}\ngitops: {}"));
    let whole = "cluster: {}\nservices: {one: {port: 80}}\ndelivery: {}\n";
    insta::assert_snapshot!(
        "gitops_of_no_environment",
        of(&format!("{whole}gitops: {{environment: qa}}"))
    );
    let of_cluster = |cluster: &str, gitops: &str| {
        of(&format!(
            "cluster: {cluster}\nservices: {{one: {{port: 80}}}}\ndelivery: {{}}\nedge: {{domain: example.com}}\ngitops: {gitops}"
        ))
    };
    insta::assert_snapshot!(
        "gitops_without_room",
        of_cluster(
            "{node_groups: {general: {min: 2}, gpu: {min: 3, taints: [gpu=a:NoSchedule]}}}",
            "{}"
        )
    );
    insta::assert_snapshot!(
        "gitops_that_nobody_can_reach",
        of_cluster("{endpoint: both, public_cidrs: [203.0.113.0/24]}", "{}")
    );
    insta::assert_snapshot!(
        "gitops_with_vaults_that_cannot_decide",
        of_cluster("{}", "{vault: {replicas: 4}, elastic: {nodes: 0}}")
    );
    insta::assert_snapshot!(
        "gitops_with_half_a_receiver",
        of_cluster(
            "{}",
            "{prometheus: {alerts: {email: ops@example.com, telegram_chat: 7}}}"
        )
    );
    insta::assert_snapshot!(
        "gitops_without_what_a_service_needs",
        of_cluster(
            "{}",
            "{argo_rollouts: false, load_balancer_controller: false}"
        )
    );
    let taken = "cluster: {}\nservices: {vault: {port: 80}}\ndelivery: {}\ngitops: {}";
    insta::assert_snapshot!("gitops_beside_a_service_of_its_name", of(taken));
    insta::assert_snapshot!(
        "gitops_without_zone",
        of(&format!("{whole}gitops: {{external_dns: true}}"))
    );
    insta::assert_snapshot!(
        "gitops_with_slips",
        of(&format!(
            "{whole}gitops: {{elastic: {{nodes: three}}, vault: {{replica: 3}}, prometheus: often}}"
        ))
    );
}

/// Names of roles have the region in them: a stack name that fits in one region may not fit in another.
#[test]
fn a_stack_name_too_long_for_its_region() {
    let of = |name: &str, region: &str| {
        let text = include_str!("../../../../stacks/prod.yaml").replacen(
            "stack: prod",
            &format!("stack: {name}"),
            1,
        );
        let stack = super::load(&text, &[]).unwrap();
        let nodes = stack.nodes(
            &crate::Context::offline(region),
            &platctl_aws::Aws::offline(region),
        );
        nodes.map(drop).map_err(|errors| errors.to_string())
    };
    let long = "a2345678901234567890";
    assert_eq!(of(long, "eu-west-1"), Ok(()));
    let said = of(long, "ap-southeast-1").unwrap_err();
    let begins =
        format!("the stack name `{long}` is too long for ap-southeast-1: it can have at most ");
    let most = said
        .strip_prefix(&begins)
        .and_then(|rest| rest.split_once(' '))
        .map(|(number, _)| number);
    let most: usize = most.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
    // What is said is what is possible.
    assert_eq!(of(&"a".repeat(most), "ap-southeast-1"), Ok(()));
    assert!(of(&"a".repeat(most + 1), "ap-southeast-1").is_err());
}

#[test]
fn nodes_follow_releases_or_keep_one() {
    let group = |release: &str| {
        let block = format!(
            "cluster: {{version: '1.35', node_groups: {{general: {{release: {release}}}}}}}\n"
        );
        let stack = super::load(&format!("{NETWORK}{block}"), &[]).unwrap();
        let nodes = super::nodes(&stack).unwrap();
        let mut groups = nodes
            .into_iter()
            .filter(|node| node.kind == "eks.NodeGroup");
        let spec = groups.next().unwrap().spec;
        (
            spec.get("release_version").cloned(),
            spec.get("latest_release").cloned(),
        )
    };
    assert_eq!(group("latest"), (None, Some(true.into())));
    assert_eq!(group("pinned"), (None, Some(false.into())));
    let stated = "1.35.2-20261101";
    assert_eq!(group(stated), (Some(stated.into()), None));
    for no_release in ["1.34.2-20261101", "newest", "1.35.2", "1.35.2-2026"] {
        let said = of(&format!(
            "cluster: {{version: '1.35', node_groups: {{general: {{release: '{no_release}'}}}}}}"
        ));
        assert!(
            said.contains("is not a release of the AMI for Kubernetes 1.35"),
            "{said}"
        );
    }
}
