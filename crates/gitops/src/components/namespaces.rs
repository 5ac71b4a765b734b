//! The namespaces of all components: what pods may be there, and who may reach them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::component::{Component, Door, PLAIN, PodSecurity};
use crate::{Inputs, Settings, chosen};

/// A namespace that EKS made, and whose pods are mostly its own.
const OF_EKS: &str = "kube-system";
/// Its manifest has finer policies for each of its pods.
const OF_ARGO_CD: &str = "argocd";

/// A namespace with the level that its pods keep to. It stays when it is not stated any more: its volumes would go
/// with it.
pub(crate) fn namespace(name: &str, level: PodSecurity) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"pod-security.kubernetes.io/enforce": level.label()},
            "annotations": {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"},
        },
    })
}

fn policy(namespace: &str, name: &str, spec: &Value) -> Value {
    let mut spec = spec.clone();
    spec["policyTypes"] = json!(["Ingress"]);
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    })
}

/// Nobody reaches any pod, unless another policy says so.
pub(crate) fn deny(namespace: &str) -> Value {
    policy(namespace, "default-deny", &json!({"podSelector": {}}))
}

/// Whoever comes in by this door.
pub(crate) fn open(namespace: &str, door: &Door) -> Value {
    let ports: Vec<Value> = door
        .ports
        .iter()
        .map(|port| json!({"protocol": "TCP", "port": port}))
        .collect();
    let mut rule = json!({"ports": ports});
    if !door.from.is_empty() {
        rule["from"] = json!([{"namespaceSelector": {"matchExpressions": [{
            "key": "kubernetes.io/metadata.name", "operator": "In", "values": door.from,
        }]}}]);
    }
    policy(
        namespace,
        door.name,
        &json!({"podSelector": {"matchLabels": door.labels}, "ingress": [rule]}),
    )
}

/// Pods of one namespace reach each other.
fn among(namespace: &str) -> Value {
    policy(
        namespace,
        "same-namespace",
        &json!({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}),
    )
}

fn objects(inputs: &Inputs, settings: &Settings) -> Vec<Value> {
    // What cannot be was refused before anything is written.
    let components = chosen(inputs, settings).unwrap_or_default();
    let mut namespaces: BTreeMap<&str, (PodSecurity, Vec<Door>)> = BTreeMap::new();
    for component in components.iter().filter(|one| one.namespace != OF_EKS) {
        let (level, doors) = namespaces
            .entry(component.namespace)
            .or_insert((component.pod_security, Vec::new()));
        *level = (*level).min(component.pod_security);
        doors.extend((component.doors)(inputs));
    }
    let mut objects = Vec::new();
    for (name, (level, doors)) in namespaces {
        if name != OF_ARGO_CD {
            objects.push(namespace(name, level));
            objects.push(among(name));
        }
        objects.push(deny(name));
        objects.extend(doors.iter().map(|door| open(name, door)));
    }
    objects
}

pub(crate) const COMPONENT: Component = Component {
    name: "namespaces",
    purpose: "The namespaces of the components, with their Pod Security level and network policies",
    namespace: OF_EKS,
    wave: -3,
    objects,
    ..PLAIN
};
