//! The nodes: a launch template and a managed group each.

use std::collections::BTreeMap;

use platctl_aws::ec2::launch_template::{self, LaunchTemplate};
use platctl_aws::ec2::security_group::SecurityGroup;
use platctl_aws::eks::cluster::{self, Cluster as EksCluster};
use platctl_aws::eks::fargate_profile::FargateProfile;
use platctl_aws::eks::node_group::NodeGroup as EksNodeGroup;
use platctl_aws::iam::role;
use platctl_aws::kms::key::Key;
use platctl_engine::{Address, Handle};
use serde_json::{Value, json};

use super::{Capacity, Cluster, NodeGroup, fewest, node_groups_of};
use crate::common::{Ground, attach, ids, plain_trust, role, trust};
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};

/// What a node has to be allowed: to join, to give pods addresses, to pull images, and to be reached by
/// Session Manager instead of SSH.
const POLICIES: [(&str, &str); 4] = [
    ("policy.node", "AmazonEKSWorkerNodePolicy"),
    ("policy.cni", "AmazonEKS_CNI_Policy"),
    ("policy.pull", "AmazonEC2ContainerRegistryPullOnly"),
    ("policy.ssm", "AmazonSSMManagedInstanceCore"),
];

impl Cluster {
    pub(super) fn node_groups(
        &self,
        ground: &Ground,
        cluster: &Handle<EksCluster>,
        nodes: &Handle<SecurityGroup>,
        _key: &Handle<Key>,
        before: &[Address],
        declare: &mut Declare<'_>,
    ) -> Checked<Vec<Handle<EksNodeGroup>>> {
        let role = role(
            "node_role",
            "nodes",
            "The nodes of the cluster",
            plain_trust("ec2.amazonaws.com"),
            declare,
        )?;
        // Nodes that cannot reach EKS, ECR and S3 never join: EKS gives the group up after 20 minutes.
        let mut after: Vec<Address> = before.iter().chain(&ground.ways_out).cloned().collect();
        for (address, policy) in POLICIES {
            after.push(attach(address, &role, policy, declare)?.address().clone());
        }
        let general = BTreeMap::from([("general".to_owned(), At::made(NodeGroup::default()))]);
        let groups = self.node_groups.as_ref().unwrap_or(&general);
        let mut made = Vec::new();
        for (name, At { value: group, .. }) in groups {
            let template = self.template(name, group, cluster, nodes, declare)?;
            let (min, max) = self.sizes(group, ground);
            let spec = json!({
                "cluster_name": cluster.json(cluster::out::NAME),
                "nodegroup_name": name,
                "node_role": role.json(role::out::ARN),
                "subnets": ids(&ground.private),
                "instance_types": group.types(),
                "ami_type": "AL2023_x86_64_STANDARD",
                "capacity_type": if group.capacity == Capacity::Spot { "SPOT" } else { "ON_DEMAND" },
                "min_size": min,
                "max_size": max,
                "labels": group.labels,
                "taints": group.taints()?,
                "max_unavailable_percentage": 33,
                "force_update_enabled": group.force_update,
                "launch_template_id": template.json(launch_template::out::LAUNCH_TEMPLATE_ID),
                "launch_template_version": template.json(launch_template::out::VERSION_NUMBER),
                "version": self.version(),
            });
            let after: Vec<&Address> = after.iter().collect();
            made.push(declare.make_after(&format!("node_group.{name}"), spec, &after)?);
        }
        Ok(made)
    }

    /// How its instances are made: disks encrypted, and no way for pods to take on the node's role.
    fn template(
        &self,
        name: &str,
        group: &NodeGroup,
        cluster: &Handle<EksCluster>,
        nodes: &Handle<SecurityGroup>,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<LaunchTemplate>> {
        declare.make(
            &format!("launch_template.{name}"),
            json!({
                "launch_template_name": declare.name(&format!("nodes-{name}")),
                "metadata_options": {"http_tokens": "required", "http_put_response_hop_limit": 1},
                "block_device_mappings": [{
                    "device_name": "/dev/xvda",
                    "volume_size": group.disk_gib.unwrap_or(100),
                    "volume_type": "gp3",
                    "encrypted": true,
                }],
                "security_group_ids": node_groups_of(cluster, nodes),
                "tag_specifications": {"instance": {"Name": declare.name(&format!("node-{name}"))}},
            }),
        )
    }

    pub(super) fn sizes(&self, group: &NodeGroup, ground: &Ground) -> (u16, u16) {
        let min = group.min.unwrap_or_else(|| fewest(ground));
        (min, group.max.unwrap_or_else(|| min.saturating_mul(3).max(1)))
    }

    pub(super) fn fargate(
        &self,
        ground: &Ground,
        cluster: &Handle<EksCluster>,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        if self.fargate.is_empty() {
            return Ok(());
        }
        let trust = trust("eks-fargate-pods.amazonaws.com", declare);
        let role = role("fargate_role", "fargate", "Pods that run without nodes", trust, declare)?;
        let policy = attach("policy.fargate", &role, "AmazonEKSFargatePodExecutionRolePolicy", declare)?;
        for (name, profile) in &self.fargate {
            declare.make_after::<FargateProfile>(
                &format!("fargate.{name}"),
                json!({
                    "cluster_name": cluster.json(cluster::out::NAME),
                    "fargate_profile_name": name,
                    "pod_execution_role_arn": role.json(role::out::ARN),
                    "subnets": ids(&ground.private),
                    "selectors": [{"namespace": profile.namespace, "labels": profile.labels}],
                }),
                &[policy.address()],
            )?;
        }
        Ok(())
    }
}

impl NodeGroup {
    fn types(&self) -> Vec<String> {
        match &self.instance_types {
            Some(types) => types.iter().map(|of| of.value.clone()).collect(),
            None => vec!["m6i.large".to_owned()],
        }
    }

    /// `key=value:Effect`, as kubectl writes taints.
    fn taints(&self) -> Checked<Value> {
        let effects = [
            ("NoSchedule", "NO_SCHEDULE"),
            ("NoExecute", "NO_EXECUTE"),
            ("PreferNoSchedule", "PREFER_NO_SCHEDULE"),
        ];
        let mut taints = Vec::new();
        for taint in &self.taints {
            let parts = taint.value.rsplit_once(':').and_then(|(what, effect)| {
                let effect = effects.iter().find(|(name, _)| *name == effect)?.1;
                let (key, value) = what.split_once('=').unwrap_or((what, ""));
                Some(json!({"key": key, "value": value, "effect": effect}))
            });
            let Some(parts) = parts else {
                let fault = Fault::new(format!("{} is not a valid taint", quoted(&taint.value)));
                return Err(vec![fault.at(taint.span, "such as dedicated=batch:NoSchedule")]);
            };
            taints.push(parts);
        }
        Ok(taints.into())
    }
}
