//! What EKS Auto Mode is told by objects in the cluster.

use serde_json::json;

use crate::component::{Component, PLAIN};

pub(crate) const COMPONENT: Component = Component {
    name: "auto-mode",
    purpose: "Settings of EKS Auto Mode: network policies are enforced",
    namespace: "kube-system",
    wave: -3,
    // Otherwise network policies are objects that nobody looks at.
    objects: |_, _| {
        vec![json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "amazon-vpc-cni", "namespace": "kube-system"},
            "data": {"enable-network-policy-controller": "true"},
        })]
    },
    missing: |inputs, _| (!inputs.nodes.is_auto()).then_some("requires `cluster.nodes: auto`"),
    ..PLAIN
};
