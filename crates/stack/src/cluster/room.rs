//! Whether the cluster is one that Argo CD can be brought into, and that it can run in.

use platctl_gitops::Settings;

use super::{Cluster, Endpoint, NodeGroup};
use crate::common::Ground;
use crate::declare::Declare;
use crate::error::Fault;

/// Its highly available manifest keeps three copies of Redis, each on a node of its own: with fewer, it never gets well.
const NODES: u16 = 3;

/// The fewest nodes of a group that does not say.
pub(super) fn fewest(ground: &Ground) -> u16 {
    u16::try_from(ground.zones.len()).unwrap_or(NODES).max(NODES)
}

impl Cluster {
    /// What stands in the way of `gitops:`, where platctl brings Argo CD.
    pub(crate) fn check_for(
        &self,
        settings: &Settings,
        ground: &Ground,
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
            faults.push(fault.at(self.endpoint.span, "platctl connects from outside the VPC").help(help));
        }
        // Nobody knows what another manifest needs.
        if settings.manifest.is_none() {
            faults.extend(self.check_room(ground));
        }
        faults
    }

    fn check_room(&self, ground: &Ground) -> Option<Fault> {
        let groups = self.node_groups.as_ref()?;
        let open = groups.values().filter(|group| !group.value.is_tainted());
        let nodes = open.fold(0_u16, |sum, group| sum.saturating_add(self.sizes(&group.value, ground).0));
        if nodes >= NODES {
            return None;
        }
        let message =
            format!("Argo CD requires {NODES} untainted nodes, but this cluster may have only {nodes}");
        let fault = groups.values().fold(Fault::new(message), |fault, group| {
            let label = if group.value.is_tainted() { "tainted" } else { "too few" };
            fault.at(group.span, label)
        });
        Some(fault.help(format!(
            "set `min` to {NODES}, or set gitops.manifest to the manifest of a smaller Argo CD installation"
        )))
    }
}

impl NodeGroup {
    /// Whether pods that do not say otherwise stay away.
    fn is_tainted(&self) -> bool {
        self.taints.iter().any(|taint| !taint.value.ends_with(":PreferNoSchedule"))
    }
}
