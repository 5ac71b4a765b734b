//! AWS Load Balancer Controller, as far as it is needed: the load balancer and its target groups are platctl's, so
//! it may register targets and nothing else, and has nothing to leave behind.

use serde_json::json;

use crate::component::{Component, PLAIN, Pods, Resources, Workload, allow, spread};
use crate::versions::LOAD_BALANCER_CONTROLLER;

const ACCOUNT: &str = "aws-load-balancer-controller";
const REPLICAS: u32 = 2;
const CONTAINER: Resources = Resources::new(50, 128, 512);

pub(crate) const COMPONENT: Component = Component {
    name: "load-balancer-controller",
    purpose: "Registers the pods of services with their target groups",
    namespace: "kube-system",
    wave: -2,
    pods: |_, _| vec![Pods::of(ACCOUNT, REPLICAS, &[CONTAINER])],
    chart: Some(LOAD_BALANCER_CONTROLLER),
    values: |inputs, _| {
        json!({
            "fullnameOverride": ACCOUNT,
            "clusterName": inputs.cluster,
            "region": inputs.region,
            "vpcId": inputs.vpc_id,
            "replicaCount": REPLICAS,
            "resources": CONTAINER.json(),
            "podDisruptionBudget": {"maxUnavailable": 1},
            "topologySpreadConstraints": spread(&json!({"app.kubernetes.io/name": ACCOUNT})),
            "serviceAccount": {"create": true, "name": ACCOUNT},
            "enableShield": false,
            "enableWaf": false,
            "enableWafv2": false,
            "enableBackendSecurityGroup": false,
            "enableServiceMutatorWebhook": false,
            "createIngressClassResource": false,
        })
    },
    workloads: |inputs| {
        let groups = format!(
            "arn:{}:elasticloadbalancing:{}:{}:targetgroup/{}-*/*",
            inputs.partition, inputs.region, inputs.account, inputs.stack
        );
        vec![Workload {
            namespace: "kube-system",
            service_account: ACCOUNT,
            statements: vec![
                allow(
                    &[
                        "elasticloadbalancing:DescribeTargetGroups",
                        "elasticloadbalancing:DescribeTargetHealth",
                        "elasticloadbalancing:DescribeTargetGroupAttributes",
                        "elasticloadbalancing:DescribeTags",
                        "elasticloadbalancing:DescribeLoadBalancers",
                        "elasticloadbalancing:DescribeListeners",
                        "elasticloadbalancing:DescribeRules",
                        "ec2:DescribeVpcs",
                        "ec2:DescribeSubnets",
                        "ec2:DescribeSecurityGroups",
                        "ec2:DescribeNetworkInterfaces",
                        "ec2:DescribeInstances",
                        "ec2:DescribeAvailabilityZones",
                        "ec2:DescribeAccountAttributes",
                        "ec2:DescribeTags",
                    ],
                    "*",
                ),
                allow(
                    &[
                        "elasticloadbalancing:RegisterTargets",
                        "elasticloadbalancing:DeregisterTargets",
                    ],
                    groups,
                ),
            ],
        }]
    },
    // The chart makes a new certificate for its webhooks whenever it is rendered; the first one stays.
    ignored: || {
        let webhooks = |kind: &str| {
            json!({
                "group": "admissionregistration.k8s.io", "kind": kind,
                "jqPathExpressions": [".webhooks[]?.clientConfig.caBundle"],
            })
        };
        vec![
            webhooks("MutatingWebhookConfiguration"),
            webhooks("ValidatingWebhookConfiguration"),
            json!({"kind": "Secret", "name": "aws-load-balancer-tls", "jsonPointers": ["/data"]}),
        ]
    },
    missing: |inputs, _| {
        inputs
            .nodes
            .is_auto()
            .then_some("is part of EKS Auto Mode (`cluster.nodes: auto`)")
    },
    finalizers: &["elbv2.k8s.aws/resources"],
    health: &["Deployment kube-system/aws-load-balancer-controller"],
    ..PLAIN
};
