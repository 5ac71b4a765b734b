//! Every chart as it is rendered with the platform's values. `tests/charts/run` renders them and writes the fixtures.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::nodes::inputs_for;
use super::schemas::resolved;
use super::{documents, everything, inputs};
use crate::component::{Count, PodSecurity};
use crate::{Component, Pods, all};

const WANTED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/charts/wanted.json"
);
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/charts");

/// What is to be rendered.
fn wanted() -> Vec<Value> {
    let of = |component: &Component| {
        let chart = component.chart?;
        Some(json!({
            "component": component.name,
            "namespace": component.namespace,
            "repository": chart.repository,
            "chart": chart.name,
            "version": chart.version,
            "values": resolved(&(component.values)(&inputs_for(component), &everything())),
        }))
    };
    all().iter().filter_map(of).collect()
}

fn fixtures() -> Vec<(&'static Component, Value)> {
    let of = |component: &'static Component| {
        component.chart?;
        let path = format!("{FIXTURES}/{}.json", component.name);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|_| panic!("{path} is missing: run tests/charts/run"));
        Some((component, serde_json::from_str(&text).unwrap()))
    };
    all().iter().filter_map(of).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap()
}

fn containers(workload: &Value) -> impl Iterator<Item = &Value> {
    list(workload, "before")
        .iter()
        .chain(list(workload, "containers"))
}

#[test]
fn what_is_to_be_rendered_is_written_down() {
    let text = serde_json::to_string_pretty(&wanted()).unwrap() + "\n";
    if std::env::var_os("PLATCTL_WRITE_DOCS").is_some() {
        std::fs::write(WANTED, &text).unwrap();
    }
    let written = std::fs::read_to_string(WANTED).unwrap_or_default();
    assert_eq!(
        serde_json::from_str::<Value>(&written).unwrap_or_default(),
        serde_json::from_str::<Value>(&text).unwrap(),
        "tests/charts/wanted.json is out of date: run PLATCTL_WRITE_DOCS=1 cargo test to update it"
    );
}

#[test]
fn every_chart_was_rendered_at_its_pin_with_these_values() {
    for (wanted, (component, fixture)) in wanted().iter().zip(fixtures()) {
        let name = component.name;
        assert_eq!(fixture["chart"], wanted["chart"], "{name}");
        assert_eq!(
            fixture["version"], wanted["version"],
            "{name}: run tests/charts/run"
        );
        let values = if wanted["values"].is_null() {
            json!({})
        } else {
            wanted["values"].clone()
        };
        let same = serde_json::from_str::<Value>(&values.to_string()).unwrap();
        assert_eq!(fixture["values"], same, "{name}: run tests/charts/run");
    }
}

/// Keys with dots in them are data.
fn paths(values: &Value, before: &str, found: &mut Vec<String>) {
    for (key, below) in values
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !key.contains(['.', '/']))
    {
        let path = format!("{before}{key}");
        paths(below, &format!("{path}."), found);
        found.push(path);
    }
}

#[test]
fn charts_know_every_value() {
    for (component, fixture) in fixtures() {
        let keys: BTreeSet<&str> = list(&fixture, "keys")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let mut used = Vec::new();
        paths(&fixture["values"], "", &mut used);
        let unknown: Vec<&String> = used
            .iter()
            .filter(|path| !keys.contains(path.as_str()))
            .collect();
        assert_eq!(unknown, Vec::<&String>::new(), "{}", component.name);
    }
}

/// Every Service, as `NAME.NAMESPACE`, with its ports.
fn services() -> BTreeMap<String, BTreeSet<u64>> {
    let mut services = BTreeMap::new();
    let ports = |ports: &[Value]| {
        ports
            .iter()
            .filter_map(Value::as_u64)
            .collect::<BTreeSet<_>>()
    };
    for (component, fixture) in fixtures() {
        for service in list(&fixture, "services") {
            let name = format!(
                "{}.{}",
                service["name"].as_str().unwrap(),
                component.namespace
            );
            services.insert(name, ports(list(service, "ports")));
        }
    }
    // The operator makes these of the objects in `elasticsearch.rs`.
    services.insert("logs-es-http.logging".into(), BTreeSet::from([9200]));
    services.insert("logs-kb-http.logging".into(), BTreeSet::from([5601]));
    services
}

pub(super) fn texts(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(items) => items.iter().for_each(|below| texts(below, each)),
        Value::Object(map) => map.values().for_each(|below| texts(below, each)),
        _ => {}
    }
}

/// The Services that a text names, with the port where it says one.
fn named<'a>(text: &'a str, namespaces: &BTreeSet<&str>) -> Vec<(String, Option<&'a str>)> {
    let host = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':'));
    let of = |token: &'a str| {
        let (host, port) = token
            .split_once(':')
            .map_or((token, None), |(host, port)| (host, Some(port)));
        let labels: Vec<&str> = host.split('.').collect();
        let whole = labels.len() < 3 || labels.contains(&"svc");
        // A pod of a StatefulSet is named before its Service.
        let at = (1..labels.len().min(3)).find(|at| namespaces.contains(labels[*at]))?;
        whole.then(|| (format!("{}.{}", labels[at - 1], labels[at]), port))
    };
    text.split(host).filter_map(of).collect()
}

