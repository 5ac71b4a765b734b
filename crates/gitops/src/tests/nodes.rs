//! Who makes the nodes, and what comes of it in the cluster.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::tls::with_secret;
use super::{documents_of, inputs, late, settings};
use crate::nodes::{Consolidation, Karpenter, Pool, Queue, Taint};
use crate::{Component, Inputs, Nodes, chosen};

fn pool(name: &str) -> Pool {
    Pool {
        name: name.into(),
        ami: "al2023",
        arm: false,
        families: Vec::new(),
        spot: false,
        disk_gib: 100,
        labels: BTreeMap::new(),
        taints: Vec::new(),
        cpu: 100,
        memory_gib: 400,
        expire_days: Some(30),
        consolidation: Consolidation::Underutilized,
    }
}

/// A platform whose nodes Karpenter launches.
pub(super) fn karpenter() -> Inputs {
    let batch = Pool {
        ami: "bottlerocket",
        arm: true,
        families: vec!["m7g".into(), "c7g".into()],
        spot: true,
        labels: BTreeMap::from([("workload".into(), "batch".into())]),
        taints: vec![Taint {
            key: "dedicated".into(),
            value: "batch".into(),
            effect: "NoSchedule".into(),
        }],
        expire_days: None,
        consolidation: Consolidation::Never,
        ..pool("batch")
    };
    let karpenter = Karpenter {
        queue: Queue {
            name: late("cluster.karpenter.queue.queue_name"),
            arn: late("cluster.karpenter.queue.arn"),
        },
        node_role: late("cluster.karpenter.node_role.arn"),
        instance_profile: late("cluster.karpenter.instance_profile.instance_profile_name"),
        subnets: vec![
            late("network.subnet.private-a.subnet_id"),
            late("network.subnet.private-b.subnet_id"),
        ],
        security_groups: vec![
            late("cluster.nodes.group_id"),
            late("cluster.cluster.cluster_security_group_id"),
        ],
        tags: BTreeMap::from([("Name".into(), "prod-karpenter-node".into())]),
        pools: vec![pool("general"), batch],
    };
    Inputs {
        nodes: Nodes::Karpenter(Box::new(karpenter)),
        ..inputs()
    }
}

/// A platform on EKS Auto Mode.
pub(super) fn auto() -> Inputs {
    Inputs {
        nodes: Nodes::Auto,
        ..inputs()
    }
}

/// A platform that has all that the component is there for.
pub(super) fn inputs_for(component: &Component) -> Inputs {
    match component.name {
        "karpenter" => karpenter(),
        "reloader" => with_secret(),
        _ => inputs(),
    }
}

fn names(inputs: &Inputs) -> BTreeSet<&'static str> {
    let chosen = chosen(inputs, &settings("{}")).unwrap();
    chosen.iter().map(|one| one.name).collect()
}

fn objects(inputs: &Inputs, kind: &str) -> Vec<Value> {
    let all = documents_of(inputs, &settings("{}")).into_iter();
    all.map(|(_, object)| object)
        .filter(|object| object["kind"] == kind)
        .collect()
}

#[test]
fn each_way_has_its_own_components() {
    let (managed, launched, by_eks) = (names(&inputs()), names(&karpenter()), names(&auto()));
    let more = |one: &BTreeSet<&'static str>, than: &BTreeSet<&'static str>| {
        one.difference(than).copied().collect::<Vec<_>>()
    };
    assert_eq!(more(&managed, &launched), ["cluster-autoscaler"]);
    assert_eq!(more(&launched, &managed), ["karpenter", "node-pools"]);
    assert_eq!(
        more(&managed, &by_eks),
        ["cluster-autoscaler", "load-balancer-controller"]
    );
    assert_eq!(more(&by_eks, &managed), ["auto-mode"]);
    for inputs in [karpenter(), auto()] {
        let refused = chosen(&inputs, &settings("cluster_autoscaler: true")).unwrap_err();
        assert_eq!(refused.key, ["gitops", "cluster_autoscaler"]);
        assert!(refused.why.contains("cluster.nodes"), "{refused:?}");
    }
    // Services need no controller beside that of EKS.
    let wrong = crate::check(&auto(), &settings("{}"));
    assert_eq!(wrong, Vec::new());
}

#[test]
fn pools_say_which_nodes_there_may_be() {
    let pools = objects(&karpenter(), "NodePool");
    let requirement = |pool: &Value, key: &str| {
        let all = pool["spec"]["template"]["spec"]["requirements"].as_array();
        all.unwrap().iter().find(|one| one["key"] == key).cloned()
    };
    let values = |pool: &Value, key: &str| requirement(pool, key).map(|one| one["values"].clone());
    let (general, batch) = (&pools[0], &pools[1]);
    assert_eq!(
        values(general, "kubernetes.io/arch"),
        Some(json!(["amd64"]))
    );
    assert_eq!(values(batch, "kubernetes.io/arch"), Some(json!(["arm64"])));
    assert_eq!(
        values(batch, "karpenter.sh/capacity-type"),
        Some(json!(["spot", "on-demand"]))
    );
    assert_eq!(
        values(batch, "karpenter.k8s.aws/instance-family"),
        Some(json!(["m7g", "c7g"]))
    );
    assert_eq!(
        requirement(general, "karpenter.k8s.aws/instance-family"),
        None
    );
    let (general, batch) = (&general["spec"], &batch["spec"]);
    assert_eq!(general["limits"], json!({"cpu": "100", "memory": "400Gi"}));
    assert_eq!(general["template"]["spec"]["expireAfter"], "720h");
    assert_eq!(batch["template"]["spec"]["expireAfter"], "Never");
    assert_eq!(
        general["disruption"]["consolidationPolicy"],
        "WhenEmptyOrUnderutilized"
    );
    assert_eq!(batch["disruption"]["consolidateAfter"], "Never");
    assert_eq!(
        batch["template"]["spec"]["taints"],
        json!([{"key": "dedicated", "value": "batch", "effect": "NoSchedule"}])
    );
    assert_eq!(
        batch["template"]["metadata"]["labels"],
        json!({"workload": "batch"})
    );
}

