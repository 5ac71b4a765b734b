//! Who launches the nodes, and what that takes.

use platctl_engine::graph::Node;
use serde_json::{Value, json};

use super::{load, nodes, wrong_with};

const PROD: &str = include_str!("../../../../stacks/prod.yaml");
/// The cluster of the reference without its node groups.
const AUTO: &str = "cluster={version: \"1.34\", nodes: auto}";
const KARPENTER: &str = "cluster={version: \"1.34\", nodes: karpenter}";

fn of(set: &[&str]) -> Vec<Node> {
    nodes(&load(PROD, set).unwrap()).unwrap()
}

fn find<'a>(nodes: &'a [Node], address: &str) -> &'a Node {
    nodes
        .iter()
        .find(|node| node.address.as_str() == address)
        .unwrap_or_else(|| panic!("no {address}"))
}

fn addresses<'a>(nodes: &'a [Node], kind: &str) -> Vec<&'a str> {
    let mut all: Vec<&str> = nodes
        .iter()
        .filter(|node| node.kind == kind)
        .map(|node| node.address.as_str())
        .collect();
    all.sort_unstable();
    all
}

fn group(settings: &str) -> Vec<Node> {
    of(&[&format!("cluster.node_groups={{general: {settings}}}")])
}

#[test]
fn the_image_of_a_group_fits_its_instances() {
    let image = |settings: &str| {
        find(&group(settings), "cluster.node_group.general").spec["ami_type"].clone()
    };
    let images = [
        ("{instance_types: [m6i.large]}", "AL2023_x86_64_STANDARD"),
        (
            "{instance_types: [m6i.large], ami: bottlerocket}",
            "BOTTLEROCKET_x86_64",
        ),
        (
            "{instance_types: [m7g.large], ami: bottlerocket, taints: [arm=yes:NoSchedule]}",
            "BOTTLEROCKET_ARM_64",
        ),
        (
            "{instance_types: [g5.xlarge], ami: al2023}",
            "AL2023_x86_64_NVIDIA",
        ),
    ];
    for (settings, expected) in images {
        // A group that no pod can be on has no room for Argo CD.
        let settings = settings.replace("{instance", "{min: 3, instance");
        let others = "system: {instance_types: [m6i.4xlarge], min: 3}";
        let set = format!("cluster.node_groups={{general: {settings}, {others}}}");
        let nodes = of(&[&set]);
        let spec = &find(&nodes, "cluster.node_group.general").spec;
        assert_eq!(spec["ami_type"], expected, "{settings}");
    }
    assert_eq!(
        image("{instance_types: [m6i.4xlarge], min: 3, max: 9}"),
        "AL2023_x86_64_STANDARD"
    );
}

/// An older platctl made such groups with the plain image. An upgrade of platctl must not replace their nodes.
#[test]
fn groups_with_gpus_keep_their_image_unless_the_file_says_which() {
    let of_gpu = |more: &str| {
        let gpu =
            format!("gpu: {{instance_types: [g5.xlarge], taints: [gpu=yes:NoSchedule]{more}}}");
        let set = format!(
            "cluster.node_groups={{general: {{instance_types: [m6i.4xlarge], min: 3}}, {gpu}}}"
        );
        let stack = load(PROD, &[&set]).unwrap();
        let nodes = nodes(&stack).unwrap();
        let spec = find(&nodes, "cluster.node_group.gpu").spec.clone();
        let told = stack.warnings().iter().any(|one| one.contains("has GPUs"));
        (
            spec["ami_type"].clone(),
            spec["initial_ami_type"].clone(),
            told,
        )
    };
    let image = json!("AL2023_x86_64_NVIDIA");
    assert_eq!(of_gpu(""), (Value::Null, image.clone(), true));
    assert_eq!(of_gpu(", ami: al2023"), (image, Value::Null, false));
}

