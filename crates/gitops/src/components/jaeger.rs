//! Jaeger.

use serde_json::json;

use crate::component::{Component, PLAIN};
use crate::versions::JAEGER;

pub(crate) const COMPONENT: Component = Component {
    name: "jaeger",
    purpose: "Shows traces of the last hours, stored in memory",
    namespace: "tracing",
    wave: 1,
    chart: Some(JAEGER),
    values: |_, _| json!({"fullnameOverride": "jaeger"}),
    health: &["Deployment tracing/jaeger"],
    ..PLAIN
};
