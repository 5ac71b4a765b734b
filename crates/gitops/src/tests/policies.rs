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

#[test]
fn nobody_reaches_a_pod_unless_a_policy_says_so() {
    let denied: BTreeSet<String> = policies()
        .iter()
        .filter(|policy| policy["metadata"]["name"] == "default-deny")
        .map(|policy| {
            assert_eq!(
                policy["spec"],
                json!({"podSelector": {}, "policyTypes": ["Ingress"]})
            );
            policy["metadata"]["namespace"].as_str().unwrap().to_owned()
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
        "backend 8080",
        "cert-manager 10250",
        "elastic-system 9443",
        "external-secrets 10250",
        "frontend 8080",
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
