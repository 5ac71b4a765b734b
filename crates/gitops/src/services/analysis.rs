//! What a new version is held against before it can be promoted.

use serde_json::{Value, json};

use super::metadata;
use super::pod::CONTAINER;
use crate::{Analysis, Service};

const PROMETHEUS: &str = "http://prometheus-kube-prometheus-prometheus.monitoring:9090";
/// The histogram of the time that answers take, by OpenTelemetry's conventions.
const DURATIONS: &str = "http_server_request_duration_seconds";

/// A version that nobody asked anything has no value, and passes.
fn at_most(limit: f64) -> String {
    format!("len(result) == 0 || isNaN(result[0]) || result[0] <= {limit}")
}

fn metric(name: &str, condition: &str, query: &str) -> Value {
    json!({
        "name": name,
        "initialDelay": "60s",
        "interval": "30s",
        "count": 4,
        "failureLimit": 1,
        "successCondition": condition,
        "provider": {"prometheus": {"address": PROMETHEUS, "query": query}},
    })
}

/// The share of requests that fail, how long answers take, and whether containers start again and again.
pub(super) fn template(service: &Service, limits: Analysis) -> Value {
    let namespace = service.namespace();
    let of = format!("namespace=\"{namespace}\",rollouts_pod_template_hash=\"{{{{args.hash}}}}\"");
    let errors = format!(
        "sum(rate({DURATIONS}_count{{{of},http_response_status_code=~\"5..\"}}[2m])) / sum(rate({DURATIONS}_count{{{of}}}[2m]))"
    );
    let latency =
        format!("histogram_quantile(0.95, sum by (le) (rate({DURATIONS}_bucket{{{of}}}[2m])))");
    let restarts = format!(
        "sum(increase(kube_pod_container_status_restarts_total{{namespace=\"{namespace}\",container=\"{CONTAINER}\",pod=~\"{}-{{{{args.hash}}}}-.*\"}}[5m]))",
        service.name
    );
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": metadata(service, &service.name),
        "spec": {
            "args": [{"name": "hash"}],
            "metrics": [
                metric("error-rate", &at_most(limits.errors / 100.0), &errors),
                metric("latency", &at_most(f64::from(limits.latency_ms) / 1000.0), &latency),
                metric("restarts", &at_most(0.0), &restarts),
            ],
        },
    })
}

/// How a Rollout asks for it, with the hash of the version that is to be promoted.
pub(super) fn reference(service: &Service) -> Value {
    json!({
        "templates": [{"templateName": service.name}],
        "args": [{"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}],
    })
}