#[test]
fn every_service_that_something_names_is_made_by_something() {
    let services = services();
    let namespaces: BTreeSet<&str> = all().iter().map(|component| component.namespace).collect();
    let mut seen = BTreeSet::new();
    for (path, object) in documents(&everything()) {
        texts(&resolved(&object), &mut |text| {
            for (name, port) in named(text, &namespaces) {
                let ports = services
                    .get(&name)
                    .unwrap_or_else(|| panic!("{path}: nobody makes the Service {name}"));
                let port = port
                    .filter(|port| !port.is_empty())
                    .map(|port| port.parse::<u64>().unwrap());
                assert!(
                    port.is_none_or(|port| ports.contains(&port)),
                    "{path}: {name} has {ports:?}, not {port:?}"
                );
                seen.insert(name);
            }
        });
    }
    for expected in [
        "jaeger.tracing",
        "opentelemetry-collector.tracing",
        "vault-active.vault",
        "logs-es-http.logging",
    ] {
        assert!(
            seen.contains(expected),
            "{expected} was not found in {seen:?}"
        );
    }
    let seen = named(
        "http://vault-0.vault-internal.vault.svc:8200/ and jaeger.tracing:4317",
        &namespaces,
    );
    let expected = [
        ("vault-internal.vault", Some("8200")),
        ("jaeger.tracing", Some("4317")),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(name, port)| (name.to_owned(), port))
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn every_image_has_a_tag() {
    let tagged = |image: &str| {
        let name = image.rsplit('/').next().unwrap_or_default();
        name.split_once([':', '@'])
            .is_some_and(|(_, tag)| !tag.is_empty() && tag != "latest")
    };
    for (component, fixture) in fixtures() {
        for workload in list(&fixture, "workloads") {
            for container in containers(workload) {
                let image = container["image"].as_str().unwrap_or("operator's:own");
                assert!(tagged(image), "{}: {image}", component.name);
            }
        }
    }
    for (path, object) in documents(&everything())
        .iter()
        .filter(|(path, _)| path.starts_with("components/"))
    {
        each_container(object, &mut |container| {
            let image = container["image"].as_str();
            assert!(image.is_none_or(tagged), "{path}: {image:?}");
        });
    }
}

fn each_container(value: &Value, each: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(map) => {
            for key in ["containers", "initContainers"] {
                map.get(key)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .for_each(&mut *each);
            }
            map.values().for_each(|below| each_container(below, each));
        }
        Value::Array(items) => items.iter().for_each(|below| each_container(below, each)),
        _ => {}
    }
}

/// Whether a container says what it needs, and the most memory that it may have.
fn says_what_it_needs(container: &Value) -> bool {
    let resources = &container["resources"];
    ["/requests/cpu", "/requests/memory", "/limits/memory"]
        .iter()
        .all(|pointer| resources.pointer(pointer).is_some())
}

#[test]
fn every_container_says_what_it_needs() {
    for (component, fixture) in fixtures() {
        for workload in list(&fixture, "workloads") {
            for container in containers(workload) {
                assert!(
                    says_what_it_needs(container),
                    "{}: {} {container}",
                    component.name,
                    workload["name"]
                );
            }
        }
    }
    let mut seen = 0;
    for (path, object) in documents(&everything()) {
        each_container(&object, &mut |container| {
            seen += 1;
            assert!(says_what_it_needs(container), "{path}: {container}");
        });
    }
    assert!(seen > 12, "{seen}");
}

fn amount(text: &Value, units: &[(&str, u64)]) -> u64 {
    let text = text
        .as_str()
        .unwrap_or_else(|| panic!("{text} is no quantity"));
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
        .unwrap_or((text, units[0].1 * 1000));
    number.parse::<u64>().unwrap_or_else(|_| panic!("{text}")) * factor
}

/// The sums in the README and in `validate` are those of what is applied.
#[test]
fn components_state_the_pods_that_their_charts_make() {
    for (component, fixture) in fixtures() {
        let mut stated: Vec<Pods> = (component.pods)(&inputs(), &everything());
        for workload in list(&fixture, "workloads") {
            let kind = workload["kind"].as_str().unwrap();
            let name = workload["name"].as_str().unwrap();
            if kind == "Job" || kind == "CronJob" {
                continue;
            }
            let at = stated.iter().position(|pods| pods.name == name);
            let pods = stated
                .remove(at.unwrap_or_else(|| panic!("{} does not state {name}", component.name)));
            let count = if kind == "DaemonSet" {
                Count::PerNode
            } else {
                Count::Of(workload["replicas"].as_u64().unwrap() as u32)
            };
            assert_eq!(pods.count, count, "{name}");
            let sum = |key: &str, units: &[(&str, u64)]| -> u64 {
                let all = list(workload, "containers").iter();
                all.map(|one| amount(&one["resources"]["requests"][key], units))
                    .sum()
            };
            let (cpu, memory) = (
                sum("cpu", &[("m", 1)]),
                sum("memory", &[("Mi", 1), ("Gi", 1024)]),
            );
            // Beside what it runs, the operator puts a container that reloads its configuration.
            let reloads = if ["Prometheus", "Alertmanager"].contains(&kind) {
                (10, 32)
            } else {
                (0, 0)
            };
            assert_eq!(
                (u64::from(pods.cpu), u64::from(pods.memory)),
                (cpu + reloads.0, memory + reloads.1),
                "{name}"
            );
        }
        assert_eq!(stated, Vec::new(), "{}", component.name);
    }
}

