//! What a service is in the cluster.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::component::{Door, Exit, PodSecurity, Pods, Resources, To, spread, when_defined};
use crate::components::{namespaces, vault};
use crate::{Component, Inputs, Service};

/// For how long the load balancer goes on sending to pods that leave, and a little more: the old version has to
/// stay until nobody is sent there any more.
const DEREGISTRATION: u16 = 330;

/// What is there for services: an object of a kind that nobody knows would keep all others from coming.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around {
    vault: bool,
    prometheus: bool,
    tracing: bool,
}

impl Around {
    pub(crate) fn new(components: &[&'static Component]) -> Self {
        let has = |name: &str| components.iter().any(|component| component.name == name);
        Self {
            vault: has("vault"),
            prometheus: has("prometheus"),
            tracing: has("opentelemetry-collector"),
        }
    }
}

/// The objects of a service, by the name of their file.
pub(crate) fn objects(
    service: &Service,
    inputs: &Inputs,
    around: Around,
) -> Vec<(&'static str, Vec<Value>)> {
    let pods = template(service, around);
    let mut files = vec![
        ("namespace.yaml", vec![namespace(service), account(service)]),
        ("policy.yaml", policies(service, inputs, around)),
        if service.blue_green {
            ("rollout.yaml", vec![rollout(service, inputs, &pods)])
        } else {
            ("deployment.yaml", vec![deployment(service, inputs, &pods)])
        },
        ("service.yaml", network(service)),
        ("scaling.yaml", vec![scaling(service), disruptions(service)]),
    ];
    if around.prometheus {
        files.push(("monitoring.yaml", vec![monitor(service)]));
    }
    if let Some(group) = &service.target_group {
        files.push(("targets.yaml", vec![targets(service, group, inputs)]));
    }
    files
}

/// What lists them.
pub(crate) fn kustomization(service: &Service, files: &[&str]) -> Value {
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
    let mut labels = json!({"pod-security.kubernetes.io/enforce": PodSecurity::Restricted.label()});
    if service.target_group.is_some() {
        // A pod is ready when the load balancer thinks so too.
        labels["elbv2.k8s.aws/pod-readiness-gate-inject"] = "enabled".into();
    }
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": service.name, "labels": labels}})
}

/// Its port is open to everybody: the load balancer, other services, and Prometheus. Nothing else is.
fn policies(service: &Service, inputs: &Inputs, around: Around) -> Vec<Value> {
    let door = Door {
        name: "service",
        labels: selector(service),
        ports: vec![service.port],
        from: Vec::new(),
    };
    vec![
        namespaces::deny(&service.name),
        namespaces::dns(&service.name),
        namespaces::credentials(&service.name),
        namespaces::open(&service.name, &door),
        namespaces::leave(&service.name, &exit(inputs, around)),
    ]
}

/// What every service may reach: AWS and other hosts by HTTPS, the database, the other services, and what the
/// platform has for it.
fn exit(inputs: &Inputs, around: Around) -> Exit {
    let ports: BTreeSet<u16> = inputs.services.iter().map(|one| one.port).collect();
    let mut exit = Exit::https();
    exit.name = "service-exit";
    if let Some(database) = &inputs.database {
        exit.to.push((To::Anywhere, vec![database.port]));
    }
    let services = To::Namespaces(inputs.service_names());
    exit.to.push((services, ports.into_iter().collect()));
    if around.vault {
        exit.to
            .push((To::Namespaces(vec!["vault".into()]), vec![8200]));
    }
    if around.tracing {
        let collector = To::Namespaces(vec!["tracing".into()]);
        exit.to.push((collector, vec![4317, 4318]));
    }
    exit
}

/// What a service's container asks for.
const RESOURCES: Resources = Resources::new(100, 128, 512);

/// What its pods ask for when it has the fewest.
pub(crate) fn pods(service: &Service, around: Around) -> Pods {
    let agent = around.vault.then_some(vault::AGENT);
    let containers: Vec<Resources> = [RESOURCES].into_iter().chain(agent).collect();
    Pods::of(&service.name, service.replicas.min.into(), &containers)
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

/// The container that is the service, beside those that are put into its pods.
const CONTAINER: &str = "app";

fn container(service: &Service, around: Around) -> Value {
    let mut container = json!({
        "name": CONTAINER,
        "image": service.image,
        "ports": [{"name": "http", "containerPort": service.port}],
        "readinessProbe": probe(service, 3),
        "livenessProbe": probe(service, 6),
        "startupProbe": probe(service, 30),
        "resources": RESOURCES.json(),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        // Time for the load balancer to hear that the pod leaves.
        "lifecycle": {"preStop": {"sleep": {"seconds": 15}}},
    });
    if around.tracing {
        let collector = "http://opentelemetry-collector.tracing:4317";
        container["env"] = json!([{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": collector}]);
    }
    container
}

/// The secret of the service comes as lines of `KEY=VALUE`, as files of environments are written.
fn secrets(service: &Service) -> Value {
    let path = format!("secret/data/{}", service.name);
    let lines = format!(
        "{{{{- with secret \"{path}\" }}}}{{{{ range $key, $value := .Data.data }}}}{{{{ $key }}}}={{{{ $value }}}}\n{{{{ end }}}}{{{{ end -}}}}"
    );
    json!({
        "vault.hashicorp.com/agent-inject": "true",
        "vault.hashicorp.com/role": service.name,
        "vault.hashicorp.com/agent-inject-secret-config": path,
        "vault.hashicorp.com/agent-inject-template-config": lines,
    })
}

fn template(service: &Service, around: Around) -> Value {
    let mut metadata = json!({"labels": selector(service)});
    if around.vault {
        metadata["annotations"] = secrets(service);
    }
    json!({
        "metadata": metadata,
        "spec": {
            "serviceAccountName": service.name,
            "securityContext": {
                "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container(service, around)],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
            "terminationGracePeriodSeconds": 60,
            "topologySpreadConstraints": spread(&selector(service)),
        },
    })
}

fn workload(api: &str, kind: &str, service: &Service, inputs: &Inputs, pods: &Value) -> Value {
    let mut metadata = metadata(service, &service.name);
    metadata["annotations"] = json!({"platctl.dev/stack": inputs.stack});
    // The number of pods is the autoscaler's, so it is not said here.
    json!({
        "apiVersion": api,
        "kind": kind,
        "metadata": metadata,
        "spec": {
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": selector(service)},
            "template": pods,
        },
    })
}

/// A new version stands beside the old one until somebody promotes it.
fn rollout(service: &Service, inputs: &Inputs, pods: &Value) -> Value {
    let mut rollout = workload("argoproj.io/v1alpha1", "Rollout", service, inputs, pods);
    rollout["spec"]["strategy"] = json!({"blueGreen": {
        "activeService": service.name,
        "previewService": format!("{}-preview", service.name),
        "autoPromotionEnabled": false,
        "previewReplicaCount": 1,
        "scaleDownDelaySeconds": DEREGISTRATION,
    }});
    rollout
}

/// Pod by pod: none goes before another one is ready.
fn deployment(service: &Service, inputs: &Inputs, pods: &Value) -> Value {
    let mut deployment = workload("apps/v1", "Deployment", service, inputs, pods);
    deployment["spec"]["strategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}});
    deployment
}

/// What tells the Service that answers from the one of the preview: both have the same pods for most of the time.
fn answering(service: &Service) -> Value {
    json!({"app.kubernetes.io/name": service.name, "app.kubernetes.io/component": "active"})
}

fn network(service: &Service) -> Vec<Value> {
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
    if service.blue_green {
        services.push(one(&format!("{}-preview", service.name), "preview"));
    }
    services
}

/// By the load of the service itself: what is put into its pods would dilute it.
fn scaling(service: &Service) -> Value {
    let (api, kind) = if service.blue_green {
        ("argoproj.io/v1alpha1", "Rollout")
    } else {
        ("apps/v1", "Deployment")
    };
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(service, &service.name),
        "spec": {
            "scaleTargetRef": {"apiVersion": api, "kind": kind, "name": service.name},
            "minReplicas": service.replicas.min,
            "maxReplicas": service.replicas.max,
            "metrics": [{
                "type": "ContainerResource",
                "containerResource": {"name": "cpu", "container": CONTAINER, "target": {
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
    let mut metadata = metadata(service, &service.name);
    // Services do not wait for Prometheus.
    metadata["annotations"] = when_defined();
    json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": answering(service)},
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