#[test]
fn the_files_of_bottlerocket_and_of_containers_are_on_two_disks() {
    let nodes = group("{instance_types: [m6i.4xlarge], min: 3, ami: bottlerocket, disk_gib: 80}");
    let disks = find(&nodes, "cluster.launch_template.general").spec["block_device_mappings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|disk| (disk["device_name"].clone(), disk["volume_size"].clone()))
        .collect::<Vec<_>>();
    assert_eq!(
        disks,
        [
            (json!("/dev/xvda"), json!(4)),
            (json!("/dev/xvdb"), json!(80))
        ]
    );
}

#[test]
fn karpenter_has_a_small_group_for_itself_and_all_else_that_it_needs() {
    let nodes = of(&[KARPENTER]);
    assert_eq!(
        addresses(&nodes, "eks.NodeGroup"),
        ["cluster.node_group.system"]
    );
    let access = &find(&nodes, "cluster.karpenter.access").spec;
    assert_eq!(access["type"], "EC2_LINUX");
    let rules = addresses(&nodes, "events.Rule");
    assert!(
        rules.contains(&"cluster.karpenter.events.health")
            && rules.contains(&"cluster.karpenter.events.instances")
    );
    let queue = &find(&nodes, "cluster.karpenter.queue").spec;
    let policy = queue["policy"].to_string();
    assert!(
        policy.contains("rule/prod-karpenter-health")
            && policy.contains("rule/prod-karpenter-instances")
            && policy.contains("aws:SecureTransport"),
        "{policy}"
    );
    // The controller gets its role before Argo CD makes its pod.
    let root = find(&nodes, "gitops.root");
    for address in [
        "gitops.karpenter.identity",
        "cluster.karpenter.access",
        "cluster.karpenter.events.instances",
        "cluster.karpenter.policy.node",
    ] {
        let is_before = |one: &Node| one.after.iter().any(|after| after.as_str() == address);
        assert!(
            is_before(root) || is_before(find(&nodes, "gitops.argo_cd")),
            "{address}"
        );
    }
    let files = find(&nodes, "gitops.files").spec["files"]
        .as_object()
        .unwrap();
    assert!(files.contains_key("clusters/prod/karpenter.yaml"));
    assert!(files.contains_key("components/node-pools/objects/objects.yaml"));
    assert!(!files.contains_key("clusters/prod/cluster-autoscaler.yaml"));
    // It launches as many nodes as pods need, up to the limits of its pools.
    assert!(!of(&[KARPENTER, "gitops.elastic={nodes: 30}"]).is_empty());
    // Without a pool, three nodes of the system group have room for less than what is requested.
    let pool = "cluster.node_pools={a: {max_cpu: 1, max_memory_gib: 1}}";
    let small = wrong_with(PROD, &[KARPENTER, pool]);
    assert!(
        small.contains("do not fit on the nodes") && small.contains("`max_cpu`"),
        "{small}"
    );
    let elsewhere = "cluster.node_pools={a: {taints: [dedicated=batch:NoSchedule]}}";
    let small = wrong_with(PROD, &[KARPENTER, elsewhere]);
    assert!(small.contains("do not fit on the nodes"), "{small}");
}

#[test]
fn node_pools_are_those_of_the_file() {
    let set = "cluster.node_pools={general: {}, batch: {instance_families: [m7g, c7g], capacity: spot, max_cpu: 64, \
               expire_days: 0, consolidate: empty, labels: {workload: batch}, taints: [dedicated=batch:NoSchedule]}}";
    let nodes = of(&[KARPENTER, set]);
    let files = &find(&nodes, "gitops.files").spec["files"];
    let objects = files["components/node-pools/objects/objects.yaml"]
        .as_array()
        .unwrap();
    let kinds: Vec<&Value> = objects.iter().map(|one| &one["kind"]).collect();
    let pairs = ["EC2NodeClass", "NodePool", "EC2NodeClass", "NodePool"];
    assert_eq!(kinds, pairs, "`batch` comes before `general`");
    let pool = &objects[1]["spec"];
    assert_eq!(pool["limits"], json!({"cpu": "64", "memory": "256Gi"}));
    assert_eq!(pool["template"]["spec"]["expireAfter"], "Never");
    let class = &objects[0]["spec"];
    assert_eq!(
        class["subnetSelectorTerms"].as_array().map(Vec::len),
        Some(3)
    );
    assert_eq!(
        class["securityGroupSelectorTerms"].as_array().map(Vec::len),
        Some(2)
    );
}

/// The way back from Karpenter: its nodes go while its controller is there to drain them.
#[test]
fn without_pools_karpenter_stays_and_its_nodes_go() {
    let groups = "cluster.node_groups={general: {instance_types: [m6i.4xlarge], min: 3}}";
    let stack = load(PROD, &[KARPENTER, groups, "cluster.node_pools={}"]).unwrap();
    let told = stack.warnings();
    assert!(
        told.iter()
            .any(|one| one.contains("`cluster.node_pools` is empty")),
        "{told:?}"
    );
    let nodes = nodes(&stack).unwrap();
    let files = find(&nodes, "gitops.files").spec["files"]
        .as_object()
        .unwrap();
    assert!(files.contains_key("clusters/prod/karpenter.yaml"));
    assert!(!files.contains_key("clusters/prod/node-pools.yaml"));
}

#[test]
fn auto_mode_leaves_out_what_eks_does_itself() {
    let nodes = of(&[AUTO]);
    let cluster = find(&nodes, "cluster.cluster");
    assert_eq!(cluster.spec["compute_config"]["enabled"], true);
    assert_eq!(
        (
            &cluster.spec["block_storage"],
            &cluster.spec["elastic_load_balancing"]
        ),
        (&json!(true), &json!(true))
    );
    assert_eq!(addresses(&nodes, "eks.NodeGroup"), Vec::<&str>::new());
    assert_eq!(addresses(&nodes, "eks.Addon"), Vec::<&str>::new());
    let trust = find(&nodes, "cluster.role").spec["assume_role_policy_document"].to_string();
    assert!(trust.contains("sts:TagSession"), "{trust}");
    for policy in ["compute", "storage", "balancing", "networking", "cluster"] {
        let address = format!("cluster.policy.{policy}");
        let is_before = cluster.after.iter().any(|one| one.as_str() == address);
        assert!(is_before, "{address}");
    }
    // Nodes have the group of the cluster, and no other.
    let rule = &find(&nodes, "database.ingress.nodes").spec["referenced_group_id"];
    assert!(
        rule.to_string()
            .contains("cluster.cluster.cluster_security_group_id"),
        "{rule}"
    );
    let target = &find(&nodes, "services.backend.target_group").spec["tags"];
    assert_eq!(target["eks:eks-cluster-name"], "prod-cluster");
    let files = find(&nodes, "gitops.files").spec["files"]
        .as_object()
        .unwrap();
    for gone in ["cluster-autoscaler", "load-balancer-controller"] {
        assert!(
            !files.contains_key(&format!("clusters/prod/{gone}.yaml")),
            "{gone}"
        );
    }
}

/// Whoever switched it by hand is told.
#[test]
fn a_cluster_with_node_groups_says_that_auto_mode_is_off() {
    let nodes = of(&[]);
    let spec = &find(&nodes, "cluster.cluster").spec;
    assert_eq!(spec["compute_config"]["enabled"], false);
    assert_eq!(spec["block_storage"], false);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let refused = [
        (
            "cluster={nodes: auto, node_groups: {general: {}}}",
            "cannot be used with `nodes: auto`",
        ),
        (
            "cluster={nodes: auto, addons: {vpc-cni: true}}",
            "part of EKS Auto Mode",
        ),
        (
            "cluster={nodes: auto, fargate: {jobs: {namespace: jobs}}}",
            "`fargate` cannot be used",
        ),
        (
            "cluster={node_pools: {general: {}}}",
            "`node_pools` requires `nodes: karpenter`",
        ),
        (
            "cluster={nodes: karpenter, node_pools: {a: {instance_families: [m7g, m7i]}}}",
            "different processors",
        ),
        (
            "cluster={nodes: karpenter, node_pools: {a: {instance_families: [m7i.large]}}}",
            "use the family of the type: m7i",
        ),
        (
            "cluster={nodes: karpenter, node_pools: {a: {instance_families: [m7g]}}}",
            "the delivery builds images for x86",
        ),
        (
            "cluster={nodes: karpenter, node_pools: {a: {taints: [gpu]}}}",
            "not a valid taint",
        ),
        (
            "cluster={nodes: karpenter, node_groups: {system: {min: 1}}}",
            "Karpenter requires 2",
        ),
        ("cluster={nodes: karpentr}", "karpenter"),
        (
            "cluster={nodes: managed, node_groups: {a: {instance_types: [inf2.xlarge], ami: bottlerocket}}}",
            "no Bottlerocket AMI",
        ),
    ];
    for (set, words) in refused {
        let text = wrong_with(PROD, &[set]).replace("\n  │ ", " ");
        assert!(text.contains(words), "{set}\n{text}");
    }
    let scaled = wrong_with(PROD, &[KARPENTER, "gitops.cluster_autoscaler=true"]);
    assert!(scaled.contains("cluster-autoscaler"), "{scaled}");
    let alone = wrong_with("stack: prod\nnetwork: {}\ncluster: {nodes: karpenter}", &[]);
    assert!(alone.contains("declare `gitops: {}`"), "{alone}");
}
