//! The class of disks that all claims use.

use serde_json::json;

use super::STORAGE;
use crate::component::{Component, PLAIN};

pub(crate) const COMPONENT: Component = Component {
    name: "storage",
    purpose: "Encrypted gp3 volumes, created in the zone of the pod",
    namespace: "kube-system",
    wave: -3,
    objects: |inputs, _| {
        let driver = if inputs.nodes.is_auto() {
            "ebs.csi.eks.amazonaws.com"
        } else {
            "ebs.csi.aws.com"
        };
        vec![json!({
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": STORAGE,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": driver,
            "parameters": {"type": "gp3", "encrypted": "true"},
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowVolumeExpansion": true,
            "reclaimPolicy": "Delete",
        })]
    },
    ..PLAIN
};
