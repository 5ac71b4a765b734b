//! The nodes: a launch template and a managed group each.

use std::collections::{BTreeMap, BTreeSet};

use platctl_aws::ec2::launch_template::{self, BlockDevice, LaunchTemplate, MetadataOptions};
use platctl_aws::ec2::security_group::SecurityGroup;
use platctl_aws::ec2::subnet::Subnet;
use platctl_aws::eks::architecture::{self, Ami, Architecture};
use platctl_aws::eks::cluster::{self, Cluster as EksCluster};
use platctl_aws::eks::fargate_profile::{self, FargateProfile, Selector};
use platctl_aws::eks::node_group::{self, NodeGroup as EksNodeGroup, Taint};
use platctl_aws::iam::role::{self, Role};
use platctl_engine::{Address, Declared, Handle};
use platctl_gitops::nodes::BOTTLEROCKET_GIB;

use super::addons::CNI_POLICY;
use super::{Cluster, NodeGroup, NodeSource, fewest, node_groups_of};
use crate::common::{NetworkParts, attach, instance_trust, role, subnet_ids, trust};
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::error::{Fault, quoted};

/// What a node has to be allowed: to join, to pull images, and to be reached by Session Manager instead of SSH.
const POLICIES: [(&str, &str); 3] = [
    ("policy.node", "AmazonEKSWorkerNodePolicy"),
    ("policy.pull", "AmazonEC2ContainerRegistryPullOnly"),
    ("policy.ssm", "AmazonSSMManagedInstanceCore"),
];

impl Cluster {
    pub(super) fn node_groups(
        &self,
        network: &NetworkParts,
        cluster: &Handle<EksCluster>,
        nodes: &Handle<SecurityGroup>,
        before: &[Address],
        declare: &mut Declare<'_>,
    ) -> Checked<Vec<Handle<EksNodeGroup>>> {
        let role = role(
            "node_role",
            "nodes",
            "The nodes of the cluster",
            instance_trust(),
            declare,
        )?;
        // Nodes that cannot reach EKS, ECR and S3 never join: EKS gives the group up after 20 minutes.
        let mut after: Vec<Address> = before.iter().chain(&network.ways_out).cloned().collect();
        for (address, policy) in self.node_policies() {
            after.push(attach(address, &role, policy, declare)?.address().clone());
        }
        let usual = BTreeMap::from([(self.usual_group(), At::made(NodeGroup::default()))]);
        let groups = self.node_groups.as_ref().unwrap_or(&usual);
        let mut made = Vec::new();
        for (name, At { value: group, .. }) in groups {
            let template = self.template(name, group, cluster, nodes, declare)?;
            let base = Base {
                network,
                cluster,
                role: &role,
                template: &template,
                version: self.version(),
            };
            for (part, subnets) in group.parts(name, network) {
                let address = format!("node_group.{part}");
                let spec = group.spec(name, (part, &subnets), &base, declare)?;
                let after: Vec<&Address> = after.iter().collect();
                made.push(declare.add_after(&address, &spec, &after)?);
            }
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
        let address = format!("launch_template.{name}");
        let instance = ("Name".to_owned(), declare.name(&format!("node-{name}")));
        let instance = ("instance".to_owned(), BTreeMap::from([instance]));
        let spec = launch_template::Spec {
            launch_template_name: declare.name(&format!("nodes-{name}")),
            image_id: None,
            instance_type: None,
            key_name: None,
            security_group_ids: Some(node_groups_of(cluster, nodes, declare)?),
            metadata_options: MetadataOptions {
                http_tokens: "required".to_owned(),
                http_put_response_hop_limit: 1,
            },
            block_device_mappings: Some(group.disks().into()),
            monitoring: None,
            user_data: None,
            tag_specifications: Some(BTreeMap::from([instance])),
            tags: declare.tags(&address),
        };
        declare.add(&address, &spec)
    }

    pub(super) fn fargate(
        &self,
        network: &NetworkParts,
        cluster: &Handle<EksCluster>,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        if self.fargate.is_empty() {
            return Ok(());
        }
        let trust = trust("eks-fargate-pods.amazonaws.com", declare);
        let role = role(
            "fargate_role",
            "fargate",
            "Pods that run without nodes",
            trust,
            declare,
        )?;
        let policy = attach(
            "policy.fargate",
            &role,
            "AmazonEKSFargatePodExecutionRolePolicy",
            declare,
        )?;
        for (name, profile) in &self.fargate {
            let address = format!("fargate.{name}");
            let spec = fargate_profile::Spec {
                cluster_name: cluster.get(cluster::out::NAME),
                fargate_profile_name: name.clone(),
                pod_execution_role_arn: role.get(role::out::ARN),
                subnets: Some(subnet_ids(&network.private, declare)?),
                selectors: BTreeSet::from([Selector {
                    namespace: profile.namespace.clone(),
                    labels: profile.labels.clone(),
                }]),
                tags: declare.tags(&address),
            };
            declare.add_after::<FargateProfile>(&address, &spec, &[policy.address()])?;
        }
        Ok(())
    }
}

impl Cluster {
    /// The policies of the nodes. Without a role of its own, the plugin that gives pods addresses uses that of its node.
    pub(super) fn node_policies(&self) -> Vec<(&'static str, &'static str)> {
        let mut policies = POLICIES.to_vec();
        if !self.cni_has_role() {
            policies.push(CNI_POLICY);
        }
        policies
    }

