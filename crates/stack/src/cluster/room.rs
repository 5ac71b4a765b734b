//! Whether the cluster is one that Argo CD can be brought into, and that it can run in.

use platctl_gitops::{Need, Node, Settings};

use super::{Cluster, Endpoint, NodeGroup, NodeSource};
use crate::common::NetworkParts;
use crate::declare::Declare;
use crate::error::Fault;

/// Its highly available manifest keeps three copies of Redis, each on a node of its own: with fewer, it never gets well.
const NODES: u16 = 3;

/// It keeps two copies of itself, each on a node of its own that it has not launched.
const KARPENTER: u16 = 2;

/// What else helps where Argo CD has too few of them.
const SMALLER: &str = ", or set gitops.manifest to the manifest of a smaller Argo CD installation";

/// The fewest nodes of a group that does not say.
pub(super) fn fewest(network: &NetworkParts) -> u16 {
    u16::try_from(network.zones.len())
        .unwrap_or(NODES)
        .max(NODES)
}

impl Cluster {
    /// What stands in the way of `gitops:`, where platctl brings Argo CD.
    pub(crate) fn check_for(
        &self,
        settings: &Settings,
        network: &NetworkParts,
        declare: &Declare<'_>,
    ) -> Vec<Fault> {
        if settings.bootstrap == Some(false) {
            return Vec::new();
        }
        let mut faults = Vec::new();
        // From outside of the VPC it is whoever runs platctl who speaks to the API server.
        if self.endpoint.value != Endpoint::Private && self.admins.is_empty() {
            let fault = Fault::new(
                "platctl cannot install Argo CD: only `admins` have access to the cluster, and \
                    there are none",
            );
            let help = format!(
                "add the role that platctl runs as: cluster.admins: [\"{}\"]",
                declare.global_arn("iam", "role/NAME")
            );
            faults.push(
                fault
                    .at(self.endpoint.span, "platctl connects from outside the VPC")
                    .help(help),
            );
        }
        // Nobody knows what another manifest needs; what Karpenter needs does not depend on it.
        if settings.manifest.is_none() || self.nodes.value == NodeSource::Karpenter {
            faults.extend(self.check_room(network));
        }
        faults
    }

    /// Whether there is a group that pods can be on for each zone.
    pub(crate) fn has_group_per_zone(&self) -> bool {
        let groups = self.node_groups.iter().flatten();
        groups
            .map(|(_, group)| &group.value)
            .any(|group| group.per_zone && !group.is_tainted())
    }

    /// Whether something in the cluster launches its nodes.
    pub(crate) fn requires_gitops(&self) -> bool {
        self.nodes.value == NodeSource::Karpenter
    }

    /// Whether Cluster Autoscaler scales node groups.
    pub(crate) fn has_only_groups(&self) -> bool {
        self.nodes.value == NodeSource::Managed
    }

    /// What the file does not say of node groups, and what becomes of it.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let groups = self.node_groups.iter().flatten();
        let kept = groups.filter(|(_, group)| group.value.keeps_its_image());
        let kept = kept.map(|(name, _)| {
            format!(
                "node group `{name}` has GPUs: if it exists already, platctl does not change its AMI. Set `ami: al2023` \
                 to use the AMI for GPUs, which replaces a node group with another AMI"
            )
        });
        let is_empty = self
            .node_pools
            .as_ref()
            .is_some_and(|pools| pools.value.is_empty());
        let none = is_empty.then(|| {
            "`cluster.node_pools` is empty: Karpenter removes its nodes and launches none. Remove the key for the \
             default node pool"
                .to_owned()
        });
        kept.chain(none).collect()
    }

    /// The nodes of groups that pods can be on; none where an instance type is not known, or where EKS launches as many
    /// as pods need.
    pub(crate) fn capacity(&self, network: &NetworkParts) -> Option<Vec<Node>> {
        if self.is_auto() {
            return None;
        }
        let general = NodeGroup::default();
        let groups: Vec<&NodeGroup> = match &self.node_groups {
            Some(groups) => groups
                .values()
                .map(|group| &group.value)
                .filter(|group| !group.is_tainted())
                .collect(),
            None => vec![&general],
        };
        let of = |group: &NodeGroup| {
            let rooms = group
                .types()
                .iter()
                .map(|name| room(name))
                .collect::<Option<Vec<Need>>>()?;
            // Which of them there will be, AWS decides.
            let room = rooms
                .into_iter()
                .min_by_key(|room| (room.memory, room.cpu))?;
            let ((min, max), count) = (group.sizes(network), u32::from(group.count(network)));
            Some(Node {
                room,
                min: u32::from(min) * count,
                max: u32::from(max) * count,
            })
        };
        groups.into_iter().map(of).collect()
    }

    fn check_room(&self, network: &NetworkParts) -> Option<Fault> {
        let groups = self.node_groups.as_ref()?;
        let open = groups.values().filter(|group| !group.value.is_tainted());
        let nodes = open.fold(0_u16, |sum, group| {
            sum.saturating_add(
                group
                    .value
                    .sizes(network)
                    .0
                    .saturating_mul(group.value.count(network)),
            )
        });
        // Karpenter adds the third node, but two of its own replicas have to run before.
        let (who, needed, or_else) = match self.nodes.value {
            NodeSource::Managed | NodeSource::Auto => ("Argo CD", NODES, SMALLER),
            NodeSource::Karpenter => ("Karpenter", KARPENTER, ""),
        };
        if nodes >= needed {
            return None;
        }
        let message = format!(
            "{who} requires {needed} untainted nodes, but this cluster may have only {nodes}"
        );
        let fault = groups.values().fold(Fault::new(message), |fault, group| {
            let label = if group.value.is_tainted() {
                "tainted"
            } else {
                "too few"
            };
            fault.at(group.span, label)
        });
        Some(fault.help(format!("set `min` to {needed}{or_else}")))
    }
}

