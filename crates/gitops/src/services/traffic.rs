//! How requests reach a service, and how it is measured.

use serde_json::{Value, json};

use super::{metadata, selector};
use crate::component::when_defined;
use crate::{Inputs, Service};

/// What tells the Service that answers from the one of the preview: both have the same pods for most of the time.
fn answering(service: &Service) -> Value {
    json!({"app.kubernetes.io/name": service.name, "app.kubernetes.io/component": "active"})
}

fn preview(service: &Service) -> String {
    format!("{}-preview", service.name)
}

pub(super) fn network(service: &Service) -> Vec<Value> {
    let one = |name: &str, component: &str| {
        let mut metadata = metadata(service, name);
        metadata["labels"]["app.kubernetes.io/component"] = component.into();
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": selector(service),
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        })
    };
    let mut services = vec![one(&service.name, "active")];
    if service.blue_green() {
        services.push(one(&preview(service), "preview"));
    }
    services
}

/// Where a new version is analysed, each pod is measured with the hash that tells its version; otherwise those that
/// answer are.
pub(super) fn monitoring(service: &Service) -> Vec<Value> {
    let mut metadata = metadata(service, &service.name);
    // Services do not wait for Prometheus.
    metadata["annotations"] = when_defined();
    let endpoint = json!({"port": "http", "path": "/metrics", "interval": "30s"});
    let (kind, spec) = if service.is_analysed() {
        let spec = json!({
            "selector": {"matchLabels": selector(service)},
            "podTargetLabels": ["rollouts-pod-template-hash"],
            "podMetricsEndpoints": [endpoint],
        });
        ("PodMonitor", spec)
    } else {
        let spec = json!({
            "selector": {"matchLabels": answering(service)},
            "endpoints": [endpoint],
        });
        ("ServiceMonitor", spec)
    };
    vec![json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    })]
}

/// Pods become targets of the service's own groups, behind the one load balancer that all share.
pub(super) fn targets(service: &Service, inputs: &Inputs) -> Vec<Value> {
    let Some(web) = service.web() else {
        return Vec::new();
    };
    let binding = |name: &str, group: &Value| {
        let mut binding = json!({
            "apiVersion": "elbv2.k8s.aws/v1beta1",
            "kind": "TargetGroupBinding",
            "metadata": metadata(service, name),
            "spec": {
                "serviceRef": {"name": name, "port": 80},
                "targetGroupARN": group,
                "targetType": "ip",
            },
        });
        // EKS Auto Mode has a controller of its own, which knows its VPC.
        if inputs.nodes.is_auto() {
            binding["apiVersion"] = "eks.amazonaws.com/v1".into();
        } else {
            binding["spec"]["vpcID"] = inputs.vpc_id.clone();
        }
        binding
    };
    let active = web
        .target_group
        .iter()
        .map(|group| binding(&service.name, group));
    let preview = web
        .preview_group
        .iter()
        .map(|group| binding(&preview(service), group));
    active.chain(preview).collect()
}
