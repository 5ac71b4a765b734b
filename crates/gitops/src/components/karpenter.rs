//! Karpenter. Its instances get a profile that platctl makes, so it needs no permission on instance profiles but to
//! read them.

use serde_json::{Value, json};

use crate::component::{
    Component, Leftover, PLAIN, Pods, Resources, Workload, allow, allow_if, spread,
};
use crate::versions::KARPENTER;
use crate::{Inputs, nodes::Karpenter};

const ACCOUNT: &str = "karpenter";
const REPLICAS: u32 = 2;
/// It keeps all pods and nodes in memory.
const CONTAINER: Resources = Resources::new(250, 512, 1024);

pub(crate) const COMPONENT: Component = Component {
    name: "karpenter",
    purpose: "Launches nodes for pending pods, and removes nodes that are not needed",
    // Where requests to the API server have the highest priority.
    namespace: "kube-system",
    // What comes later may need nodes.
    wave: -3,
    pods: |_, _| vec![Pods::of(ACCOUNT, REPLICAS, &[CONTAINER])],
    chart: Some(KARPENTER),
    values: |inputs, _| {
        let queue = inputs
            .nodes
            .karpenter()
            .map(|karpenter| karpenter.queue.name.clone());
        json!({
            "fullnameOverride": ACCOUNT,
            "replicas": REPLICAS,
            "serviceAccount": {"create": true, "name": ACCOUNT},
            "controller": {"resources": CONTAINER.json()},
            "topologySpreadConstraints": spread(&json!({"app.kubernetes.io/name": ACCOUNT})),
            "settings": {
                "clusterName": inputs.cluster,
                "eksControlPlane": true,
                "interruptionQueue": queue,
            },
        })
    },
    workloads: |inputs| {
        let Some(karpenter) = inputs.nodes.karpenter() else {
            return Vec::new();
        };
        let statements = [
            launching(inputs),
            tagging(inputs),
            reading(inputs, karpenter),
        ];
        vec![Workload {
            namespace: "kube-system",
            service_account: ACCOUNT,
            statements: statements.into_iter().flatten().collect(),
        }]
    },
    missing: |inputs, _| {
        inputs
            .nodes
            .karpenter()
            .is_none()
            .then_some("requires `cluster.nodes: karpenter`")
    },
    leftovers: &[Leftover {
        what: "EC2 instances and launch templates of nodes, which platctl deletes together with the cluster",
        found_by: "kubernetes.io/cluster/CLUSTER=owned, with a tag karpenter.sh/nodepool",
    }],
    finalizers: &["karpenter.sh/termination", "karpenter.k8s.aws/termination"],
    health: &["Deployment kube-system/karpenter"],
    ..PLAIN
};

/// The ARN of things of EC2 in this region, of any account or of none.
fn ec2(inputs: &Inputs, account: &str, what: &str) -> String {
    format!(
        "arn:{}:ec2:{}:{account}:{what}/*",
        inputs.partition, inputs.region
    )
}

fn owned(of: &str, inputs: &Inputs) -> String {
    format!("aws:{of}/kubernetes.io/cluster/{}", inputs.cluster)
}

/// What is made together with an instance.
const MADE: [&str; 6] = [
    "fleet",
    "instance",
    "volume",
    "network-interface",
    "launch-template",
    "spot-instances-request",
];

fn made(inputs: &Inputs) -> Vec<String> {
    MADE.iter().map(|what| ec2(inputs, "*", what)).collect()
}

/// What it makes has to say for which cluster and which pool it is.
fn says_whose(inputs: &Inputs) -> Value {
    json!({
        "StringEquals": {
            owned("RequestTag", inputs): "owned",
            "aws:RequestTag/eks:eks-cluster-name": inputs.cluster,
        },
        "StringLike": {"aws:RequestTag/karpenter.sh/nodepool": "*"},
    })
}

/// What it changes or deletes has to be its own.
fn is_its_own(inputs: &Inputs) -> Value {
    json!({
        "StringEquals": {owned("ResourceTag", inputs): "owned"},
        "StringLike": {"aws:ResourceTag/karpenter.sh/nodepool": "*"},
    })
}

fn launching(inputs: &Inputs) -> Vec<Value> {
    let run = ["ec2:RunInstances", "ec2:CreateFleet"];
    let images = ["image", "snapshot"].map(|what| ec2(inputs, "", what));
    let others = [
        "security-group",
        "subnet",
        "capacity-reservation",
        "placement-group",
    ]
    .map(|what| ec2(inputs, "*", what));
    let used: Vec<String> = images.into_iter().chain(others).collect();
    let make = [
        "ec2:RunInstances",
        "ec2:CreateFleet",
        "ec2:CreateLaunchTemplate",
    ];
    let ends = ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"];
    let its = ["instance", "launch-template"].map(|what| ec2(inputs, "*", what));
    vec![
        allow(&run, used),
        allow_if(
            &run,
            ec2(inputs, "*", "launch-template"),
            is_its_own(inputs),
        ),
        allow_if(&make, made(inputs), says_whose(inputs)),
        allow_if(&ends, its.to_vec(), is_its_own(inputs)),
    ]
}

fn tagging(inputs: &Inputs) -> Vec<Value> {
    let mut first = says_whose(inputs);
    first["StringEquals"]["ec2:CreateAction"] =
        json!(["RunInstances", "CreateFleet", "CreateLaunchTemplate"]);
    let mut later = is_its_own(inputs);
    later["StringEqualsIfExists"] = json!({"aws:RequestTag/eks:eks-cluster-name": inputs.cluster});
    later["ForAllValues:StringEquals"] =
        json!({"aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]});
    vec![
        allow_if(&["ec2:CreateTags"], made(inputs), first),
        allow_if(&["ec2:CreateTags"], ec2(inputs, "*", "instance"), later),
    ]
}

fn reading(inputs: &Inputs, karpenter: &Karpenter) -> Vec<Value> {
    let Inputs {
        partition,
        region,
        account,
        cluster,
        ..
    } = inputs;
    let here = json!({"StringEquals": {"aws:RequestedRegion": region}});
    let to_ec2 = json!({"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}});
    vec![
        allow_if(&["iam:PassRole"], karpenter.node_role.clone(), to_ec2),
        allow(
            &["eks:DescribeCluster"],
            format!("arn:{partition}:eks:{region}:{account}:cluster/{cluster}"),
        ),
        allow(
            &["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
            karpenter.queue.arn.clone(),
        ),
        allow_if(
            &[
                "ec2:DescribeCapacityReservations",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeInstanceStatus",
                "ec2:DescribeInstanceTypeOfferings",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeLaunchTemplates",
                "ec2:DescribePlacementGroups",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSpotPriceHistory",
                "ec2:DescribeSubnets",
            ],
            "*",
            here,
        ),
        allow(
            &["ssm:GetParameter"],
            format!("arn:{partition}:ssm:{region}::parameter/aws/service/*"),
        ),
        allow(&["pricing:GetProducts", "iam:ListInstanceProfiles"], "*"),
        allow(
            &["iam:GetInstanceProfile"],
            format!("arn:{partition}:iam::{account}:instance-profile/*"),
        ),
    ]
}
