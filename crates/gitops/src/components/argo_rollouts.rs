//! Argo Rollouts.

use serde_json::json;

use crate::component::{Component, Exit, PLAIN, Pods, Resources, To, spread};
use crate::versions::ARGO_ROLLOUTS;

const REPLICAS: u32 = 2;
const CONTROLLER: Resources = Resources::new(50, 128, 512);

pub(crate) const COMPONENT: Component = Component {
    name: "argo-rollouts",
    purpose: "Deploys new versions beside the old ones, and switches when they are promoted",
    namespace: "argo-rollouts",
    wave: -2,
    chart: Some(ARGO_ROLLOUTS),
    exits: |_, _| {
        // Analyses of a deployment ask Prometheus.
        let metrics = Exit {
            name: "to-metrics",
            labels: json!({}),
            to: vec![(To::Namespaces(vec!["monitoring".into()]), vec![9090])],
        };
        vec![Exit::https(), metrics]
    },
    pods: |_, _| vec![Pods::of("argo-rollouts", REPLICAS, &[CONTROLLER])],
    values: |_, _| {
        json!({
            "controller": {
                "replicas": REPLICAS,
                "resources": CONTROLLER.json(),
                "pdb": {"enabled": true, "maxUnavailable": 1},
                "topologySpreadConstraints": spread(&json!({"app.kubernetes.io/name": "argo-rollouts"})),
                "metrics": {"enabled": true, "serviceMonitor": {"enabled": false}},
            },
            "dashboard": {"enabled": false},
        })
    },
    health: &["Deployment argo-rollouts/argo-rollouts"],
    ..PLAIN
};
