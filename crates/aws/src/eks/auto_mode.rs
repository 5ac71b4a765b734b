//! EKS Auto Mode: three capabilities of a cluster that are enabled and disabled together.

use std::collections::BTreeSet;

use aws_sdk_eks::operation::update_cluster_config::builders::UpdateClusterConfigFluentBuilder;
use aws_sdk_eks::types::{
    self, BlockStorage, ComputeConfigRequest, ElasticLoadBalancing, KubernetesNetworkConfigRequest,
    StorageConfigRequest,
};
use platctl_engine::{Changes, CloudResult, Live, Resolved, SpecError, Stage};
use serde::{Deserialize, Serialize};

use super::cluster::{Cluster, Spec};
use crate::Cloud;
use crate::errors::{Asked, if_there};
use crate::types::Arn;

/// What a change of it touches.
pub(super) const PATHS: [&str; 3] = [
    "/compute_config",
    "/block_storage",
    "/elastic_load_balancing",
];
/// The node pools that EKS makes itself.
pub const NODE_POOLS: [&str; 2] = ["general-purpose", "system"];
/// Add-ons whose work EKS does itself on nodes of Auto Mode.
pub const BUILT_IN: [&str; 5] = [
    "aws-ebs-csi-driver",
    "coredns",
    "eks-pod-identity-agent",
    "kube-proxy",
    "vpc-cni",
];
/// Its volumes belong to another driver than those of Auto Mode.
const EBS: &str = "aws-ebs-csi-driver";

/// The compute capability of EKS Auto Mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct ComputeConfig<S: Stage = Resolved> {
    /// Whether EKS creates and deletes the nodes.
    pub enabled: bool,
    /// The node pools that EKS provides: `general-purpose` and `system`. Requires `node_role_arn`.
    #[serde(default)]
    pub node_pools: BTreeSet<String>,
    /// The ARN of the IAM role of the nodes. It must trust `ec2.amazonaws.com`. Requires `node_pools`. Cannot be
    /// changed while Auto Mode is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_role_arn: Option<S::In<Arn>>,
}

impl<S: Stage> Default for ComputeConfig<S> {
    fn default() -> Self {
        Self {
            enabled: false,
            node_pools: BTreeSet::new(),
            node_role_arn: None,
        }
    }
}

/// What is disabled has no pools and no role, whatever it had before.
pub(super) fn compute(cluster: &types::Cluster) -> ComputeConfig {
    let config = cluster
        .compute_config()
        .filter(|config| config.enabled() == Some(true));
    config.map_or_else(ComputeConfig::default, |config| ComputeConfig {
        enabled: true,
        node_pools: config.node_pools().iter().cloned().collect(),
        node_role_arn: config.node_role_arn().map(Arn::from),
    })
}

/// Whether volumes are EKS's.
pub(super) fn stores(cluster: &types::Cluster) -> bool {
    let storage = cluster.storage_config();
    storage.and_then(|storage| storage.block_storage()?.enabled()) == Some(true)
}

/// Whether load balancers are EKS's.
pub(super) fn balances(cluster: &types::Cluster) -> bool {
    let network = cluster.kubernetes_network_config();
    network.and_then(|network| network.elastic_load_balancing()?.enabled()) == Some(true)
}

fn is_enabled(spec: &Spec) -> bool {
    spec.compute_config
        .as_ref()
        .is_some_and(|config| config.enabled)
}

fn compute_request(config: &ComputeConfig) -> ComputeConfigRequest {
    let pools = config.node_pools.iter().cloned().collect();
    ComputeConfigRequest::builder()
        .enabled(config.enabled)
        .set_node_pools(config.enabled.then_some(pools))
        .set_node_role_arn(config.node_role_arn.as_ref().map(Arn::to_string))
        .build()
}

fn storage_request(enabled: bool) -> StorageConfigRequest {
    let storage = BlockStorage::builder().enabled(enabled).build();
    StorageConfigRequest::builder()
        .block_storage(storage)
        .build()
}

fn balancing_request(enabled: bool) -> ElasticLoadBalancing {
    ElasticLoadBalancing::builder().enabled(enabled).build()
}

/// Of a new cluster; nothing where it is not enabled, as for all clusters that have never heard of it.
pub(super) fn nodes(spec: &Spec) -> Option<ComputeConfigRequest> {
    let config = spec.compute_config.as_ref();
    config.filter(|config| config.enabled).map(compute_request)
}

/// The volumes of a new cluster.
pub(super) fn storage(spec: &Spec) -> Option<StorageConfigRequest> {
    is_enabled(spec).then(|| storage_request(true))
}

/// The load balancers of a new cluster.
pub(super) fn balancing(spec: &Spec) -> Option<ElasticLoadBalancing> {
    is_enabled(spec).then(|| balancing_request(true))
}

