//! Jaeger.

use serde_json::json;

use crate::application::LAST_WAVE;
use crate::component::{Component, PLAIN, PodSecurity, Pods, Resources};
use crate::versions::JAEGER;

/// It keeps traces in memory.
const CONTAINER: Resources = Resources::new(50, 256, 1024);

pub(crate) const COMPONENT: Component = Component {
    name: "jaeger",
    purpose: "Shows traces of the last hours, stored in memory",
    namespace: "tracing",
    wave: LAST_WAVE,
    // The charts of this namespace state no security context that is complete.
    pod_security: PodSecurity::Baseline,
    pods: |_, _| vec![Pods::of("jaeger", 1, &[CONTAINER])],
    chart: Some(JAEGER),
    values: |_, _| json!({"fullnameOverride": "jaeger", "jaeger": {"resources": CONTAINER.json()}}),
    health: &["Deployment tracing/jaeger"],
    ..PLAIN
};
