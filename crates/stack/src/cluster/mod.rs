//! The `cluster:` block: an EKS cluster, its nodes, its add-ons, and who may do what with it.

mod access;
mod addons;
mod auto_mode;
mod check;
mod karpenter;
mod nodes;
mod pools;
mod room;

pub(crate) use addons::{pod_identity, pod_trust};

use std::collections::{BTreeMap, BTreeSet};

use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::eks::architecture::Ami;
use platctl_aws::eks::cluster::{self, AuthenticationMode, Cluster as EksCluster};
use platctl_aws::iam::oidc_provider::{self, OidcProvider};
use platctl_aws::iam::role::{self, Role};
use platctl_aws::kms::key::{self, Key};
use platctl_aws::types::{Cidr, SecurityGroupId};
use platctl_engine::{Address, Declared, Handle, Input};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::common::{
    NetworkParts, NodesGroup, Peer, Rule, attach, key, log_group, logs_use_key, role, rule,
    security_group, subnet_ids, trust,
};
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::names::TagMap;

use room::fewest;

/// What `cluster:` says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cluster {
    /// The Kubernetes version, such as "1.35". It can be upgraded by one minor version at a time.
    version: Option<At<String>>,
    /// The access to the API server endpoint.
    endpoint: At<Endpoint>,
    /// The CIDR blocks that may access a public endpoint.
    public_cidrs: Option<At<Vec<At<String>>>>,
    /// The retention period of the control plane logs, in days. Default: 365 with `protect`, otherwise 90.
    log_days: Option<At<u16>>,
    /// What launches the nodes: managed node groups, Karpenter, or EKS Auto Mode.
    nodes: At<NodeSource>,
    /// The managed node groups. Default: one node group named `general`. With `nodes: karpenter`: one node group named
    /// `system`, for Karpenter itself and what it requires. Cannot be used with `nodes: auto`.
    node_groups: Option<BTreeMap<String, At<NodeGroup>>>,
    /// The node pools: which nodes Karpenter may launch. Requires `nodes: karpenter`. Default: one node pool named
    /// `general`.
    node_pools: Option<At<BTreeMap<String, At<pools::NodePool>>>>,
    /// Fargate profiles: namespaces with pods that run on Fargate.
    fargate: BTreeMap<String, Fargate>,
    /// The EKS add-ons. Set an add-on to `false` to disable it, or to a version to pin it.
    addons: BTreeMap<String, At<addons::Wish>>,
    /// The IAM roles and users with administrator access to the cluster.
    admins: Vec<At<String>>,
    /// The IAM roles and users with read-only access to the cluster.
    viewers: Vec<At<String>>,
    /// Tags to add to the resources of this block.
    tags: Option<At<TagMap>>,
}

/// The access to the API server endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Endpoint {
    /// Accessible only from inside the VPC.
    #[default]
    Private,
    /// Accessible only from the internet.
    Public,
    /// Accessible from the VPC and from the internet.
    Both,
}

/// What launches the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NodeSource {
    /// Managed node groups, which Cluster Autoscaler scales.
    #[default]
    Managed,
    /// Karpenter, which runs on a small managed node group. Requires `gitops:`.
    Karpenter,
    /// EKS Auto Mode: EKS launches the nodes, and runs networking, DNS, storage and load balancing itself.
    Auto,
}

/// A group of nodes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NodeGroup {
    /// The instance types. Default: m6i.large.
    instance_types: Option<Vec<At<String>>>,
    /// The operating system of the nodes: Amazon Linux 2023 or Bottlerocket. The AMI fits the processors and GPUs of
    /// the instance types. Default: al2023. A change replaces the node group. An existing node group with GPUs
    /// keeps its AMI until this is set.
    ami: Option<Ami>,
    /// The minimum number of nodes. Default: one for each zone, but at least 3. With `per_zone`: in each zone.
    min: Option<u16>,
    /// The maximum number of nodes. Default: three times the minimum. With `per_zone`: in each zone.
    max: Option<u16>,
    /// Whether to create one node group for each availability zone (`NAME-a`, `NAME-b`, …). EBS volumes belong to
    /// one zone, and an Auto Scaling group over several zones cannot be told to add a node in the zone of a volume.
    per_zone: bool,
    /// The capacity type: On-Demand or Spot Instances. Spot Instances are cheaper, but AWS can interrupt
    /// them at any time.
    capacity: Capacity,
    /// The disk size of each node, in GiB. Default: 100.
    disk_gib: Option<u16>,
    /// Whether an upgrade of the nodes goes on where a pod disruption budget does not let pods go. Default:
    /// false, and such an upgrade fails.
    force_update: Option<bool>,
    /// The release of the AMI. `latest`: if AWS has published a newer release for the Kubernetes version, `plan` shows
    /// an update, which replaces the nodes one after another. `pinned`: the nodes keep their release until the
    /// Kubernetes version changes. A release version, such as `1.35.2-20261101`: the nodes have this release. Default:
    /// the newest when a node group is created or its nodes are replaced; a newer one is only reported.
    release: Option<At<String>>,
    /// The Kubernetes labels of the nodes.
    labels: BTreeMap<String, String>,
    /// The Kubernetes taints of the nodes, such as `key=value:NoSchedule`.
    taints: Vec<At<String>>,
}

