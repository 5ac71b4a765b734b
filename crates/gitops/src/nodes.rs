//! Who makes the nodes of the cluster.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Who makes the nodes.
#[derive(Clone, Debug, Default)]
pub enum Nodes {
    /// Managed node groups, which Cluster Autoscaler scales.
    #[default]
    Managed,
    /// Karpenter.
    Karpenter(Box<Karpenter>),
    /// EKS Auto Mode.
    Auto,
}

impl Nodes {
    pub(crate) fn karpenter(&self) -> Option<&Karpenter> {
        match self {
            Self::Karpenter(karpenter) => Some(karpenter),
            Self::Managed | Self::Auto => None,
        }
    }

    pub(crate) const fn is_auto(&self) -> bool {
        matches!(self, Self::Auto)
    }
}

/// What Karpenter makes nodes from.
#[derive(Clone, Debug)]
pub struct Karpenter {
    /// The queue of events that announce the end of an instance.
    pub queue: Queue,
    /// The ARN of the role of its nodes.
    pub node_role: Value,
    /// The name of the instance profile with that role.
    pub instance_profile: Value,
    /// The IDs of the subnets of its nodes.
    pub subnets: Vec<Value>,
    /// The IDs of the security groups of its nodes.
    pub security_groups: Vec<Value>,
    /// The tags of its instances and volumes, beside its own.
    pub tags: BTreeMap<String, String>,
    /// What nodes it makes.
    pub pools: Vec<Pool>,
}

/// A queue of SQS.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its name.
    pub name: Value,
    /// Its ARN.
    pub arn: Value,
}

/// Nodes of one kind.
#[derive(Clone, Debug)]
pub struct Pool {
    /// The name.
    pub name: String,
    /// The images: `al2023` or `bottlerocket`.
    pub ami: &'static str,
    /// Whether its instances have Arm processors.
    pub arm: bool,
    /// The instance families; all general ones of the later generations when there are none.
    pub families: Vec<String>,
    /// Whether its instances may be interrupted.
    pub spot: bool,
    /// The disk of each node, in GiB.
    pub disk_gib: u16,
    /// Labels of the nodes.
    pub labels: BTreeMap<String, String>,
    /// Taints of the nodes.
    pub taints: Vec<Taint>,
    /// The most that all of its nodes may have together, in CPUs.
    pub cpu: u32,
    /// The most that all of its nodes may have together, in GiB.
    pub memory_gib: u32,
    /// After how many days a node is replaced; never when there is none.
    pub expire_days: Option<u16>,
    /// Which nodes are removed.
    pub consolidation: Consolidation,
}

/// What keeps pods off a node.
#[derive(Clone, Debug)]
pub struct Taint {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// The effect, as Kubernetes writes it: `NoSchedule`.
    pub effect: String,
}

/// Which nodes are removed when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consolidation {
    /// Those whose pods fit on others, or on cheaper ones.
    Underutilized,
    /// Those without pods.
    Empty,
    /// None.
    Never,
}

/// The family letters that suit most pods: computing, general, memory.
const CATEGORIES: [&str; 3] = ["c", "m", "r"];
/// Instances of this generation and before are not used: they cost more for less.
const OLD: &str = "4";
/// The share of nodes that may be replaced or removed at once.
const AT_ONCE: &str = "10%";

impl Pool {
    /// Which instances there may be.
    fn requirements(&self) -> Value {
        let within =
            |key: &str, values: Value| json!({"key": key, "operator": "In", "values": values});
        let mut all = vec![
            within("kubernetes.io/os", json!(["linux"])),
            within(
                "kubernetes.io/arch",
                json!([if self.arm { "arm64" } else { "amd64" }]),
            ),
            within(
                "karpenter.sh/capacity-type",
                // Without capacity for spot instances, pods still get a node.
                if self.spot {
                    json!(["spot", "on-demand"])
                } else {
                    json!(["on-demand"])
                },
            ),
        ];
        if self.families.is_empty() {
            all.push(within(
                "karpenter.k8s.aws/instance-category",
                json!(CATEGORIES),
            ));
            all.push(json!({
                "key": "karpenter.k8s.aws/instance-generation", "operator": "Gt", "values": [OLD],
            }));
        } else {
            all.push(within(
                "karpenter.k8s.aws/instance-family",
                json!(self.families),
            ));
        }
        all.into()
    }

