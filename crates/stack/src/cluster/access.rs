//! Who may do what with the cluster.

use std::collections::BTreeSet;

use platctl_aws::eks::access_entry::{self, AccessEntry, AccessPolicy};
use platctl_aws::eks::cluster::{self, Cluster as EksCluster};
use platctl_aws::types::Arn;
use platctl_engine::{Address, Handle};

use super::{Cluster, Endpoint};
use crate::declare::{Checked, Declare};

impl Cluster {
    /// Whether nobody is let in, at an endpoint that is not open either. Whoever creates a cluster is not let in.
    pub(crate) fn admits_nobody(&self) -> bool {
        self.admins.is_empty()
            && self.viewers.is_empty()
            && self.endpoint.value == Endpoint::Private
    }

    /// Answers what lets people in.
    pub(super) fn access(
        &self,
        cluster: &Handle<EksCluster>,
        declare: &mut Declare<'_>,
    ) -> Checked<Vec<Address>> {
        let mut made = Vec::new();
        let admins = self
            .admins
            .iter()
            .map(|person| (person, "AmazonEKSClusterAdminPolicy"));
        let viewers = self
            .viewers
            .iter()
            .map(|person| (person, "AmazonEKSViewPolicy"));
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
            let address = format!("access.{name}");
            let spec = access_entry::Spec {
                cluster_name: cluster.get(cluster::out::NAME),
                principal_arn: Arn(person.value.clone()).into(),
                kind: None,
                kubernetes_groups: None,
                username: None,
                access_policies: BTreeSet::from([AccessPolicy {
                    policy_arn: Arn(policy),
                    namespaces: BTreeSet::new(),
                }]),
                tags: declare.tags(&address),
            };
            let entry: Handle<AccessEntry> = declare.add(&address, &spec)?;
            made.push(entry.address().clone());
        }
        Ok(made)
    }
}