/// How instances are paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Capacity {
    /// On-Demand Instances.
    #[default]
    OnDemand,
    /// Spot Instances.
    Spot,
}

impl Capacity {
    /// As EKS calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "ON_DEMAND",
            Self::Spot => "SPOT",
        }
    }
}

/// Pods that run without nodes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fargate {
    /// The namespace.
    namespace: String,
    /// The labels that a pod must have.
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// What other blocks take from the cluster.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) cluster: Handle<EksCluster>,
    pub(crate) name: String,
    pub(crate) version: String,
    /// The security group of the nodes.
    pub(crate) nodes: NodesGroup,
    /// Who makes the nodes.
    pub(crate) source: platctl_gitops::Nodes,
    pub(crate) oidc: Handle<OidcProvider>,
    /// Whether its API server can be reached from within the VPC only.
    pub(crate) private: bool,
    /// The ARNs of its administrators.
    pub(crate) admins: Vec<String>,
    /// What has to be there before pods can run, and before anybody can bring them.
    pub(crate) ready: Vec<Address>,
}

impl Default for At<Endpoint> {
    fn default() -> Self {
        Self::made(Endpoint::default())
    }
}

impl Default for At<NodeSource> {
    fn default() -> Self {
        Self::made(NodeSource::default())
    }
}

/// Every log that the control plane writes.
const LOGS: [&str; 5] = [
    "api",
    "audit",
    "authenticator",
    "controllerManager",
    "scheduler",
];

