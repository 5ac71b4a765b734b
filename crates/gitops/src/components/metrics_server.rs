//! metrics-server.

use serde_json::json;

use crate::component::{Component, PLAIN};
use crate::versions::METRICS_SERVER;

pub(crate) const COMPONENT: Component = Component {
    name: "metrics-server",
    purpose: "Provides resource metrics of pods for autoscaling and `kubectl top`",
    namespace: "kube-system",
    wave: -2,
    chart: Some(METRICS_SERVER),
    values: |_, _| json!({"replicas": 2, "podDisruptionBudget": {"enabled": true, "minAvailable": 1}}),
    health: &["Deployment kube-system/metrics-server"],
    ..PLAIN
};
