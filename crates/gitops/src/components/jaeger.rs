//! Jaeger.

use serde_json::json;

use crate::component::{Component, PLAIN};
use crate::versions::JAEGER;

pub(crate) const COMPONENT: Component = Component {
    name: "jaeger",
    purpose: "Shows traces; keeps them in memory, so that those of the last hours are there",
    namespace: "tracing",
    wave: 1,
    chart: Some(JAEGER),
    values: |_, _| json!({"fullnameOverride": "jaeger"}),
    health: &["Deployment tracing/jaeger"],
    ..PLAIN
};