/// By tags, the subnets and groups of another cluster could be found.
#[test]
fn nodes_are_made_of_what_is_named_by_its_id() {
    let classes = objects(&karpenter(), "EC2NodeClass");
    for class in &classes {
        let spec = &class["spec"];
        for terms in ["subnetSelectorTerms", "securityGroupSelectorTerms"] {
            for term in spec[terms].as_array().unwrap() {
                assert!(term.get("id").is_some() && term.get("tags").is_none());
            }
        }
        assert_eq!(spec["metadataOptions"]["httpTokens"], "required");
        assert_eq!(spec["metadataOptions"]["httpPutResponseHopLimit"], 1);
        assert!(spec.get("role").is_none() && spec.get("instanceProfile").is_some());
        let encrypted = |disk: &Value| disk["ebs"]["encrypted"] == true;
        assert!(
            spec["blockDeviceMappings"]
                .as_array()
                .unwrap()
                .iter()
                .all(encrypted)
        );
    }
    let disks = |class: &Value| {
        let all = class["spec"]["blockDeviceMappings"].as_array().unwrap();
        let size = |disk: &Value| disk["ebs"]["volumeSize"].as_str().unwrap().to_owned();
        all.iter().map(size).collect::<Vec<_>>()
    };
    assert_eq!(disks(&classes[0]), ["100Gi"]);
    assert_eq!(disks(&classes[1]), ["4Gi", "100Gi"]);
}

/// The controller has to be there when its node pools go: it drains their nodes.
#[test]
fn node_pools_come_after_their_controller() {
    let wave = |name: &str| {
        let all = crate::all().iter();
        all.clone().find(|one| one.name == name).unwrap().wave
    };
    assert!(wave("karpenter") < wave("node-pools"));
    let others = crate::all().iter().filter(|one| {
        let first = [
            "argo-cd",
            "auto-mode",
            "karpenter",
            "namespaces",
            "node-pools",
            "storage",
        ];
        !first.contains(&one.name)
    });
    for other in others {
        assert!(wave("node-pools") <= other.wave, "{}", other.name);
    }
}

/// What it makes, it has to tag with its cluster; what it ends has to have that tag.
#[test]
fn karpenter_touches_nothing_but_its_own() {
    let inputs = karpenter();
    let all = crate::all().iter();
    let component = all.clone().find(|one| one.name == "karpenter").unwrap();
    let workload = &(component.workloads)(&inputs)[0];
    let text = json!(workload.statements).to_string();
    // IAM takes as many characters as the policy of one role.
    assert!(text.len() < 10_240, "{}", text.len());
    let of = |action: &str| {
        let has = |statement: &&Value| {
            let actions = statement["Action"].as_array().unwrap();
            actions.iter().any(|one| one == action)
        };
        workload.statements.iter().filter(has).collect::<Vec<_>>()
    };
    let owned = "aws:ResourceTag/kubernetes.io/cluster/prod-cluster";
    for action in ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"] {
        for statement in of(action) {
            assert_eq!(statement["Condition"]["StringEquals"][owned], "owned");
        }
    }
    assert!(
        of("ec2:CreateTags")
            .iter()
            .all(|one| one.get("Condition").is_some())
    );
    let passed = of("iam:PassRole");
    assert_eq!(passed.len(), 1);
    assert_eq!(
        passed[0]["Resource"],
        late("cluster.karpenter.node_role.arn")
    );
    let profiles = text.contains("CreateInstanceProfile") || text.contains("AddRoleTo");
    assert!(!profiles, "its instance profile is platctl's");
}

#[test]
fn auto_mode_has_drivers_and_bindings_of_its_own() {
    let auto = auto();
    let class = &objects(&auto, "StorageClass")[0];
    assert_eq!(class["provisioner"], "ebs.csi.eks.amazonaws.com");
    for binding in objects(&auto, "TargetGroupBinding") {
        assert_eq!(binding["apiVersion"], "eks.amazonaws.com/v1");
        assert!(binding["spec"].get("vpcID").is_none());
    }
    let maps = objects(&auto, "ConfigMap");
    let enforced = |map: &&Value| map["data"]["enable-network-policy-controller"] == "true";
    assert!(maps.iter().any(|map| enforced(&map)));
    let class = &objects(&inputs(), "StorageClass")[0];
    assert_eq!(class["provisioner"], "ebs.csi.aws.com");
}
