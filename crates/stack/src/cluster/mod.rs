//! The `cluster:` block: an EKS cluster, its nodes, its add-ons, and who may do what with it.

mod access;
mod addons;
mod check;
mod nodes;
mod room;

use std::collections::BTreeMap;

use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::eks::cluster::{self, Cluster as EksCluster};
use platctl_aws::iam::oidc_provider::OidcProvider;
use platctl_aws::iam::role;
use platctl_aws::kms::key::{self, Key};
use platctl_engine::{Address, Handle};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::common::{
    Ground, Peer, Rule, attach, ids, key, log_group, logs_use_key, role, rule, security_group, trust,
};
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::names::TagMap;

use room::fewest;

/// What `cluster:` says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cluster {
    /// The version of Kubernetes: "1.34". Upgrades go one minor version at a time.
    version: Option<At<String>>,
    /// Where the API server can be reached from.
    endpoint: At<Endpoint>,
    /// Of a public endpoint: the ranges that may reach it.
    public_cidrs: Option<At<Vec<At<String>>>>,
    /// For how many days the control plane's logs are kept; 90 unless it is said.
    log_days: Option<At<u16>>,
    /// Groups of nodes; one called `general` unless it is said.
    node_groups: Option<BTreeMap<String, At<NodeGroup>>>,
    /// Namespaces whose pods run without nodes.
    fargate: BTreeMap<String, Fargate>,
    /// Add-ons of EKS: `false` leaves one out, a version pins it.
    addons: BTreeMap<String, At<addons::Wish>>,
    /// IAM roles and users that administer the cluster.
    admins: Vec<At<String>>,
    /// IAM roles and users that may look, but not touch.
    viewers: Vec<At<String>>,
    /// Tags of the block's resources.
    tags: Option<At<TagMap>>,
}

/// Where the API server can be reached from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Endpoint {
    /// From within the VPC only.
    #[default]
    Private,
    /// From the internet only.
    Public,
    /// From both.
    Both,
}

/// A group of nodes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NodeGroup {
    /// The types of its instances; m6i.large unless it is said.
    instance_types: Option<Vec<At<String>>>,
    /// The fewest nodes; one for each zone, and at least 3, unless it is said.
    min: Option<u16>,
    /// The most nodes; three times the fewest unless it is said.
    max: Option<u16>,
    /// Whether instances are paid by use, or are AWS's spare ones, cheaper and taken back at any time.
    capacity: Capacity,
    /// The size of a node's disk, in GiB; 100 unless it is said.
    disk_gib: Option<u16>,
    /// Labels of its nodes.
    labels: BTreeMap<String, String>,
    /// Taints of its nodes: `key=value:NoSchedule`.
    taints: Vec<At<String>>,
}

/// How instances are paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Capacity {
    /// By use.
    #[default]
    OnDemand,
    /// AWS's spare ones.
    Spot,
}

/// Pods that run without nodes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fargate {
    /// The namespace.
    namespace: String,
    /// Labels that a pod has to have.
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
    pub(crate) nodes: Handle<SecurityGroup>,
    pub(crate) oidc: Handle<OidcProvider>,
    /// Whether its API server can be reached from within the VPC only.
    pub(crate) private: bool,
    /// What has to be there before pods can run, and before anybody can bring them.
    pub(crate) ready: Vec<Address>,
}

impl Default for At<Endpoint> {
    fn default() -> Self {
        Self::made(Endpoint::default())
    }
}

/// Every log that the control plane writes.
const LOGS: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];

impl Cluster {
    /// The security group of the nodes: other blocks let it in, and need not wait for the cluster.
    pub(crate) fn nodes_group(ground: &Ground, declare: &mut Declare<'_>) -> Checked<Handle<SecurityGroup>> {
        let group = security_group("nodes", ground, "The nodes of the cluster", true, declare)?;
        let among = Rule {
            address: "ingress.nodes",
            direction: "ingress",
            protocol: "-1",
            port: None,
            peer: Peer::Group(&group),
            description: "Among the nodes",
        };
        rule(&group, &among, declare)?;
        Ok(group)
    }

    /// Declares all of the cluster's resources.
    pub(crate) fn declare(&self, ground: &Ground, declare: &mut Declare<'_>) -> Checked<Parts> {
        declare.tag(self.tags.as_ref().map(|tags| &tags.value))?;
        self.check(ground, declare)?;
        let name = declare.name("cluster");
        let logs = format!("/aws/eks/{name}/cluster");
        let key = key(
            "",
            "Encrypts the secrets and logs of the cluster",
            vec![logs_use_key(&logs, declare)],
            declare,
        )?;
        let days = self.log_days.as_ref().map_or(90, |days| i32::from(days.value));
        let log_group = log_group("log_group", &logs, days, &key, declare)?;
        let nodes = Self::nodes_group(ground, declare)?;
        let cluster = self.cluster(ground, &key, log_group.address(), declare)?;
        let oidc = declare.make(
            "oidc",
            json!({
                "url": cluster.json(cluster::out::OIDC_ISSUER),
                "client_id_list": ["sts.amazonaws.com"],
            }),
        )?;
        let access = self.access(&cluster, declare)?;
        let before = self.early_addons(&cluster, declare)?;
        let groups = self.node_groups(ground, &cluster, &nodes, &key, &before, declare)?;
        let mut ready = self.late_addons(&cluster, &groups, declare)?;
        ready.extend(groups.iter().map(|group| group.address().clone()));
        ready.extend(access);
        self.fargate(ground, &cluster, declare)?;
        let private = self.endpoint.value == Endpoint::Private;
        Ok(Parts { cluster, name, version: self.version().to_owned(), nodes, oidc, private, ready })
    }

    fn cluster(
        &self,
        ground: &Ground,
        key: &Handle<Key>,
        logs: &Address,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<EksCluster>> {
        let trust = trust("eks.amazonaws.com", declare);
        let role = role("role", "cluster", "The control plane of the cluster", trust, declare)?;
        let policy = attach("policy.cluster", &role, "AmazonEKSClusterPolicy", declare)?;
        let endpoint = self.endpoint.value;
        let mut spec = json!({
            "name": declare.name("cluster"),
            "version": self.version(),
            "role_arn": role.json(role::out::ARN),
            "subnet_ids": ids(&ground.private),
            "endpoint_private_access": endpoint != Endpoint::Public,
            "endpoint_public_access": endpoint != Endpoint::Private,
            "logging": LOGS,
            "encryption_key_arn": key.json(key::out::ARN),
            "authentication_mode": "API",
            "deletion_protection": declare.protects(),
        });
        if let Some(ranges) = self.public_cidrs.as_ref().filter(|_| endpoint != Endpoint::Private) {
            spec["public_access_cidrs"] = ranges.value.iter().map(|range| range.value.clone()).collect();
        }
        // Without its policy the control plane cannot make its network interfaces; and EKS would make the
        // group of its logs itself, without an end and without a key.
        declare.make_after("cluster", spec, &[policy.address(), logs])
    }
}

/// The id of the group that EKS makes for the cluster, beside the nodes' own: both are on every node.
fn node_groups_of(cluster: &Handle<EksCluster>, nodes: &Handle<SecurityGroup>) -> serde_json::Value {
    json!([nodes.json(security_group::out::GROUP_ID), cluster.json(cluster::out::CLUSTER_SECURITY_GROUP_ID)])
}
