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
    missing: |inputs, _| {
        inputs
            .nodes
            .karpenter()
            .is_none()
            .then_some("requires `cluster.nodes: karpenter`")
    },
    ..PLAIN
};
