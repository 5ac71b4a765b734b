//! The node pools of Karpenter. They are an Application of their own, after that of the controller: Argo CD deletes
//! them before it, and the controller drains their nodes.

use crate::component::{Component, PLAIN, when_defined};

pub(crate) const COMPONENT: Component = Component {
    name: "node-pools",
    purpose: "The node pools of Karpenter: instance types, limits and expiry of nodes",
    namespace: "kube-system",
    wave: -2,
    needs: &["karpenter"],
    objects: |inputs, _| {
        let Some(karpenter) = inputs.nodes.karpenter() else {
            return Vec::new();
        };
        let annotations = when_defined();
        let of = |pool: &crate::nodes::Pool| {
            [
                pool.node_class(karpenter, &annotations),
                pool.node_pool(&annotations),
            ]
        };
        karpenter.pools.iter().flat_map(of).collect()
    },
    // Without pools there is no Application: Argo CD deletes those that are there, and the controller drains their nodes.
    missing: |inputs, _| match inputs.nodes.karpenter() {
        None => Some("requires `cluster.nodes: karpenter`"),
        Some(karpenter) if karpenter.pools.is_empty() => {
            Some("requires a pool in `cluster.node_pools`")
        }
        Some(_) => None,
    },
    ..PLAIN
};