#[test]
fn more_than_one_pod_are_spread_and_leave_one_by_one() {
    let mut seen = 0;
    for (_, fixture) in fixtures() {
        for workload in list(&fixture, "workloads")
            .iter()
            .filter(|one| one["replicas"].as_u64() > Some(1))
        {
            seen += 1;
            let name = &workload["name"];
            assert_eq!(
                workload["spread"],
                json!(["kubernetes.io/hostname", "topology.kubernetes.io/zone"]),
                "{name}"
            );
            assert_eq!(workload["disruption_budget"], true, "{name}");
        }
    }
    assert!(seen > 8, "{seen}");
}

#[test]
fn no_pod_does_more_than_its_namespace_allows() {
    let level = |text: &str| match text {
        "restricted" => PodSecurity::Restricted,
        "baseline" => PodSecurity::Baseline,
        _ => PodSecurity::Privileged,
    };
    let mut allowed: BTreeMap<&str, PodSecurity> = BTreeMap::new();
    for component in all() {
        let one = allowed
            .entry(component.namespace)
            .or_insert(component.pod_security);
        *one = (*one).min(component.pod_security);
    }
    for (component, fixture) in fixtures()
        .iter()
        .filter(|(component, _)| component.namespace != "kube-system")
    {
        for workload in list(fixture, "workloads") {
            let needs = level(workload["pod_security"].as_str().unwrap());
            let of_component = component.pod_security;
            assert!(
                needs >= of_component,
                "{}: {} needs {needs:?}",
                component.name,
                workload["name"]
            );
        }
    }
    for (path, object) in documents(&everything())
        .iter()
        .filter(|(_, object)| object["kind"] == "Namespace")
    {
        let label = object["metadata"]["labels"]["pod-security.kubernetes.io/enforce"].as_str();
        let name = object["metadata"]["name"].as_str().unwrap();
        let expected = allowed
            .get(name)
            .copied()
            .unwrap_or(PodSecurity::Restricted);
        assert_eq!(label, Some(expected.label()), "{path}: {name}");
    }
}

/// A pod whose volume is on one node cannot start beside the one that it replaces.
#[test]
fn what_has_a_volume_is_recreated() {
    let mut seen = 0;
    for (_, fixture) in fixtures() {
        for workload in list(&fixture, "workloads")
            .iter()
            .filter(|one| one["kind"] == "Deployment")
        {
            if list(workload, "volumes").contains(&json!("persistentVolumeClaim")) {
                seen += 1;
                assert_eq!(workload["strategy"], "Recreate", "{}", workload["name"]);
            }
        }
    }
    assert_eq!(seen, 1);
}

#[test]
fn the_jobs_of_vault_run_the_version_of_its_server() {
    let fixtures = fixtures();
    let (_, vault) = fixtures
        .iter()
        .find(|(component, _)| component.name == "vault")
        .unwrap();
    let server = list(vault, "workloads")
        .iter()
        .find(|one| one["kind"] == "StatefulSet")
        .unwrap();
    assert_eq!(
        server["containers"][0]["image"],
        crate::versions::VAULT_IMAGE
    );
    assert_eq!(server["strategy"], "OnDelete");
}

/// An apply by the client keeps the whole object in an annotation, which has a limit.
#[test]
fn only_large_definitions_are_applied_by_the_server() {
    let by_server: Vec<&str> = all()
        .iter()
        .filter(|one| one.server_side)
        .map(|one| one.name)
        .collect();
    assert_eq!(by_server, ["external-secrets", "prometheus"]);
    for (component, fixture) in fixtures() {
        let large = fixture["largest_definition"].as_u64().unwrap() > 262_144;
        assert!(!large || component.server_side, "{}", component.name);
    }
}

#[test]
fn pages_are_at_services_that_something_makes() {
    let services = services();
    let mut seen = BTreeSet::new();
    for component in all() {
        for page in component.pages {
            assert!(seen.insert(page.name), "{} is twice", page.name);
            // The Services of Argo CD are in its own manifest.
            if component.namespace != "argocd" {
                let name = format!("{}.{}", page.service, component.namespace);
                assert!(services[&name].contains(&page.port.into()), "{name}");
            }
        }
    }
    let expected = ["argocd", "grafana", "kibana", "prometheus", "vault"];
    assert!(seen.into_iter().eq(expected));
}