    /// An instance type with Arm processors, of nodes on which any pod may run.
    pub(crate) fn arm_nodes(&self) -> Option<&At<String>> {
        let open = self
            .node_groups
            .iter()
            .flatten()
            .filter(|(_, group)| group.value.taints.is_empty());
        let mut types = open.flat_map(|(_, group)| group.value.instance_types.iter().flatten());
        types
            .find(|of| architecture::of_type(&of.value) == Some(Architecture::Arm))
            .or_else(|| self.arm_pool())
    }

    /// The name of the node group of a file that states none.
    fn usual_group(&self) -> String {
        let name = match self.nodes.value {
            NodeSource::Karpenter => "system",
            NodeSource::Managed | NodeSource::Auto => "general",
        };
        name.to_owned()
    }
}

/// What node groups are made from.
struct Base<'a> {
    network: &'a NetworkParts,
    cluster: &'a Handle<EksCluster>,
    role: &'a Handle<Role>,
    template: &'a Handle<LaunchTemplate>,
    /// The version of Kubernetes.
    version: &'a str,
}

/// What tells the zones of a region apart.
fn letter(zone: &str) -> &str {
    zone.char_indices()
        .next_back()
        .map_or(zone, |(at, _)| zone.get(at..).unwrap_or(zone))
}

impl NodeGroup {
    /// The fewest and the most nodes of each group of EKS.
    pub(super) fn sizes(&self, network: &NetworkParts) -> (u16, u16) {
        let min = self
            .min
            .unwrap_or_else(|| if self.per_zone { 1 } else { fewest(network) });
        (
            min,
            self.max.unwrap_or_else(|| min.saturating_mul(3).max(1)),
        )
    }

    /// How many groups of EKS it is.
    pub(super) fn count(&self, network: &NetworkParts) -> u16 {
        if self.per_zone {
            u16::try_from(network.zones.len()).unwrap_or(u16::MAX)
        } else {
            1
        }
    }

    /// The groups of EKS that it is, with their subnets.
    fn parts(&self, name: &str, network: &NetworkParts) -> Vec<(String, Vec<Handle<Subnet>>)> {
        if !self.per_zone {
            return vec![(name.to_owned(), network.private.clone())];
        }
        let zones = network.zones.iter().zip(&network.private);
        zones
            .map(|(zone, subnet)| (format!("{name}-{}", letter(zone)), vec![subnet.clone()]))
            .collect()
    }

    /// One of the groups of EKS, with its subnets.
    fn spec(
        &self,
        name: &str,
        (part, subnets): (String, &[Handle<Subnet>]),
        base: &Base<'_>,
        declare: &Declare<'_>,
    ) -> Checked<node_group::Spec<Declared>> {
        let (min_size, max_size) = self.sizes(base.network);
        let (ami_type, initial_ami_type) = self.images(name)?;
        let (release, latest_release) = self.release();
        let template = base.template;
        Ok(node_group::Spec {
            cluster_name: base.cluster.get(cluster::out::NAME),
            node_role: base.role.get(role::out::ARN),
            subnets: subnet_ids(subnets, declare)?,
            min_size: min_size.into(),
            max_size: max_size.into(),
            desired_size: None,
            instance_types: Some(self.types()),
            ami_type: ami_type.map(ToOwned::to_owned),
            initial_ami_type: initial_ami_type.map(ToOwned::to_owned),
            capacity_type: Some(self.capacity.name().to_owned()),
            disk_size: None,
            launch_template_id: Some(template.get(launch_template::out::LAUNCH_TEMPLATE_ID)),
            launch_template_version: Some(template.get(launch_template::out::VERSION_NUMBER)),
            version: Some(base.version.to_owned().into()),
            release_version: release.map(ToOwned::to_owned),
            latest_release,
            labels: self.labels.clone(),
            taints: self.taints()?,
            max_unavailable: None,
            max_unavailable_percentage: Some(33),
            force_update_enabled: self.force_update,
            tags: declare.tags(&format!("node_group.{part}")),
            nodegroup_name: part,
        })
    }

    pub(super) fn types(&self) -> Vec<String> {
        match &self.instance_types {
            Some(types) => types.iter().map(|of| of.value.clone()).collect(),
            None => vec!["m6i.large".to_owned()],
        }
    }