/// What pods can have of an instance: what it has, less what EKS keeps for the kernel and the kubelet, and as many as
/// its network interfaces have addresses for. None for a family that is not one of the usual ones.
fn room(instance_type: &str) -> Option<Need> {
    let (family, size) = instance_type.split_once('.')?;
    let (cpus, pods): (u32, u32) = match size {
        "medium" => (1, 8),
        "large" => (2, 29),
        "xlarge" => (4, 58),
        _ => {
            let times: u32 = size.strip_suffix("xlarge")?.parse().ok()?;
            (times.checked_mul(4)?, if times < 3 { 58 } else { 234 })
        }
    };
    let burstable = matches!(family, "t3" | "t3a" | "t4g");
    let modern = family
        .as_bytes()
        .get(1)
        .is_some_and(|digit| (b'5'..=b'9').contains(digit));
    let gib = match family.as_bytes().first()? {
        b't' if burstable && size == "medium" => 4,
        b't' if burstable => cpus.checked_mul(4)?,
        b'm' if modern => cpus.checked_mul(4)?,
        b'r' if modern => cpus.checked_mul(8)?,
        // One generation has another ratio.
        b'c' if modern && family != "c5n" => cpus.checked_mul(2)?,
        _ => return None,
    };
    let (cpus, pods) = if burstable && size == "medium" {
        (2, 17)
    } else {
        (cpus, pods)
    };
    // 6% of the first CPU, 1% of the second, 0.5% of two more, and 0.25% of all others.
    let kept = 60
        + 10 * u32::from(cpus > 1)
        + 5 * cpus.saturating_sub(2).min(2)
        + 5 * cpus.saturating_sub(4) / 2;
    // The kernel shows a few percent less than the instance has.
    let memory = gib.checked_mul(1024 * 24)? / 25;
    Some(Need {
        cpu: (cpus.checked_mul(1000)?).saturating_sub(kept),
        memory: memory.saturating_sub(255 + 11 * pods + 100),
        pods,
    })
}

impl NodeGroup {
    /// Whether pods that do not say otherwise stay away.
    fn is_tainted(&self) -> bool {
        self.taints
            .iter()
            .any(|taint| !taint.value.ends_with(":PreferNoSchedule"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_have_less_room_than_they_have() {
        assert_eq!(
            room("m6i.large"),
            Some(Need {
                cpu: 1930,
                memory: 7190,
                pods: 29
            })
        );
        assert_eq!(
            room("t3.medium"),
            Some(Need {
                cpu: 1930,
                memory: 3390,
                pods: 17
            })
        );
        assert_eq!(
            room("m7g.xlarge"),
            Some(Need {
                cpu: 3920,
                memory: 14735,
                pods: 58
            })
        );
        let large = room("r6g.4xlarge").unwrap();
        assert_eq!((large.cpu, large.pods), (15_890, 234));
        for unknown in [
            "p5.48xlarge",
            "m6i.metal",
            "c5n.large",
            "m6i",
            "m4.large",
            "",
        ] {
            assert_eq!(room(unknown), None, "{unknown}");
        }
    }
}
