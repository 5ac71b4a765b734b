//! What a stack file says, may say, and probably does not mean.

use platctl_gitops::Settings;

use crate::file::File;

impl File {
    /// What is worth a warning, each with what to type.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let cluster = self.cluster.as_ref();
        let mut warnings = cluster.map_or_else(Vec::new, crate::cluster::Cluster::warnings);
        if cluster.is_some_and(crate::cluster::Cluster::admits_nobody) {
            warnings.push(
                "no IAM role or user is admitted to the cluster, and its endpoint is private. Add \
                 `cluster.admins: [arn:aws:iam::ACCOUNT:role/NAME]`; to connect, use `platctl kubeconfig` and \
                 `platctl connect`"
                    .to_owned(),
            );
        }
        let Some(settings) = &self.gitops else {
            return warnings;
        };
        if self.alerts.is_none() && settings.alerts_by_topic() {
            warnings.push(
                "alerts of the cluster are sent to nobody. Add `alerts: {email: ops@example.com}`, or receivers in \
                 `gitops.prometheus.alerts`"
                    .to_owned(),
            );
        }
        if self.spans_zones(settings) {
            warnings.push(
                "no node group is limited to one availability zone, so Cluster Autoscaler cannot always add a node in \
                 the zone of an EBS volume. Set `per_zone: true` for a node group"
                    .to_owned(),
            );
        }
        warnings
    }

    /// Whether pods with volumes depend on groups of nodes that span zones.
    fn spans_zones(&self, settings: &Settings) -> bool {
        let scales = settings.cluster_autoscaler != Some(false) && settings.keeps_volumes();
        scales
            && self
                .cluster
                .as_ref()
                .is_some_and(|cluster| cluster.has_only_groups() && !cluster.has_group_per_zone())
    }
}
