//! Cluster Autoscaler.

use serde_json::json;

use crate::Nodes;
use crate::component::{Component, PLAIN, Pods, Resources, Workload, allow, allow_if, spread};
use crate::versions::{CLUSTER_AUTOSCALER, CLUSTER_AUTOSCALER_IMAGES};

const ACCOUNT: &str = "cluster-autoscaler";
const REPLICAS: u32 = 2;
const CONTAINER: Resources = Resources::new(50, 256, 1024);

pub(crate) const COMPONENT: Component = Component {
    name: "cluster-autoscaler",
    purpose: "Adds nodes for pending pods, and removes unused nodes",
    namespace: "kube-system",
    wave: -2,
    pods: |_, _| vec![Pods::of("cluster-autoscaler", REPLICAS, &[CONTAINER])],
    chart: Some(CLUSTER_AUTOSCALER),
    values: |inputs, _| {
        let image = CLUSTER_AUTOSCALER_IMAGES
            .iter()
            .find(|(version, _)| *version == inputs.version);
        let mut values = json!({
            "fullnameOverride": ACCOUNT,
            "autoDiscovery": {"clusterName": inputs.cluster},
            "awsRegion": inputs.region,
            "replicaCount": REPLICAS,
            "resources": CONTAINER.json(),
            "topologySpreadConstraints": spread(&json!({"app.kubernetes.io/name": "aws-cluster-autoscaler"})),
            "rbac": {"serviceAccount": {"create": true, "name": ACCOUNT}},
            "extraArgs": {
                "balance-similar-node-groups": true,
                "skip-nodes-with-system-pods": false,
                // Every volume of type `emptyDir` counts as local storage, and nearly all pods have one.
                "skip-nodes-with-local-storage": false,
                "expander": "least-waste",
                // The price list is an endpoint that private subnets do not reach.
                "aws-use-static-instance-list": true,
            },
            "podDisruptionBudget": {"maxUnavailable": 1},
        });
        if let Some((_, tag)) = image {
            values["image"] = json!({"tag": tag});
        }
        values
    },
    workloads: |inputs| {
        let owned = format!(
            "autoscaling:ResourceTag/kubernetes.io/cluster/{}",
            inputs.cluster
        );
        vec![Workload {
            namespace: "kube-system",
            service_account: ACCOUNT,
            statements: vec![
                allow(
                    &[
                        "autoscaling:DescribeAutoScalingGroups",
                        "autoscaling:DescribeAutoScalingInstances",
                        "autoscaling:DescribeLaunchConfigurations",
                        "autoscaling:DescribeScalingActivities",
                        "autoscaling:DescribeTags",
                        "ec2:DescribeImages",
                        "ec2:DescribeInstanceTypes",
                        "ec2:DescribeLaunchTemplateVersions",
                        "ec2:GetInstanceTypesFromInstanceRequirements",
                        "eks:DescribeNodegroup",
                    ],
                    "*",
                ),
                allow_if(
                    &[
                        "autoscaling:SetDesiredCapacity",
                        "autoscaling:TerminateInstanceInAutoScalingGroup",
                    ],
                    "*",
                    json!({"StringEquals": {owned: "owned"}}),
                ),
            ],
        }]
    },
    missing: |inputs, _| match inputs.nodes {
        Nodes::Managed => None,
        Nodes::Karpenter(_) => Some(
            "scales managed node groups, but with `cluster.nodes: karpenter`, Karpenter launches the nodes",
        ),
        Nodes::Auto => Some(
            "scales managed node groups, but with `cluster.nodes: auto`, EKS launches the nodes",
        ),
    },
    health: &["Deployment kube-system/cluster-autoscaler"],
    ..PLAIN
};