    fn disruption(&self) -> Value {
        let (policy, after) = match self.consolidation {
            Consolidation::Underutilized => ("WhenEmptyOrUnderutilized", "5m"),
            Consolidation::Empty => ("WhenEmpty", "5m"),
            Consolidation::Never => ("WhenEmpty", "Never"),
        };
        json!({
            "consolidationPolicy": policy, "consolidateAfter": after, "budgets": [{"nodes": AT_ONCE}],
        })
    }

    /// The object that says which nodes there may be.
    pub(crate) fn node_pool(&self, annotations: &Value) -> Value {
        let mut template = json!({"spec": {
            "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": self.name},
            "requirements": self.requirements(),
            "expireAfter": self.expire_days.map_or_else(|| "Never".to_owned(), |days| format!("{}h", u32::from(days) * 24)),
        }});
        if !self.labels.is_empty() {
            template["metadata"] = json!({"labels": self.labels});
        }
        if !self.taints.is_empty() {
            template["spec"]["taints"] = self.taints.iter().map(Taint::json).collect();
        }
        json!({
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodePool",
            "metadata": {"name": self.name, "annotations": annotations},
            "spec": {
                "template": template,
                "disruption": self.disruption(),
                "limits": {"cpu": self.cpu.to_string(), "memory": format!("{}Gi", self.memory_gib)},
            },
        })
    }

    /// The disks: Bottlerocket keeps its own files and those of containers apart.
    fn disks(&self) -> Value {
        let disk = |device: &str, gib: u16| {
            json!({"deviceName": device, "ebs": {
                "volumeSize": format!("{gib}Gi"), "volumeType": "gp3", "encrypted": true, "deleteOnTermination": true,
            }})
        };
        if self.ami == "bottlerocket" {
            json!([
                disk("/dev/xvda", BOTTLEROCKET_GIB),
                disk("/dev/xvdb", self.disk_gib)
            ])
        } else {
            json!([disk("/dev/xvda", self.disk_gib)])
        }
    }

    /// The object that says how instances are made. Subnets, groups and profile are named by their IDs, so that
    /// nothing of another cluster is found.
    pub(crate) fn node_class(&self, of: &Karpenter, annotations: &Value) -> Value {
        let by_id = |ids: &[Value]| ids.iter().map(|id| json!({"id": id})).collect::<Value>();
        json!({
            "apiVersion": "karpenter.k8s.aws/v1",
            "kind": "EC2NodeClass",
            "metadata": {"name": self.name, "annotations": annotations},
            "spec": {
                "amiSelectorTerms": [{"alias": format!("{}@latest", self.ami)}],
                "instanceProfile": of.instance_profile,
                "subnetSelectorTerms": by_id(&of.subnets),
                "securityGroupSelectorTerms": by_id(&of.security_groups),
                // With one hop, pods cannot take on the role of their node.
                "metadataOptions": {
                    "httpEndpoint": "enabled", "httpProtocolIPv6": "disabled",
                    "httpPutResponseHopLimit": 1, "httpTokens": "required",
                },
                "blockDeviceMappings": self.disks(),
                "tags": of.tags,
            },
        })
    }
}

/// What Bottlerocket's own volume has, in GiB.
pub const BOTTLEROCKET_GIB: u16 = 4;

impl Taint {
    fn json(&self) -> Value {
        let mut taint = json!({"key": self.key, "effect": self.effect});
        if !self.value.is_empty() {
            taint["value"] = self.value.as_str().into();
        }
        taint
    }
}
