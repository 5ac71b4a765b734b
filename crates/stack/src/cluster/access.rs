//! Who may do what with the cluster.

use platctl_aws::eks::access_entry::AccessEntry;
use platctl_aws::eks::cluster::{self, Cluster as EksCluster};
use platctl_engine::Handle;
use serde_json::json;

use super::Cluster;
use crate::declare::{Checked, Declare};

impl Cluster {
    pub(super) fn access(&self, cluster: &Handle<EksCluster>, declare: &mut Declare<'_>) -> Checked<()> {
        let admins = self.admins.iter().map(|person| (person, "AmazonEKSClusterAdminPolicy"));
        let viewers = self.viewers.iter().map(|person| (person, "AmazonEKSViewPolicy"));
        for (person, policy) in admins.chain(viewers) {
            let name: String = person
                .value
                .rsplit(':')
                .next()
                .unwrap_or_default()
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .collect();
            let partition = &declare.context().partition;
            let policy = format!("arn:{partition}:eks::aws:cluster-access-policy/{policy}");
            declare.make::<AccessEntry>(
                &format!("access.{name}"),
                json!({
                    "cluster_name": cluster.json(cluster::out::NAME),
                    "principal_arn": person.value,
                    "access_policies": [{"policy_arn": policy}],
                }),
            )?;
        }
        Ok(())
    }
}
