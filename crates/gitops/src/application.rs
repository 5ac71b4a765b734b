//! Applications of Argo CD.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::bootstrap::NAMESPACE;
use crate::component::{Chart, Component};
use crate::components::argo_cd;
use crate::{Inputs, Settings};

/// Retries of a sync: objects may need others that are on their way. They have no end, because Argo CD does not begin
/// again by itself once it has given up, and each looks for what was committed meanwhile.
fn retry() -> Value {
    json!({"limit": -1, "refresh": true, "backoff": {"duration": "10s", "factor": 2, "maxDuration": "5m"}})
}

fn chart_source(chart: Chart, release: &str, values: &Value) -> Value {
    let mut source = json!({
        "repoURL": chart.repository,
        "chart": chart.name,
        "targetRevision": chart.version,
        "helm": {"releaseName": release},
    });
    if !values.is_null() {
        source["helm"]["valuesObject"] = values.clone();
    }
    source
}

fn folder_source(inputs: &Inputs, path: &str) -> Value {
    json!({"repoURL": inputs.repository_url, "targetRevision": inputs.branch, "path": path})
}

/// An Application. It is in sync when the cluster is what the repository says, whoever changed the cluster.
///
/// Objects are applied by the client, which leaves what controllers wrote into them. The server would take away what
/// Argo Rollouts writes into the selector of a Service, and pods that nobody promoted would get requests.
fn application(name: &str, namespace: &str, wave: i8, sources: Vec<Value>) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "annotations": {"argocd.argoproj.io/sync-wave": wave.to_string()},
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "project": "platform",
            "sources": sources,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "syncPolicy": {
                "automated": {"prune": true, "selfHeal": true},
                "syncOptions": ["CreateNamespace=true"],
                "retry": retry(),
            },
        },
    })
}

/// The Application of a component: its chart, and its own objects where it has any.
pub(crate) fn of_component(component: &Component, inputs: &Inputs, settings: &Settings) -> Value {
    let mut sources = Vec::new();
    if let Some(chart) = component.chart {
        sources.push(chart_source(
            chart,
            component.name,
            &(component.values)(inputs, settings),
        ));
    }
    if !(component.objects)(inputs, settings).is_empty() {
        sources.push(folder_source(
            inputs,
            &format!("components/{}/objects", component.name),
        ));
    }
    let mut one = application(component.name, component.namespace, component.wave, sources);
    if component.server_side {
        option(&mut one, "ServerSideApply=true");
    }
    let ignored = (component.ignored)();
    if !ignored.is_empty() {
        ignore(&mut one, ignored);
    }
    if component.name == argo_cd::NAME {
        keep_what_it_made(&mut one);
    }
    one
}

/// The Application of a service.
pub(crate) fn of_service(name: &str, inputs: &Inputs) -> Value {
    let mut one = application(
        name,
        name,
        LAST_WAVE,
        vec![folder_source(inputs, &format!("services/{name}"))],
    );
    one["spec"]["project"] = "services".into();
    ignore(
        &mut one,
        vec![json!({"kind": "Service", "jsonPointers": [ROLLOUTS_HASH]})],
    );
    one
}

/// By this, Argo Rollouts tells the pods of the old version from those of the new one. Without it, both get requests,
/// and a new version is promoted at once.
const ROLLOUTS_HASH: &str = "/spec/selector/rollouts-pod-template-hash";

/// The wave of all that nothing else waits for.
pub(crate) const LAST_WAVE: i8 = 1;

/// Leaves these fields as they are in the cluster: not only when it compares, a sync for another reason as well.
fn ignore(application: &mut Value, fields: Vec<Value>) {
    application["spec"]["ignoreDifferences"] = fields.into();
    option(application, "RespectIgnoreDifferences=true");
}

fn option(application: &mut Value, option: &str) {
    if let Some(options) = application
        .pointer_mut("/spec/syncPolicy/syncOptions")
        .and_then(Value::as_array_mut)
    {
        options.push(option.into());
    }
}

/// An Application that takes nothing along when it goes.
fn keep_what_it_made(application: &mut Value) {
    if let Some(metadata) = application["metadata"].as_object_mut() {
        metadata.remove("finalizers");
    }
}

/// The root: it holds all other Applications, and takes nothing along when it goes.
pub(crate) fn root(inputs: &Inputs) -> Value {
    let path = format!("clusters/{}", inputs.stack);
    let mut one = application("root", "argocd", 0, vec![folder_source(inputs, &path)]);
    keep_what_it_made(&mut one);
    if let Some(metadata) = one["metadata"].as_object_mut() {
        metadata.remove("annotations");
    }
    one
}

/// Where charts put objects besides their own namespace: roles for what the API server or the kubelet offers.
const SYSTEM: &str = "kube-system";

/// Where components come from: this repository, and the repositories of their charts.
fn sources(inputs: &Inputs, components: &[&Component]) -> Vec<Value> {
    let charts = components.iter().filter_map(|component| component.chart);
    let charts: BTreeSet<&str> = charts.map(|chart| chart.repository).collect();
    std::iter::once(inputs.repository_url.clone())
        .chain(charts.into_iter().map(Value::from))
        .collect()
}

/// Where components may put objects: their own namespaces, and those of services, which get policies of the network.
fn namespaces(inputs: &Inputs, components: &[&Component]) -> BTreeSet<String> {
    let own = components
        .iter()
        .map(|component| component.namespace.to_owned());
    let services = inputs.services.iter().map(|service| service.name.clone());
    let always = [NAMESPACE, SYSTEM].map(ToOwned::to_owned);
    own.chain(services).chain(always).collect()
}

/// What Applications may do: components in the namespaces of the platform, services only in their own.
pub(crate) fn projects(inputs: &Inputs, components: &[&Component]) -> Vec<Value> {
    let project = |name: &str,
                   description: &str,
                   namespaces: Vec<Value>,
                   cluster_wide: Vec<Value>,
                   sources: Value| {
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {
                "name": name, "namespace": "argocd",
                "annotations": {"argocd.argoproj.io/sync-wave": "-5"},
            },
            "spec": {
                "description": description,
                "sourceRepos": sources,
                "destinations": namespaces,
                "clusterResourceWhitelist": cluster_wide,
            },
        })
    };
    let server = "https://kubernetes.default.svc";
    let namespace = |name: &str| json!({"server": server, "namespace": name});
    let of_services = inputs
        .deployed()
        .map(|service| namespace(&service.name))
        .collect();
    let of_platform = namespaces(inputs, components);
    let of_platform = of_platform.iter().map(|name| namespace(name)).collect();
    vec![
        project(
            "platform",
            "What the platform itself consists of",
            of_platform,
            vec![json!({"group": "*", "kind": "*"})],
            sources(inputs, components).into(),
        ),
        project(
            "services",
            "The services, each in its own namespace",
            of_services,
            vec![json!({"group": "", "kind": "Namespace"})],
            json!([inputs.repository_url]),
        ),
    ]
}
