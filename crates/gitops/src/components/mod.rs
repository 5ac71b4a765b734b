//! All components. Adding one is its file and one line here.

pub(crate) mod argo_cd;
mod argo_cd_backup;
mod argo_rollouts;
mod auto_mode;
pub(crate) mod cert_manager;
mod cluster_autoscaler;
mod eck_operator;
mod elasticsearch;
mod external_dns;
pub(crate) mod external_secrets;
mod fluent_bit;
mod image_updater;
mod jaeger;
mod karpenter;
mod lets_encrypt;
mod load_balancer_controller;
mod metrics_server;
pub(crate) mod namespaces;
mod node_pools;
mod opentelemetry;
mod prometheus;
pub(crate) mod reloader;
mod sonarqube;
mod storage;
pub(crate) mod vault;

use crate::Component;

/// Every component that there is.
#[must_use]
pub const fn all() -> &'static [Component] {
    &[
        argo_cd::COMPONENT,
        argo_cd_backup::COMPONENT,
        argo_rollouts::COMPONENT,
        auto_mode::COMPONENT,
        cert_manager::COMPONENT,
        cluster_autoscaler::COMPONENT,
        eck_operator::COMPONENT,
        elasticsearch::COMPONENT,
        external_dns::COMPONENT,
        external_secrets::COMPONENT,
        fluent_bit::COMPONENT,
        image_updater::COMPONENT,
        jaeger::COMPONENT,
        karpenter::COMPONENT,
        lets_encrypt::COMPONENT,
        load_balancer_controller::COMPONENT,
        metrics_server::COMPONENT,
        namespaces::COMPONENT,
        node_pools::COMPONENT,
        opentelemetry::COMPONENT,
        prometheus::COMPONENT,
        reloader::COMPONENT,
        sonarqube::COMPONENT,
        storage::COMPONENT,
        vault::COMPONENT,
    ]
}

/// Disks that claims ask for.
pub(crate) const STORAGE: &str = "gp3";

/// What volumes of claims leave behind.
pub(crate) const VOLUMES: crate::Leftover = crate::Leftover {
    what: "EBS volumes of PersistentVolumeClaims that were not deleted",
    found_by: "ebs.csi.aws.com/cluster=true and kubernetes.io/cluster/CLUSTER=owned, or ebs.csi.aws.com/cluster-name=CLUSTER",
};
