//! The namespaces of all components: what pods may be there, and who may reach them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::component::{Component, Door, Exit, PLAIN, PodSecurity, To};
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
    let has = |key: &str| spec.get(key).is_some();
    let types = match (has("ingress"), has("egress")) {
        (true, false) => json!(["Ingress"]),
        (false, true) => json!(["Egress"]),
        _ => json!(["Ingress", "Egress"]),
    };
    spec["policyTypes"] = types;
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    })
}

/// Nobody reaches any pod, and no pod reaches anybody, unless another policy says so.
pub(crate) fn deny(namespace: &str) -> Value {
    policy(namespace, "default-deny", &json!({"podSelector": {}}))
}

/// Nobody reaches any pod, unless another policy says so.
fn deny_ingress(namespace: &str) -> Value {
    let mut policy = deny(namespace);
    policy["spec"]["policyTypes"] = json!(["Ingress"]);
    policy
}

/// Where EKS Pod Identity hands out credentials, on every node.
const POD_IDENTITY: &str = "169.254.170.23/32";

fn tcp(ports: &[u16]) -> Vec<Value> {
    let of = |port: &u16| json!({"protocol": "TCP", "port": port});
    ports.iter().map(of).collect()
}

/// The port of a web service, by its name: during a blue-green deployment, its old and its new version may listen on
/// different ports. The VPC CNI finds the port of its Service by this name, too.
fn of_services() -> Value {
    json!([{"protocol": "TCP", "port": "http"}])
}

/// The ports of name servers.
fn names() -> Vec<Value> {
    let of = |protocol: &str| json!({"protocol": protocol, "port": 53});
    ["UDP", "TCP"].map(of).to_vec()
}

fn in_namespaces(names: &[String]) -> Value {
    json!([{"namespaceSelector": {"matchExpressions": [{
        "key": "kubernetes.io/metadata.name", "operator": "In", "values": names,
    }]}}])
}

/// All pods of a namespace find others by their names.
pub(crate) fn dns(namespace: &str, inputs: &Inputs) -> Value {
    let servers = json!([{
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": OF_EKS}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }]);
    let mut rule = json!({"ports": names()});
    // The name servers of EKS Auto Mode are a part of the nodes, and no pods.
    if !inputs.nodes.is_auto() {
        rule["to"] = servers;
    }
    policy(
        namespace,
        "to-dns",
        &json!({"podSelector": {}, "egress": [rule]}),
    )
}

/// Pods of a namespace get the credentials of their roles.
pub(crate) fn credentials(namespace: &str) -> Value {
    let agent = json!([{"ipBlock": {"cidr": POD_IDENTITY}}]);
    policy(
        namespace,
        "to-pod-identity",
        &json!({"podSelector": {}, "egress": [{"ports": tcp(&[80]), "to": agent}]}),
    )
}

/// Whoever leaves by this exit. Without ports, all of them.
pub(crate) fn leave(namespace: &str, exit: &Exit) -> Value {
    let rules: Vec<Value> = exit
        .to
        .iter()
        .map(|(to, ports)| {
            let mut rule = json!({});
            if !ports.is_empty() {
                rule["ports"] = tcp(ports).into();
            }
            match to {
                To::Anywhere => {}
                To::Namespaces(names) => rule["to"] = in_namespaces(names),
                To::Services(names) => {
                    rule["ports"] = of_services();
                    rule["to"] = in_namespaces(names);
                }
                To::NameServers => rule["ports"] = names().into(),
            }
            rule
        })
        .collect();
    let pods = match exit
        .labels
        .as_object()
        .is_some_and(|labels| labels.is_empty())
    {
        true => json!({}),
        false => json!({"matchLabels": exit.labels}),
    };
    policy(
        namespace,
        exit.name,
        &json!({"podSelector": pods, "egress": rules}),
    )
}

/// Whoever comes in by this door.
pub(crate) fn open(namespace: &str, door: &Door) -> Value {
    let mut rule = json!({"ports": tcp(&door.ports)});
    if !door.from.is_empty() {
        rule["from"] = in_namespaces(&door.from);
    }
    policy(
        namespace,
        door.name,
        &json!({"podSelector": {"matchLabels": door.labels}, "ingress": [rule]}),
    )
}

/// Everybody reaches a web service: the load balancer, other services, and Prometheus.
pub(crate) fn open_service(namespace: &str, labels: &Value) -> Value {
    policy(
        namespace,
        "service",
        &json!({"podSelector": {"matchLabels": labels}, "ingress": [{"ports": of_services()}]}),
    )
}

/// Pods of one namespace reach each other.
fn among(namespace: &str) -> Value {
    policy(
        namespace,
        "same-namespace",
        &json!({
            "podSelector": {},
            "ingress": [{"from": [{"podSelector": {}}]}],
            "egress": [{"to": [{"podSelector": {}}]}],
        }),
    )
}

/// What is asked for of a namespace by all components in it.
struct Wanted {
    level: PodSecurity,
    doors: Vec<Door>,
    exits: Vec<Exit>,
    has_roles: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            level: PodSecurity::Restricted,
            doors: Vec::new(),
            exits: Vec::new(),
            has_roles: false,
        }
    }
}

impl Wanted {
    fn objects(&self, name: &str, inputs: &Inputs) -> Vec<Value> {
        let doors = self.doors.iter().map(|door| open(name, door));
        // Who may go where is not limited for it: it would be cut off from the commit that mends a policy.
        if name == OF_ARGO_CD {
            return [deny_ingress(name)].into_iter().chain(doors).collect();
        }
        let mut objects = vec![
            namespace(name, self.level),
            among(name),
            deny(name),
            dns(name, inputs),
        ];
        if self.has_roles {
            objects.push(credentials(name));
        }
        objects.extend(doors);
        objects.extend(self.exits.iter().map(|exit| leave(name, exit)));
        objects
    }
}

fn objects(inputs: &Inputs, settings: &Settings) -> Vec<Value> {
    // What cannot be was refused before anything is written.
    let components = chosen(inputs, settings).unwrap_or_default();
    let mut namespaces: BTreeMap<&str, Wanted> = BTreeMap::new();
    for component in components.iter().filter(|one| one.namespace != OF_EKS) {
        let wanted = namespaces.entry(component.namespace).or_default();
        wanted.level = wanted.level.min(component.pod_security);
        wanted.doors.extend((component.doors)(inputs));
        wanted.exits.extend((component.exits)(inputs, settings));
        wanted.has_roles |= !(component.workloads)(inputs).is_empty();
    }
    let all = namespaces.iter();
    all.flat_map(|(name, wanted)| wanted.objects(name, inputs))
        .collect()
}

pub(crate) const COMPONENT: Component = Component {
    name: "namespaces",
    purpose: "The namespaces of the components, with their Pod Security level and network policies",
    namespace: OF_EKS,
    wave: -3,
    objects,
    ..PLAIN
};