/// All three in one call: EKS takes them together only. What is not stated stays as it is.
pub(super) fn update(
    call: UpdateClusterConfigFluentBuilder,
    live: &Live<Cluster>,
    spec: &Spec,
) -> UpdateClusterConfigFluentBuilder {
    let config = spec
        .compute_config
        .as_ref()
        .or(live.spec.compute_config.as_ref());
    let enabled = config.is_some_and(|config| config.enabled);
    let network = KubernetesNetworkConfigRequest::builder()
        .elastic_load_balancing(balancing_request(enabled))
        .build();
    call.set_compute_config(config.map(compute_request))
        .storage_config(storage_request(enabled))
        .kubernetes_network_config(network)
}

/// What EKS refuses of it.
pub(super) fn check(spec: &Spec) -> Result<(), SpecError> {
    let Some(config) = &spec.compute_config else {
        let stated = [
            ("/block_storage", spec.block_storage),
            ("/elastic_load_balancing", spec.elastic_load_balancing),
        ];
        let alone = stated.iter().find(|(_, enabled)| *enabled == Some(true));
        return alone.map_or(Ok(()), |(path, _)| {
            Err(SpecError::new(*path, "requires compute_config.enabled"))
        });
    };
    let others = [spec.block_storage, spec.elastic_load_balancing];
    if others
        .iter()
        .any(|other| other.unwrap_or_default() != config.enabled)
    {
        let message =
            "must be enabled or disabled together with block_storage and elastic_load_balancing";
        return Err(SpecError::new("/compute_config/enabled", message));
    }
    if config.enabled && spec.bootstrap_self_managed_addons {
        let message = "must be false if EKS Auto Mode is enabled";
        return Err(SpecError::new("/bootstrap_self_managed_addons", message));
    }
    if config.enabled && spec.authentication_mode == super::cluster::AuthenticationMode::ConfigMap {
        let message = "must be API or API_AND_CONFIG_MAP if EKS Auto Mode is enabled";
        return Err(SpecError::new("/authentication_mode", message));
    }
    if !config.enabled && (!config.node_pools.is_empty() || config.node_role_arn.is_some()) {
        let message = "must be true if node_pools or node_role_arn are set";
        return Err(SpecError::new("/compute_config/enabled", message));
    }
    if config.node_pools.is_empty() == config.node_role_arn.is_some() {
        let message = "node_pools and node_role_arn must be set together";
        return Err(SpecError::new("/compute_config/node_pools", message));
    }
    let unknown = |pool: &&String| !NODE_POOLS.contains(&pool.as_str());
    match config.node_pools.iter().find(unknown) {
        Some(pool) => {
            let message = format!("`{pool}` must be one of {}", NODE_POOLS.join(", "));
            Err(SpecError::new("/compute_config/node_pools", message))
        }
        None => Ok(()),
    }
}

