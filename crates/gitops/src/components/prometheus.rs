//! Prometheus, Alertmanager and Grafana.

use serde_json::{Value, json};

use super::{STORAGE, VOLUMES};
use crate::component::{Component, PLAIN};
use crate::versions::PROMETHEUS;
use crate::{AlertReceivers, Inputs, Settings};

fn claim(gib: u16) -> Value {
    json!({"volumeClaimTemplate": {"spec": {
        "storageClassName": STORAGE,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": format!("{gib}Gi")}},
    }}})
}

/// Everybody who is named gets every alert that is not only informative. Secrets stay in the cluster.
fn receivers(alerts: &AlertReceivers) -> Vec<Value> {
    let mut receiver = json!({"name": "team"});
    if let Some(secret) = &alerts.slack_secret {
        let channel = alerts.slack_channel.clone().unwrap_or_else(|| "#alerts".to_owned());
        receiver["slackConfigs"] = json!([{
            "apiURL": {"name": secret, "key": "url"}, "channel": channel, "sendResolved": true,
        }]);
    }
    if let Some(email) = &alerts.email {
        // A sender is required; the receiver's own address is one that its mail server knows.
        let from = alerts.from.as_ref().unwrap_or(email);
        let mut mail = json!({"to": email, "from": from, "sendResolved": true});
        if let Some(smtp) = &alerts.smtp {
            mail["smarthost"] = smtp.clone().into();
        }
        if let (Some(user), Some(secret)) = (&alerts.smtp_user, &alerts.smtp_secret) {
            mail["authUsername"] = user.clone().into();
            mail["authPassword"] = json!({"name": secret, "key": "password"});
        }
        receiver["emailConfigs"] = json!([mail]);
    }
    if let (Some(secret), Some(chat)) = (&alerts.telegram_secret, alerts.telegram_chat) {
        receiver["telegramConfigs"] = json!([{
            "botToken": {"name": secret, "key": "token"}, "chatID": chat, "sendResolved": true,
        }]);
    }
    if receiver.as_object().is_some_and(|fields| fields.len() > 1) { vec![receiver] } else { Vec::new() }
}

fn values(_: &Inputs, settings: &Settings) -> Value {
    let wishes = settings.prometheus();
    let days = wishes.retention_days.unwrap_or(15);
    json!({
        "crds": {"enabled": true},
        // What EKS runs cannot be looked into.
        "kubeControllerManager": {"enabled": false},
        "kubeScheduler": {"enabled": false},
        "kubeEtcd": {"enabled": false},
        "kubeProxy": {"enabled": false},
        "defaultRules": {"rules": {
            "etcd": false, "kubeControllerManager": false, "kubeProxy": false,
            "kubeSchedulerAlerting": false, "kubeSchedulerRecording": false,
        }},
        "prometheus": {"prometheusSpec": {
            "replicas": 2,
            "retention": format!("{days}d"),
            "storageSpec": claim(wishes.disk_gib.unwrap_or(50)),
            "serviceMonitorSelectorNilUsesHelmValues": false,
            "podMonitorSelectorNilUsesHelmValues": false,
            "ruleSelectorNilUsesHelmValues": false,
            "probeSelectorNilUsesHelmValues": false,
        }},
        "alertmanager": {"alertmanagerSpec": {
            "replicas": 3,
            "storage": claim(5),
            "alertmanagerConfigSelector": {},
            "alertmanagerConfigNamespaceSelector": {},
            "alertmanagerConfigMatcherStrategy": {"type": "None"},
        }},
        "grafana": {
            // None: the chart makes one up.
            "adminPassword": "",
            "defaultDashboardsTimezone": "utc",
            "persistence": {"enabled": true, "storageClassName": STORAGE, "size": "10Gi"},
        },
    })
}

pub(crate) const COMPONENT: Component = Component {
    name: "prometheus",
    purpose: "Metrics, alerts and dashboards",
    namespace: "monitoring",
    wave: -1,
    needs: &["storage"],
    chart: Some(PROMETHEUS),
    values,
    objects: |_, settings| {
        let receivers = receivers(&settings.prometheus().alerts);
        if receivers.is_empty() {
            return Vec::new();
        }
        vec![json!({
            "apiVersion": "monitoring.coreos.com/v1alpha1",
            "kind": "AlertmanagerConfig",
            "metadata": {
                "name": "team", "namespace": "monitoring",
                "annotations": {"argocd.argoproj.io/sync-wave": "1"},
            },
            "spec": {
                "route": {
                    "receiver": "team",
                    "groupBy": ["alertname", "namespace"],
                    "groupWait": "30s",
                    "groupInterval": "5m",
                    "repeatInterval": "4h",
                    "matchers": [{"name": "severity", "matchType": "=~", "value": "warning|critical"}],
                },
                "receivers": receivers,
            },
        })]
    },
    // The chart makes up a new password whenever it is rendered; the first one stays, and with it the pods.
    ignored: || {
        vec![
            json!({"kind": "Secret", "name": "prometheus-grafana", "jsonPointers": ["/data/admin-password"]}),
            json!({
                "group": "apps", "kind": "Deployment", "name": "prometheus-grafana",
                "jqPathExpressions": [".spec.template.metadata.annotations[\"checksum/secret\"]"],
            }),
        ]
    },
    leftovers: &[VOLUMES],
    health: &[
        "StatefulSet monitoring/prometheus-prometheus-kube-prometheus-prometheus",
        "StatefulSet monitoring/alertmanager-prometheus-kube-prometheus-alertmanager",
        "Deployment monitoring/prometheus-grafana",
    ],
    ..PLAIN
};