impl Cluster {
    /// The security group of the nodes: other blocks let it in, and need not wait for the cluster.
    fn nodes_group(
        network: &NetworkParts,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<SecurityGroup>> {
        let group = security_group("nodes", network, "The nodes of the cluster", true, declare)?;
        let among = Rule {
            address: "ingress.nodes",
            protocol: "-1",
            ports: None,
            peer: Peer::Group(group.get(security_group::out::GROUP_ID)),
            description: "Among the nodes",
        };
        rule(group.get(security_group::out::GROUP_ID), among, declare)?;
        Ok(group)
    }

    /// Declares all of the cluster's resources. `bootstraps` is whether platctl brings Argo CD to the cluster.
    pub(crate) fn declare(
        &self,
        network: &NetworkParts,
        bootstraps: bool,
        declare: &mut Declare<'_>,
    ) -> Checked<Parts> {
        declare.tag(self.tags.as_ref().map(|tags| &tags.value));
        self.check(network, declare)?;
        let name = declare.name("cluster");
        let logs = format!("/aws/eks/{name}/cluster");
        let key = key(
            "",
            "Encrypts the secrets and logs of the cluster",
            vec![logs_use_key(&logs, declare)],
            declare,
        )?;
        let days = self
            .log_days
            .as_ref()
            .map_or_else(|| declare.log_days(90), |days| i32::from(days.value));
        let log_group = log_group("log_group", &logs, days, &key, declare)?;
        let cluster = self.cluster(network, &key, log_group.address(), declare)?;
        let spec = oidc_provider::Spec {
            url: cluster.get(cluster::out::OIDC_ISSUER),
            client_id_list: BTreeSet::from(["sts.amazonaws.com".to_owned()]),
            thumbprint_list: None,
            tags: declare.tags("oidc"),
        };
        let oidc = declare.add("oidc", &spec)?;
        let mut ready = self.access(&cluster, declare)?;
        let (nodes, source, more) = self.compute(network, &cluster, bootstraps, declare)?;
        ready.extend(more);
        let private = self.endpoint.value == Endpoint::Private;
        Ok(Parts {
            cluster,
            name,
            version: self.version().to_owned(),
            nodes,
            source,
            oidc,
            private,
            admins: self.admins.iter().map(|one| one.value.clone()).collect(),
            ready,
        })
    }

    /// The nodes and what runs on all of them; answers their group, who makes them, and what has to be there before pods
    /// can run.
    fn compute(
        &self,
        network: &NetworkParts,
        cluster: &Handle<EksCluster>,
        bootstraps: bool,
        declare: &mut Declare<'_>,
    ) -> Checked<(NodesGroup, platctl_gitops::Nodes, Vec<Address>)> {
        if self.is_auto() {
            let ready = self.other_addons(cluster, declare)?;
            let group = NodesGroup::OfCluster(cluster.clone());
            return Ok((group, platctl_gitops::Nodes::Auto, ready));
        }
        let nodes = Self::nodes_group(network, declare)?;
        let before = self.early_addons(cluster, declare)?;
        let groups = self.node_groups(network, cluster, &nodes, &before, declare)?;
        let mut ready = self.late_addons(cluster, &groups, declare)?;
        ready.extend(groups.iter().map(|group| group.address().clone()));
        self.fargate(network, cluster, declare)?;
        let mut source = platctl_gitops::Nodes::Managed;
        if self.nodes.value == NodeSource::Karpenter {
            let made = self.karpenter(network, cluster, &nodes, bootstraps, declare)?;
            ready.extend(made.ready);
            source = made.nodes;
        }
        Ok((NodesGroup::Own(nodes), source, ready))
    }

    fn cluster(
        &self,
        network: &NetworkParts,
        key: &Handle<Key>,
        logs: &Address,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<EksCluster>> {
        let trust = if self.is_auto() {
            auto_mode::trust(declare)
        } else {
            trust("eks.amazonaws.com", declare)
        };
        let role = role(
            "role",
            "cluster",
            "The control plane of the cluster",
            trust,
            declare,
        )?;
        let policy = attach("policy.cluster", &role, "AmazonEKSClusterPolicy", declare)?;
        let mut spec = self.spec(&role, key, network, declare)?;
        // Without its policy the control plane cannot make its network interfaces; and EKS would make the
        // group of its logs itself, without an end and without a key.
        let mut after = vec![policy.address().clone(), logs.clone()];
        if self.is_auto() {
            after.extend(auto_mode::declare(&role, &mut spec, declare)?);
            // Nodes that cannot reach ECR and S3 run nothing.
            after.extend(network.ways_out.iter().cloned());
        } else {
            auto_mode::disable(&mut spec);
        }
        declare.add_after("cluster", &spec, &after.iter().collect::<Vec<_>>())
    }

    fn spec(
        &self,
        role: &Handle<Role>,
        key: &Handle<Key>,
        network: &NetworkParts,
        declare: &Declare<'_>,
    ) -> Checked<cluster::Spec<Declared>> {
        let endpoint = self.endpoint.value;
        Ok(cluster::Spec {
            name: declare.name("cluster"),
            version: Some(self.version().to_owned()),
            role_arn: role.get(role::out::ARN),
            subnet_ids: subnet_ids(&network.private, declare)?,
            security_group_ids: None,
            endpoint_private_access: endpoint != Endpoint::Public,
            endpoint_public_access: endpoint != Endpoint::Private,
            public_access_cidrs: self.public_access_cidrs(declare)?,
            logging: LOGS.map(ToOwned::to_owned).into(),
            encryption_key_arn: Some(key.get(key::out::ARN)),
            authentication_mode: AuthenticationMode::Api,
            bootstrap_cluster_creator_admin_permissions: false,
            bootstrap_self_managed_addons: false,
            service_ipv4_cidr: None,
            compute_config: None,
            block_storage: None,
            elastic_load_balancing: None,
            support_type: None,
            deletion_protection: declare.protects(),
            tags: declare.tags("cluster"),
        })
    }

    /// Who may reach a public endpoint; nothing is said of one that is not.
    fn public_access_cidrs(&self, declare: &Declare<'_>) -> Checked<Option<BTreeSet<Cidr>>> {
        let ranges = self.public_cidrs.as_ref();
        let ranges = ranges.filter(|_| self.endpoint.value != Endpoint::Private);
        let range = |range: &At<String>| range.value.parse::<Cidr>();
        ranges
            .map(|ranges| ranges.value.iter().map(range).collect::<Result<_, _>>())
            .transpose()
            .map_err(|error| declare.fault(error.to_string()))
    }
}

/// The id of the group that EKS makes for the cluster, beside the nodes' own: both are on every node.
fn node_groups_of(
    cluster: &Handle<EksCluster>,
    nodes: &Handle<SecurityGroup>,
    declare: &Declare<'_>,
) -> Checked<Input<BTreeSet<SecurityGroupId>>> {
    declare.set([
        nodes.get(security_group::out::GROUP_ID),
        cluster.get(cluster::out::CLUSTER_SECURITY_GROUP_ID),
    ])
}
