//! metrics-server.

use serde_json::json;

use crate::application::LAST_WAVE;
use crate::component::{Component, PLAIN, Pods, Resources, spread};
use crate::versions::METRICS_SERVER;

const REPLICAS: u32 = 2;
const CONTAINER: Resources = Resources::new(100, 200, 512);

pub(crate) const COMPONENT: Component = Component {
    name: "metrics-server",
    purpose: "Provides resource metrics of pods for autoscaling and `kubectl top`",
    namespace: "kube-system",
    wave: LAST_WAVE,
    pods: |_, _| vec![Pods::of("metrics-server", REPLICAS, &[CONTAINER])],
    chart: Some(METRICS_SERVER),
    values: |_, _| {
        json!({
            "replicas": REPLICAS,
            "resources": CONTAINER.json(),
            "podDisruptionBudget": {"enabled": true, "minAvailable": 1},
            "topologySpreadConstraints": spread(&json!({"app.kubernetes.io/name": "metrics-server"})),
        })
    },
    health: &["Deployment kube-system/metrics-server"],
    ..PLAIN
};
