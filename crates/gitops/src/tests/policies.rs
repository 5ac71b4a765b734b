//! Who may reach what, and who is told of alerts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{documents, everything, inputs, late, settings};
use crate::{Alerts, Inputs, Settings, all};

fn policies() -> Vec<Value> {
    let documents = documents(&everything())
        .into_iter()
        .map(|(_, object)| object);
    documents
        .filter(|object| object["kind"] == "NetworkPolicy")
        .collect()
}

fn namespace(policy: &Value) -> &str {
    policy["metadata"]["namespace"].as_str().unwrap()
}

/// The namespaces in a rule; none where it has no such limit.
fn namespaces(peers: &Value) -> Option<Vec<&str>> {
    let peers = peers.as_array()?;
    let listed = peers[0]["namespaceSelector"]["matchExpressions"][0]["values"].as_array()?;
    Some(listed.iter().filter_map(Value::as_str).collect())
}

fn ports(rule: &Value) -> Vec<u64> {
    let ports = rule["ports"].as_array().into_iter().flatten();
    ports.filter_map(|port| port["port"].as_u64()).collect()
}

/// Every way in of a namespace is a way out of the namespace that it is for.
#[test]
fn who_is_let_in_is_let_out() {
    let all = policies();
    let leaves = |from: &str, to: &str, port: u64| {
        let own = all.iter().filter(|policy| namespace(policy) == from);
        let rules =
            own.flat_map(|policy| policy["spec"]["egress"].as_array().into_iter().flatten());
        let mut rules = rules.filter(|rule| ports(rule).contains(&port));
        rules.any(|rule| {
            rule.get("to").is_none() || namespaces(&rule["to"]).is_some_and(|all| all.contains(&to))
        })
    };
    let mut checked = 0;
    for policy in &all {
        for rule in policy["spec"]["ingress"].as_array().into_iter().flatten() {
            for from in namespaces(&rule["from"]).unwrap_or_default() {
                for port in ports(rule) {
                    let to = namespace(policy);
                    assert!(leaves(from, to, port), "{from} cannot reach {to}:{port}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked >= 7, "{checked}");
}

#[test]
fn pods_find_names_and_get_their_credentials() {
    let all = policies();
    let has = |namespace_of: &str, name: &str| {
        all.iter()
            .any(|policy| namespace(policy) == namespace_of && policy["metadata"]["name"] == name)
    };
    for policy in all
        .iter()
        .filter(|one| one["metadata"]["name"] == "default-deny")
    {
        let name = namespace(policy);
        assert!(name == "argocd" || has(name, "to-dns"), "{name}");
    }
    for component in crate::all() {
        let speaks_to_aws = !(component.workloads)(&inputs()).is_empty();
        let name = component.namespace;
        if speaks_to_aws && !["argocd", "kube-system"].contains(&name) {
            assert!(
                has(name, "to-pod-identity") && has(name, "to-https") || name == "vault",
                "{name}"
            );
        }
    }
    assert!(has("backend", "to-pod-identity"));
}

/// A pod that is not meant to speak to anybody does not: neither the logs nor the traces leave by themselves.
#[test]
fn what_keeps_data_reaches_no_other_host() {
    for name in ["logging", "tracing"] {
        let all = policies();
        let own = all.iter().filter(|policy| namespace(policy) == name);
        for policy in own {
            for rule in policy["spec"]["egress"].as_array().into_iter().flatten() {
                let pods = &policy["spec"]["podSelector"];
                let anybody = rule.get("to").is_none();
                assert!(!anybody || *pods != json!({}), "{policy}");
            }
        }
    }
}

#[test]
fn nobody_reaches_a_pod_unless_a_policy_says_so() {
    let denied: BTreeSet<String> = policies()
        .iter()
        .filter(|policy| policy["metadata"]["name"] == "default-deny")
        .map(|policy| {
            let namespace = namespace(policy);
            // It would be cut off from the commit that mends a policy.
            let types = match namespace {
                "argocd" => json!(["Ingress"]),
                _ => json!(["Ingress", "Egress"]),
            };
            let all = json!({"podSelector": {}, "policyTypes": types});
            assert_eq!(policy["spec"], all, "{namespace}");
            namespace.to_owned()
        })
        .collect();
    let components = all().iter().map(|component| component.namespace.to_owned());
    let services = inputs().services.into_iter().map(|service| service.name);
    let expected: BTreeSet<String> = components
        .chain(services)
        .filter(|name| name != "kube-system")
        .collect();
    assert_eq!(denied, expected);
}

/// The API server is no pod: a webhook that only pods reach would stop every change of its kind.
#[test]
fn everybody_reaches_webhooks_and_services() {
    let open: BTreeSet<String> = policies()
        .iter()
        .filter(|policy| {
            policy["spec"]["ingress"][0]["from"].is_null() && !policy["spec"]["ingress"].is_null()
        })
        .map(|policy| {
            let port = &policy["spec"]["ingress"][0]["ports"][0]["port"];
            format!(
                "{} {port}",
                policy["metadata"]["namespace"].as_str().unwrap()
            )
        })
        .collect();
    let expected = [
        r#"backend "http""#,
        "cert-manager 10250",
        "elastic-system 9443",
        "external-secrets 10250",
        r#"frontend "http""#,
        "monitoring 10250",
        "vault 8080",
    ];
    assert_eq!(open, BTreeSet::from(expected.map(ToOwned::to_owned)));
}

#[test]
fn services_reach_vault_and_the_collector() {
    let from = |namespace: &str, name: &str| {
        let all = policies();
        let found = all.iter().find(|policy| {
            policy["metadata"]["namespace"] == namespace && policy["metadata"]["name"] == name
        });
        let rule = &found.unwrap()["spec"]["ingress"][0];
        let who = rule["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"].clone();
        (
            who,
            rule["ports"]
                .as_array()
                .unwrap()
                .iter()
                .map(|port| port["port"].clone())
                .collect::<Vec<_>>(),
        )
    };
    let services = json!(["backend", "frontend"]);
    assert_eq!(
        from("vault", "agents"),
        (services.clone(), vec![json!(8200)])
    );
    assert_eq!(
        from("tracing", "traces"),
        (services, vec![json!(4317), json!(4318)])
    );
}

fn receivers(inputs: &Inputs, settings: &Settings) -> Value {
    let prometheus = all()
        .iter()
        .find(|component| component.name == "prometheus")
        .unwrap();
    let objects = (prometheus.objects)(inputs, settings);
    objects
        .first()
        .map_or(Value::Null, |object| object["spec"]["receivers"][0].clone())
}

#[test]
fn alerts_go_to_the_topic_of_the_stack() {
    let alerts = Alerts {
        topic: late("alerts.topic.arn"),
        key: late("alerts.key.arn"),
    };
    let with = Inputs {
        alerts: Some(alerts),
        ..inputs()
    };
    let without = Inputs {
        alerts: None,
        ..inputs()
    };
    let receiver = receivers(&with, &Settings::default());
    assert_eq!(
        receiver["snsConfigs"][0]["topicARN"],
        late("alerts.topic.arn")
    );
    assert_eq!(receivers(&without, &Settings::default()), Value::Null);
    let prometheus = all()
        .iter()
        .find(|component| component.name == "prometheus")
        .unwrap();
    let workloads = (prometheus.workloads)(&with);
    assert_eq!(
        (workloads.len(), workloads[0].service_account),
        (1, "alertmanager")
    );
    assert_eq!((prometheus.workloads)(&without).len(), 0);
    assert!(
        settings("{}").alerts_by_topic()
            && settings("prometheus: {retention_days: 3}").alerts_by_topic()
    );
    assert!(!settings("prometheus: {alerts: {slack_secret: slack}}").alerts_by_topic());
}