/// What cannot be changed in place, or not without what runs in the cluster.
pub(super) async fn vet(
    cloud: &Cloud,
    live: &Live<Cluster>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<Vec<SpecError>> {
    let (Some(from), Some(to)) = (&live.spec.compute_config, &spec.compute_config) else {
        return Ok(Vec::new());
    };
    if !changes.touch("/compute_config") {
        return Ok(Vec::new());
    }
    let fault = |path: &str, message: &str| Ok(vec![SpecError::new(path, message)]);
    match (from.enabled, to.enabled) {
        (true, true) if is_other(from.node_role_arn.as_ref(), to.node_role_arn.as_ref()) => fault(
            "/compute_config/node_role_arn",
            "cannot be changed while EKS Auto Mode is enabled. Use the role that the cluster has",
        ),
        (true, false) => fault("/compute_config/enabled", DISABLING),
        (false, true) if has_addon(cloud, live.id.as_str(), EBS).await? => {
            fault("/compute_config/enabled", ENABLING)
        }
        _ => Ok(Vec::new()),
    }
}

/// From none to one, and from one to none, it can be changed.
fn is_other(from: Option<&Arn>, to: Option<&Arn>) -> bool {
    from.zip(to).is_some_and(|(from, to)| from != to)
}

const ENABLING: &str = "cannot be enabled: the cluster has the add-on aws-ebs-csi-driver, and nodes of EKS Auto Mode \
     cannot use the volumes of this driver. Create another stack with Auto Mode, and move the data there";
const DISABLING: &str = "cannot be disabled: EKS would delete all nodes of the cluster, and other nodes cannot use \
     the volumes of EKS Auto Mode. Create another stack without Auto Mode, and move the data there";

async fn has_addon(cloud: &Cloud, cluster: &str, name: &str) -> CloudResult<bool> {
    let pages = cloud.eks.list_addons().cluster_name(cluster);
    let names: Result<Vec<String>, _> = pages.into_paginator().items().send().collect().await;
    let names = if_there(names.asked())?.unwrap_or_default();
    Ok(names.iter().any(|one| one == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_eks::operation::list_addons::ListAddonsOutput;
    use aws_sdk_eks::operation::update_cluster_config::UpdateClusterConfigOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use platctl_engine::Kind;
    use serde_json::json;

    const ROLE: &str = "arn:aws:iam::123456789012:role/eks-auto-nodes";

    fn enabled() -> ComputeConfig {
        ComputeConfig {
            enabled: true,
            node_pools: NODE_POOLS.map(ToOwned::to_owned).into(),
            node_role_arn: Some(ROLE.into()),
        }
    }

    fn with(config: ComputeConfig) -> Spec {
        Spec {
            block_storage: Some(config.enabled),
            elastic_load_balancing: Some(config.enabled),
            compute_config: Some(config),
            ..Cluster::example()
        }
    }

    fn live(spec: Spec) -> Live<Cluster> {
        let cluster = types::Cluster::builder().name("prod").build();
        let found = super::super::cluster::live(&cluster).unwrap();
        Live { spec, ..found }
    }

    #[test]
    fn the_three_capabilities_go_together() {
        Cluster::check(&with(enabled())).unwrap();
        Cluster::check(&with(ComputeConfig::default())).unwrap();
        let wrong = |spec: Spec| Cluster::check(&spec).unwrap_err().path;
        let half = Spec {
            block_storage: Some(false),
            ..with(enabled())
        };
        assert_eq!(wrong(half), "/compute_config/enabled");
        let alone = Spec {
            block_storage: Some(true),
            ..Cluster::example()
        };
        assert_eq!(wrong(alone), "/block_storage");
        let addons = Spec {
            bootstrap_self_managed_addons: true,
            ..with(enabled())
        };
        assert_eq!(wrong(addons), "/bootstrap_self_managed_addons");
        let without_role = ComputeConfig {
            node_role_arn: None,
            ..enabled()
        };
        assert_eq!(wrong(with(without_role)), "/compute_config/node_pools");
        let without_pools = ComputeConfig {
            node_pools: BTreeSet::new(),
            ..enabled()
        };
        assert_eq!(wrong(with(without_pools)), "/compute_config/node_pools");
        let unknown = ComputeConfig {
            node_pools: BTreeSet::from(["genera-purpose".into()]),
            ..enabled()
        };
        assert_eq!(wrong(with(unknown)), "/compute_config/node_pools");
    }

    #[test]
    fn a_cluster_that_has_never_heard_of_it_has_it_disabled() {
        let cluster = types::Cluster::builder().name("prod").build();
        assert_eq!(compute(&cluster), ComputeConfig::default());
        assert!(!stores(&cluster) && !balances(&cluster));
        // And none is asked for where it is not wanted.
        let spec = with(ComputeConfig::default());
        assert!(nodes(&spec).is_none() && storage(&spec).is_none() && balancing(&spec).is_none());
    }

    #[tokio::test]
    async fn all_three_are_updated_in_one_call() {
        let update = mock!(aws_sdk_eks::Client::update_cluster_config)
            .match_requests(|request| {
                let config = request.compute_config().unwrap();
                let storage = request.storage_config().unwrap().block_storage().unwrap();
                let network = request.kubernetes_network_config().unwrap();
                config.enabled() == Some(true)
                    && config.node_role_arn() == Some(ROLE)
                    && config.node_pools() == NODE_POOLS
                    && storage.enabled() == Some(true)
                    && network.elastic_load_balancing().unwrap().enabled() == Some(true)
                    && network.service_ipv4_cidr().is_none()
            })
            .then_output(|| UpdateClusterConfigOutput::builder().build());
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&update]).into(),
            ..cloud()
        };
        let before = live(with(ComputeConfig::default()));
        let asked = changes(&[
            ("/compute_config/enabled", json!(false), json!(true)),
            ("/block_storage", json!(false), json!(true)),
        ]);
        Cluster::update(&cloud, &before, &with(enabled()), &asked, &owner())
            .await
            .unwrap();
        assert_eq!(update.num_calls(), 1);
    }

    #[tokio::test]
    async fn nothing_is_changed_under_volumes_that_the_new_nodes_cannot_use() {
        let asked = changes(&[("/compute_config/enabled", json!(false), json!(true))]);
        for (addons, allowed) in [(vec!["coredns"], true), (vec!["coredns", EBS], false)] {
            let list = mock!(aws_sdk_eks::Client::list_addons).then_output(move || {
                let addons = addons.iter().map(ToString::to_string).collect();
                ListAddonsOutput::builder().set_addons(Some(addons)).build()
            });
            let cloud = Cloud {
                eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&list]).into(),
                ..cloud()
            };
            let before = live(with(ComputeConfig::default()));
            let faults = vet(&cloud, &before, &with(enabled()), &asked)
                .await
                .unwrap();
            assert_eq!(faults.is_empty(), allowed, "{faults:?}");
        }
        let asked = changes(&[("/compute_config/enabled", json!(true), json!(false))]);
        let faults = vet(
            &cloud(),
            &live(with(enabled())),
            &with(ComputeConfig::default()),
            &asked,
        )
        .await
        .unwrap();
        assert!(faults[0].message.contains("another stack"), "{faults:?}");
    }

    #[tokio::test]
    async fn the_role_of_its_nodes_stays() {
        let other = ComputeConfig {
            node_role_arn: Some("arn:aws:iam::123456789012:role/other".into()),
            ..enabled()
        };
        let asked = changes(&[("/compute_config/node_role_arn", json!(ROLE), json!("other"))]);
        let faults = vet(&cloud(), &live(with(enabled())), &with(other), &asked)
            .await
            .unwrap();
        assert_eq!(faults[0].path, "/compute_config/node_role_arn");
    }
}
