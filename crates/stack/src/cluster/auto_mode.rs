//! EKS Auto Mode: EKS launches the nodes, and runs on them what add-ons and components do otherwise.

use std::collections::BTreeSet;

use platctl_aws::eks::auto_mode::{BUILT_IN, ComputeConfig, NODE_POOLS};
use platctl_aws::eks::cluster;
use platctl_aws::iam::role;
use platctl_engine::{Address, Declared};
use serde_json::{Value, json};

use super::{Cluster, NodeSource, addons};
use crate::common::{attach, instance_trust, policy, role};
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};

/// What the control plane may do in addition: nodes, volumes, load balancers and network interfaces are its own.
const CONTROL_PLANE: [(&str, &str); 4] = [
    ("policy.compute", "AmazonEKSComputePolicy"),
    ("policy.storage", "AmazonEKSBlockStoragePolicy"),
    ("policy.balancing", "AmazonEKSLoadBalancingPolicy"),
    ("policy.networking", "AmazonEKSNetworkingPolicy"),
];
/// What a node is allowed: to join, and to pull images.
const NODES: [(&str, &str); 2] = [
    ("policy.node", "AmazonEKSWorkerNodeMinimalPolicy"),
    ("policy.pull", "AmazonEC2ContainerRegistryPullOnly"),
];

/// Lets EKS take on the role, and say in the request for which cluster: its policies compare that with tags.
pub(super) fn trust(declare: &Declare<'_>) -> Value {
    policy([json!({
        "Effect": "Allow",
        "Principal": {"Service": "eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {"aws:SourceAccount": declare.context().account}},
    })])
}

/// What the cluster is told, and what has to be there before it.
pub(super) fn declare(
    control_plane: &platctl_engine::Handle<role::Role>,
    spec: &mut cluster::Spec<Declared>,
    declare: &mut Declare<'_>,
) -> Checked<Vec<Address>> {
    let mut before = Vec::new();
    for (address, managed) in CONTROL_PLANE {
        let policy = attach(address, control_plane, managed, declare)?;
        before.push(policy.address().clone());
    }
    let nodes = role(
        "node_role",
        "nodes",
        "The nodes of the cluster",
        instance_trust(),
        declare,
    )?;
    for (address, managed) in NODES {
        before.push(attach(address, &nodes, managed, declare)?.address().clone());
    }
    spec.compute_config = Some(ComputeConfig {
        enabled: true,
        node_pools: NODE_POOLS.map(ToOwned::to_owned).into(),
        node_role_arn: Some(nodes.get(role::out::ARN)),
    });
    spec.block_storage = Some(true);
    spec.elastic_load_balancing = Some(true);
    Ok(before)
}

/// Of a cluster whose nodes are not EKS's. It is said, so that a cluster that was switched by hand is seen.
pub(super) fn disable(spec: &mut cluster::Spec<Declared>) {
    spec.compute_config = Some(ComputeConfig {
        enabled: false,
        node_pools: BTreeSet::new(),
        node_role_arn: None,
    });
    spec.block_storage = Some(false);
    spec.elastic_load_balancing = Some(false);
}

impl Cluster {
    pub(super) const fn is_auto(&self) -> bool {
        matches!(self.nodes.value, NodeSource::Auto)
    }

    /// What EKS Auto Mode does itself, or has no place for.
    pub(super) fn check_auto(&self) -> Vec<Fault> {
        if !self.is_auto() {
            return Vec::new();
        }
        let mut faults = Vec::new();
        let mut refuse = |what: &str, span| {
            let fault = Fault::new(format!("{what} cannot be used with `nodes: auto`"));
            faults.push(fault.at(span, "EKS launches the nodes"));
        };
        for (name, group) in self.node_groups.iter().flatten() {
            refuse(&format!("the node group {}", quoted(name)), group.span);
        }
        if !self.fargate.is_empty() {
            refuse("`fargate`", self.nodes.span);
        }
        for (name, wish) in &self.addons {
            let is_wanted = !matches!(wish.value, addons::Wish::On(false));
            if is_wanted && BUILT_IN.contains(&name.as_str()) {
                let message = format!(
                    "the add-on {} cannot be used with `nodes: auto`",
                    quoted(name)
                );
                let fault = Fault::new(message).at(wish.span, "part of EKS Auto Mode");
                faults.push(fault.help("remove it"));
            }
        }
        faults
    }
}
