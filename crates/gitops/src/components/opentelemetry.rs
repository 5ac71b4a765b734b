//! The OpenTelemetry collector.

use serde_json::json;

use crate::component::{Component, PLAIN};
use crate::versions::OPENTELEMETRY;

pub(crate) const COMPONENT: Component = Component {
    name: "opentelemetry-collector",
    purpose: "Receives the traces of services (OTLP at opentelemetry-collector.tracing:4317)",
    namespace: "tracing",
    wave: 1,
    needs: &["jaeger"],
    chart: Some(OPENTELEMETRY),
    values: |_, _| {
        json!({
            "mode": "deployment",
            "replicaCount": 2,
            "image": {"repository": "otel/opentelemetry-collector-contrib"},
            "fullnameOverride": "opentelemetry-collector",
            "config": {
                "receivers": {"otlp": {"protocols": {
                    "grpc": {"endpoint": "0.0.0.0:4317"}, "http": {"endpoint": "0.0.0.0:4318"},
                }}},
                "processors": {"batch": {}, "memory_limiter": {
                    "check_interval": "5s", "limit_percentage": 80, "spike_limit_percentage": 25,
                }},
                "exporters": {"otlp": {"endpoint": "jaeger.tracing:4317", "tls": {"insecure": true}}},
                "service": {"pipelines": {"traces": {
                    "receivers": ["otlp"], "processors": ["memory_limiter", "batch"], "exporters": ["otlp"],
                }}},
            },
        })
    },
    health: &["Deployment tracing/opentelemetry-collector"],
    ..PLAIN
};
