//! What a service is in the cluster.

use serde_json::{Value, json};

use crate::{Inputs, Service};

/// For how long the load balancer goes on sending to pods that leave, and a little more: the old version has to
/// stay until nobody is sent there any more.
const DEREGISTRATION: u16 = 330;

/// The objects of a service, by the name of their file.
pub(crate) fn objects(service: &Service, inputs: &Inputs) -> Vec<(&'static str, Vec<Value>)> {
    let mut files = vec![
        ("namespace.yaml", vec![namespace(service), account(service)]),
        ("rollout.yaml", vec![rollout(service, inputs)]),
        ("service.yaml", network(service)),
        ("scaling.yaml", vec![scaling(service), disruptions(service)]),
        ("monitoring.yaml", vec![monitor(service)]),
    ];
    if let Some(group) = &service.target_group {
        files.push(("targets.yaml", vec![targets(service, group, inputs)]));
    }
    files
}

/// What lists them.
pub(crate) fn kustomization(service: &Service, inputs: &Inputs) -> Value {
    let files: Vec<&str> = objects(service, inputs).into_iter().map(|(name, _)| name).collect();
    json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": service.name,
        "resources": files,
    })
}

fn metadata(service: &Service, name: &str) -> Value {
    json!({
        "name": name,
        "namespace": service.name,
        "labels": {"app.kubernetes.io/name": service.name, "app.kubernetes.io/part-of": "services"},
    })
}

fn selector(service: &Service) -> Value {
    json!({"app.kubernetes.io/name": service.name})
}

fn namespace(service: &Service) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": service.name,
            "labels": {
                // A pod is ready when the load balancer thinks so too.
                "elbv2.k8s.aws/pod-readiness-gate-inject": "enabled",
                "pod-security.kubernetes.io/enforce": "restricted",
            },
        },
    })
}

fn account(service: &Service) -> Value {
    let mut metadata = metadata(service, &service.name);
    metadata["annotations"] = json!({"eks.amazonaws.com/role-arn": service.role});
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
}

fn probe(service: &Service, failures: u8) -> Value {
    json!({
        "httpGet": {"path": service.health_path, "port": "http"},
        "periodSeconds": 5,
        "failureThreshold": failures,
    })
}

fn container(service: &Service) -> Value {
    json!({
        "name": "app",
        "image": service.image,
        "ports": [{"name": "http", "containerPort": service.port}],
        "env": [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://opentelemetry-collector.tracing:4317"}],
        "readinessProbe": probe(service, 3),
        "livenessProbe": probe(service, 6),
        "startupProbe": probe(service, 30),
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        // Time for the load balancer to hear that the pod leaves.
        "lifecycle": {"preStop": {"sleep": {"seconds": 15}}},
    })
}

fn template(service: &Service) -> Value {
    json!({
        "metadata": {
            "labels": selector(service),
            "annotations": {
                "vault.hashicorp.com/agent-inject": "true",
                "vault.hashicorp.com/role": service.name,
                "vault.hashicorp.com/agent-inject-secret-config": format!("secret/data/{}", service.name),
            },
        },
        "spec": {
            "serviceAccountName": service.name,
            "securityContext": {
                "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container(service)],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
            "terminationGracePeriodSeconds": 60,
            "topologySpreadConstraints": [{
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": selector(service)},
            }],
        },
    })
}

/// The number of pods is the autoscaler's, so it is not said here.
fn rollout(service: &Service, inputs: &Inputs) -> Value {
    let strategy = if service.blue_green {
        json!({"blueGreen": {
            "activeService": service.name,
            "previewService": format!("{}-preview", service.name),
            "autoPromotionEnabled": false,
            "previewReplicaCount": 1,
            "scaleDownDelaySeconds": DEREGISTRATION,
        }})
    } else {
        json!({"canary": {"maxSurge": "25%", "maxUnavailable": 0}})
    };
    let mut metadata = metadata(service, &service.name);
    metadata["annotations"] = json!({"platctl.dev/stack": inputs.stack});
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": metadata,
        "spec": {
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": selector(service)},
            "strategy": strategy,
            "template": template(service),
        },
    })
}

fn network(service: &Service) -> Vec<Value> {
    let one = |name: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(service, name),
            "spec": {
                "selector": selector(service),
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        })
    };
    let mut services = vec![one(&service.name)];
    if service.blue_green {
        services.push(one(&format!("{}-preview", service.name)));
    }
    services
}

fn scaling(service: &Service) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(service, &service.name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": service.name},
            "minReplicas": service.replicas.min,
            "maxReplicas": service.replicas.max,
            "metrics": [{
                "type": "Resource",
                "resource": {"name": "cpu", "target": {
                    "type": "Utilization", "averageUtilization": service.replicas.cpu,
                }},
            }],
        },
    })
}

/// One pod may leave at a time, so that nodes can be replaced under a service.
fn disruptions(service: &Service) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(service, &service.name),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(service)}},
    })
}

fn monitor(service: &Service) -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": metadata(service, &service.name),
        "spec": {
            "selector": {"matchLabels": selector(service)},
            "endpoints": [{"port": "http", "path": "/metrics", "interval": "30s"}],
        },
    })
}

/// Pods become targets of the service's own group, behind the one load balancer that all share.
fn targets(service: &Service, group: &Value, inputs: &Inputs) -> Value {
    json!({
        "apiVersion": "elbv2.k8s.aws/v1beta1",
        "kind": "TargetGroupBinding",
        "metadata": metadata(service, &service.name),
        "spec": {
            "serviceRef": {"name": service.name, "port": 80},
            "targetGroupARN": group,
            "targetType": "ip",
            "vpcID": inputs.vpc_id,
        },
    })
}
