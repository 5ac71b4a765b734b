//! The OpenTelemetry collector.

use serde_json::json;

use crate::application::LAST_WAVE;
use crate::component::{Component, Door, PLAIN, PodSecurity, Pods, Resources, spread};
use crate::versions::OPENTELEMETRY;

const NAME: &str = "opentelemetry-collector";
const REPLICAS: u32 = 2;
/// What the limit of memory is a percentage of, in its configuration.
const CONTAINER: Resources = Resources::new(50, 128, 512);

pub(crate) const COMPONENT: Component = Component {
    name: NAME,
    purpose: "Receives the traces of services (OTLP at opentelemetry-collector.tracing:4317)",
    namespace: "tracing",
    wave: LAST_WAVE,
    pod_security: PodSecurity::Baseline,
    doors: |inputs| {
        let from = inputs.service_namespaces();
        if from.is_empty() {
            return Vec::new();
        }
        let labels = json!({"app.kubernetes.io/name": NAME});
        vec![Door {
            name: "traces",
            labels,
            ports: vec![4317, 4318],
            from,
        }]
    },
    pods: |_, _| vec![Pods::of(NAME, REPLICAS, &[CONTAINER])],
    needs: &["jaeger"],
    chart: Some(OPENTELEMETRY),
    values: |_, _| {
        json!({
            "mode": "deployment",
            "replicaCount": REPLICAS,
            "resources": CONTAINER.json(),
            "podDisruptionBudget": {"enabled": true, "maxUnavailable": 1},
            "topologySpreadConstraints": spread(&json!({"app.kubernetes.io/name": NAME})),
            // Services speak OTLP; a port of the node that nobody uses is one that something else cannot have.
            "ports": {
                "jaeger-compact": {"enabled": false}, "jaeger-grpc": {"enabled": false},
                "jaeger-thrift": {"enabled": false}, "zipkin": {"enabled": false},
            },
            "image": {"repository": "otel/opentelemetry-collector-contrib"},
            "fullnameOverride": NAME,
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