    /// The release of the image, and whether it is the newest one.
    fn release(&self) -> (Option<&str>, Option<bool>) {
        match self.release.as_ref().map(|release| release.value.as_str()) {
            None => (None, None),
            Some("latest") => (None, Some(true)),
            Some("pinned") => (None, Some(false)),
            Some(release) => (Some(release), None),
        }
    }

    /// Why what is said of the release cannot be: one that is stated belongs to a version of Kubernetes.
    pub(super) fn check_release(&self, kubernetes: &str) -> Option<Fault> {
        let stated = self.release.as_ref()?;
        let version = self.release().0?;
        let below = |version: &str| {
            let (number, day) = version.split_once('-')?;
            let patch = number.strip_prefix(kubernetes)?.strip_prefix('.')?;
            let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
            (!patch.is_empty() && digits(patch) && day.len() == 8 && digits(day)).then_some(())
        };
        if below(version).is_some() {
            return None;
        }
        let fault = Fault::new(format!(
            "{} is not a release of the AMI for Kubernetes {kubernetes}",
            quoted(version)
        ));
        let help = format!(
            "specify latest, pinned, or a release version, such as {kubernetes}.2-20261101"
        );
        Some(fault.at(stated.span, "not a release").help(help))
    }

    /// The image that fits the instance types, and the one that a new group begins with. Groups that compute with GPUs
    /// had the plain image once: they keep it until the file says which one they are to have.
    fn images(&self, name: &str) -> Checked<(Option<&'static str>, Option<&'static str>)> {
        let image = self.image(name)?;
        if self.keeps_its_image() {
            return Ok((None, Some(image)));
        }
        Ok((Some(image), None))
    }

    /// Whether the image of a group that is there is left as it is.
    pub(super) fn keeps_its_image(&self) -> bool {
        let accelerated = |of: &String| architecture::accelerator(of).is_some();
        self.ami.is_none() && self.types().iter().any(accelerated)
    }

    fn image(&self, name: &str) -> Checked<&'static str> {
        let types = self.types();
        let ami = self.ami.unwrap_or_default();
        architecture::image(types.iter().map(String::as_str), ami).map_err(|message| {
            let fault = Fault::new(format!("node group {}: {message}", quoted(name)));
            let place = self.instance_types.iter().flatten().next();
            let fault = place.map_or_else(
                || fault.clone(),
                |at| fault.clone().at(at.span, "no AMI fits"),
            );
            vec![fault.help("declare a node group for each kind of instance")]
        })
    }

    /// The disks. Bottlerocket keeps its own files and those of containers apart.
    fn disks(&self) -> Vec<BlockDevice> {
        let disk = |device: &str, gib: u16| BlockDevice {
            device_name: device.to_owned(),
            volume_size: gib.into(),
            volume_type: "gp3".to_owned(),
            encrypted: true,
            kms_key_id: None,
            iops: None,
            throughput: None,
            delete_on_termination: true,
        };
        let gib = self.disk_gib.unwrap_or(100);
        match self.ami.unwrap_or_default() {
            Ami::Al2023 => vec![disk("/dev/xvda", gib)],
            Ami::Bottlerocket => {
                vec![disk("/dev/xvda", BOTTLEROCKET_GIB), disk("/dev/xvdb", gib)]
            }
        }
    }

    /// Taints as EKS writes them.
    fn taints(&self) -> Checked<BTreeSet<Taint>> {
        let taint = |taint: &At<String>| {
            let (key, value, effect) = split_taint(taint)?;
            let known = EFFECTS.iter().find(|(name, _)| *name == effect);
            Ok(Taint {
                key: key.to_owned(),
                value: Some(value.to_owned()),
                effect: known.map_or(effect, |(_, name)| *name).to_owned(),
            })
        };
        self.taints.iter().map(taint).collect()
    }
}

/// The effects of taints: as Kubernetes writes them, and as EKS does.
const EFFECTS: [(&str, &str); 3] = [
    ("NoSchedule", "NO_SCHEDULE"),
    ("NoExecute", "NO_EXECUTE"),
    ("PreferNoSchedule", "PREFER_NO_SCHEDULE"),
];

/// `key=value:Effect`, as kubectl writes taints: the key, the value and the effect.
pub(super) fn split_taint(taint: &At<String>) -> Checked<(&str, &str, &str)> {
    let parts = taint.value.rsplit_once(':').and_then(|(what, effect)| {
        let (key, value) = what.split_once('=').unwrap_or((what, ""));
        let known = EFFECTS.iter().any(|(name, _)| *name == effect);
        (known && !key.is_empty()).then_some((key, value, effect))
    });
    parts.ok_or_else(|| {
        let fault = Fault::new(format!("{} is not a valid taint", quoted(&taint.value)));
        vec![fault.at(taint.span, "such as dedicated=batch:NoSchedule")]
    })
}
