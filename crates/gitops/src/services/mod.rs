//! What a service is in the cluster.

mod analysis;
mod pod;
mod secrets;
mod traffic;
mod workload;

use serde_json::{Value, json};

use crate::component::{Exit, PodSecurity, Pods, Resources, To};
use crate::components::{namespaces, vault};
use crate::{Component, Inputs, Service};

pub use pod::{DEFAULT_RESOURCES, SHUTDOWN_SECONDS, STARTUP_SECONDS, deregistration_seconds};

/// What is there for services: an object of a kind that nobody knows would keep all others from coming.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around {
    vault: bool,
    prometheus: bool,
    reloader: bool,
    tracing: bool,
}

impl Around {
    pub(crate) fn new(components: &[&'static Component]) -> Self {
        let has = |name: &str| components.iter().any(|component| component.name == name);
        Self {
            vault: has("vault"),
            prometheus: has("prometheus"),
            reloader: has("reloader"),
            tracing: has("opentelemetry-collector"),
        }
    }
}

/// A service, and what its objects are made from.
#[derive(Clone, Copy)]
struct Made<'a> {
    service: &'a Service,
    inputs: &'a Inputs,
    around: Around,
}

/// The objects of a service and of all that is deployed with it, by the name of their file.
pub(crate) fn objects(
    service: &Service,
    inputs: &Inputs,
    around: Around,
) -> Vec<(String, Vec<Value>)> {
    let made = Made {
        service,
        inputs,
        around,
    };
    let mut files = vec![
        ("namespace.yaml", vec![namespace(service), account(service)]),
        ("policy.yaml", policies(made)),
        workload::file(made),
    ];
    if service.web().is_some() {
        files.push(("service.yaml", traffic::network(service)));
    }
    if service.stays() {
        files.push(("scaling.yaml", workload::scaling(service)));
    }
    if around.prometheus && service.web().is_some() {
        files.push(("monitoring.yaml", traffic::monitoring(service)));
    }
    if around.vault {
        files.push(("vault.yaml", vec![trust(made)]));
    }
    let targets = traffic::targets(service, inputs);
    let secrets = secrets::objects(service, inputs);
    files.extend([("targets.yaml", targets), ("secrets.yaml", secrets)]);
    files.retain(|(_, objects)| !objects.is_empty());
    let parts = inputs.parts_of(&service.name).map(|part| {
        let made = Made {
            service: part,
            inputs,
            around,
        };
        (format!("{}.yaml", part.name), whole(made))
    });
    let own = files
        .into_iter()
        .map(|(name, objects)| (name.to_owned(), objects));
    own.chain(parts).collect()
}

/// By this, its pods and those deployed with it know Vault. Jobs that run before all others need it as well.
fn trust(made: Made<'_>) -> Value {
    let mut trust = vault::tls::trust(&made.service.name);
    let mut parts = made.inputs.parts_of(&made.service.name);
    if parts.any(|part| part.work.before_deploy()) {
        annotate(&mut trust, WAVE, BEFORE_STORES);
    }
    trust
}

/// All objects of what is deployed with another service.
fn whole(made: Made<'_>) -> Vec<Value> {
    let service = made.service;
    let mut objects = vec![account(service)];
    objects.extend(secrets::objects(service, made.inputs));
    if service.work.before_deploy() {
        for object in &mut objects {
            annotate(object, WAVE, BEFORE_JOBS);
        }
    }
    objects.extend(workload::file(made).1);
    if service.stays() {
        objects.extend(workload::scaling(service));
    }
    objects
}

const WAVE: &str = "argocd.argoproj.io/sync-wave";
/// The wave of what jobs need that run before all others of their service.
const BEFORE_JOBS: &str = "-2";
/// The wave of what their secret stores need: Argo CD ends a deployment in which a store cannot verify Vault yet, and
/// begins again.
const BEFORE_STORES: &str = "-3";

fn annotate(object: &mut Value, key: &str, value: &str) {
    object["metadata"]["annotations"][key] = value.into();
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
        "namespace": service.namespace(),
        "labels": {"app.kubernetes.io/name": service.name, "app.kubernetes.io/part-of": "services"},
    })
}

fn selector(service: &Service) -> Value {
    json!({"app.kubernetes.io/name": service.name})
}

fn namespace(service: &Service) -> Value {
    let mut labels = json!({"pod-security.kubernetes.io/enforce": PodSecurity::Restricted.label()});
    if service.web().is_some_and(|web| web.target_group.is_some()) {
        // A pod is ready when the load balancer thinks so too.
        labels["elbv2.k8s.aws/pod-readiness-gate-inject"] = "enabled".into();
    }
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": service.name, "labels": labels}})
}

/// The port of a web service is open to everybody. Nothing else is, and no port of the pods that do not answer requests.
fn policies(made: Made<'_>) -> Vec<Value> {
    let service = made.service;
    let open = service
        .web()
        .map(|_| namespaces::open_service(&service.name, &selector(service)));
    let ways = [
        namespaces::deny(&service.name),
        namespaces::dns(&service.name, made.inputs),
        namespaces::credentials(&service.name),
        namespaces::leave(&service.name, &exit(made)),
    ];
    ways.into_iter().chain(open).collect()
}

/// What every service may reach: AWS and other hosts by HTTPS, the database, the other services, and what the
/// platform has for it.
fn exit(made: Made<'_>) -> Exit {
    let inputs = made.inputs;
    let mut exit = Exit::https();
    exit.name = "service-exit";
    if let Some(database) = &inputs.database {
        exit.to.push((To::Anywhere, vec![database.port]));
    }
    if inputs.services.iter().any(|one| one.web().is_some()) {
        let services = To::Services(inputs.service_namespaces());
        exit.to.push((services, Vec::new()));
    }
    if made.around.vault {
        exit.to
            .push((To::Namespaces(vec!["vault".into()]), vec![8200]));
    }
    if made.around.tracing {
        let collector = To::Namespaces(vec!["tracing".into()]);
        exit.to.push((collector, vec![4317, 4318]));
    }
    exit
}

/// What its pods ask for when it has the fewest. Those that end are counted as none, but a node has to have room for
/// one of them.
pub(crate) fn pods(service: &Service, around: Around) -> Pods {
    // For a pod that ends, the agent runs before its container, not beside it.
    let agent = (around.vault && service.stays()).then_some(vault::AGENT);
    let containers: Vec<Resources> = [service.resources].into_iter().chain(agent).collect();
    let count = if service.stays() {
        service.replicas.min
    } else {
        0
    };
    Pods::of(&service.name, count.into(), &containers)
}

fn account(service: &Service) -> Value {
    let mut metadata = metadata(service, &service.name);
    metadata["annotations"] = json!({"eks.amazonaws.com/role-arn": service.role});
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
}
