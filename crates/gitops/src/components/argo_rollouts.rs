//! Argo Rollouts.

use serde_json::json;

use crate::component::{Component, PLAIN};
use crate::versions::ARGO_ROLLOUTS;

pub(crate) const COMPONENT: Component = Component {
    name: "argo-rollouts",
    purpose: "Deploys new versions beside the old ones, and switches when they are promoted",
    namespace: "argo-rollouts",
    wave: 0,
    chart: Some(ARGO_ROLLOUTS),
    values: |_, _| {
        json!({
            "controller": {"replicas": 2, "metrics": {"enabled": true, "serviceMonitor": {"enabled": false}}},
            "dashboard": {"enabled": false},
        })
    },
    health: &["Deployment argo-rollouts/argo-rollouts"],
    ..PLAIN
};
