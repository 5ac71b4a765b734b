//! Prometheus, Alertmanager and Grafana.

use serde_json::{Value, json};

use super::{STORAGE, VOLUMES, argo_rollouts};
use crate::application::LAST_WAVE;
use crate::component::{
    Component, Count, Door, Exit, Login, PLAIN, Page, PodSecurity, Pods, Resources, To, Workload,
    allow, spread, when_defined,
};
use crate::versions::PROMETHEUS;
use crate::{AlertReceivers, Inputs, Service, Settings};

const PROMETHEUS_REPLICAS: u32 = 2;
const ALERTMANAGER_REPLICAS: u32 = 3;
const SERVER: Resources = Resources::new(250, 1536, 4096);
const ALERTMANAGER: Resources = Resources::new(25, 64, 256);
/// Beside each of both.
const RELOADER: Resources = Resources::new(10, 32, 64);
const OPERATOR: Resources = Resources::new(50, 128, 512);
const GRAFANA: Resources = Resources::new(50, 256, 1024);
/// Two beside Grafana, for dashboards and for data sources.
const SIDECAR: Resources = Resources::new(10, 96, 256);
const STATE_METRICS: Resources = Resources::new(25, 64, 512);
const NODE_EXPORTER: Resources = Resources::new(25, 32, 128);
/// They make the certificate of a webhook, once.
const JOB: Resources = Resources::new(10, 32, 128);
/// Of Alertmanager, which sends to the topic of the stack's alerts.
const ACCOUNT: &str = "alertmanager";

fn pods() -> Vec<Pods> {
    vec![
        Pods::of(
            "prometheus-kube-prometheus-prometheus",
            PROMETHEUS_REPLICAS,
            &[SERVER, RELOADER],
        ),
        Pods::of(
            "prometheus-kube-prometheus-alertmanager",
            ALERTMANAGER_REPLICAS,
            &[ALERTMANAGER, RELOADER],
        ),
        Pods::of("prometheus-kube-prometheus-operator", 1, &[OPERATOR]),
        Pods::of("prometheus-grafana", 1, &[GRAFANA, SIDECAR, SIDECAR]),
        Pods::of("prometheus-kube-state-metrics", 1, &[STATE_METRICS]),
        Pods::new(
            "prometheus-prometheus-node-exporter",
            Count::PerNode,
            &[NODE_EXPORTER],
        ),
    ]
}

/// The mail servers' ports, unless one is stated.
const MAIL: [u16; 3] = [25, 465, 587];

fn exits(settings: &Settings) -> Vec<Exit> {
    let pods = |name: &str| json!({"app.kubernetes.io/name": name});
    let alerts = settings.prometheus().alerts;
    let stated = alerts
        .smtp
        .as_deref()
        .and_then(|smtp| smtp.rsplit_once(':'));
    let stated = stated.and_then(|(_, port)| port.parse().ok());
    let mail = stated.map_or_else(|| MAIL.to_vec(), |port| vec![port]);
    let mut exits = vec![
        // The API server, and where alerts go.
        Exit::https(),
        // What it scrapes can be any pod, and any port of a node.
        Exit {
            name: "to-targets",
            labels: pods("prometheus"),
            to: vec![(To::Anywhere, Vec::new())],
        },
    ];
    if alerts.email.is_some() {
        exits.push(Exit {
            name: "to-mail",
            labels: pods("alertmanager"),
            to: vec![(To::Anywhere, mail)],
        });
    }
    exits
}

fn claim(gib: u16) -> Value {
    json!({"volumeClaimTemplate": {"spec": {
        "storageClassName": STORAGE,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": format!("{gib}Gi")}},
    }}})
}

/// Everybody who is named gets every alert that is not only informative. Secrets stay in the cluster.
fn receivers(alerts: &AlertReceivers, inputs: &Inputs) -> Vec<Value> {
    let mut receiver = json!({"name": "team"});
    if let Some(alerts) = &inputs.alerts {
        receiver["snsConfigs"] = json!([{
            "topicARN": alerts.topic, "sigv4": {"region": inputs.region}, "sendResolved": true,
        }]);
    }
    if let Some(secret) = &alerts.slack_secret {
        let channel = alerts
            .slack_channel
            .clone()
            .unwrap_or_else(|| "#alerts".to_owned());
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
    if receiver.as_object().is_some_and(|fields| fields.len() > 1) {
        vec![receiver]
    } else {
        Vec::new()
    }
}

fn values(_: &Inputs, settings: &Settings) -> Value {
    let wanted = settings.prometheus();
    let days = wanted.retention_days.unwrap_or(15);
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
        "prometheusOperator": {
            "resources": OPERATOR.json(),
            "prometheusConfigReloader": {"resources": RELOADER.json()},
            "admissionWebhooks": {"patch": {"resources": JOB.json()}},
        },
        "kube-state-metrics": {"resources": STATE_METRICS.json()},
        "prometheus-node-exporter": {"resources": NODE_EXPORTER.json()},
        "prometheus": {"podDisruptionBudget": {"enabled": true}, "prometheusSpec": {
            "replicas": PROMETHEUS_REPLICAS,
            "resources": SERVER.json(),
            "topologySpreadConstraints": spread(&json!({"app.kubernetes.io/name": "prometheus"})),
            "retention": format!("{days}d"),
            "storageSpec": claim(wanted.disk_gib.unwrap_or(50)),
            "serviceMonitorSelectorNilUsesHelmValues": false,
            "podMonitorSelectorNilUsesHelmValues": false,
            "ruleSelectorNilUsesHelmValues": false,
            "probeSelectorNilUsesHelmValues": false,
        }},
        "alertmanager": {"podDisruptionBudget": {"enabled": true}, "serviceAccount": {"create": true, "name": ACCOUNT}, "alertmanagerSpec": {
            "replicas": ALERTMANAGER_REPLICAS,
            "resources": ALERTMANAGER.json(),
            "topologySpreadConstraints": spread(&json!({"app.kubernetes.io/name": "alertmanager"})),
            "storage": claim(5),
            "alertmanagerConfigSelector": {},
            "alertmanagerConfigNamespaceSelector": {},
            "alertmanagerConfigMatcherStrategy": {"type": "None"},
        }},
        "grafana": {
            // None: the chart makes one up.
            "adminPassword": "",
            "defaultDashboardsTimezone": "utc",
            "resources": GRAFANA.json(),
            "sidecar": {"resources": SIDECAR.json()},
            // Its volume can be on one node only, so a new pod could not start beside the old one.
            "deploymentStrategy": {"type": "Recreate"},
            // The volume belongs to its group already; this container would run as root.
            "initChownData": {"enabled": false},
            "persistence": {"enabled": true, "storageClassName": STORAGE, "size": "10Gi"},
        },
    })
}

pub(crate) const COMPONENT: Component = Component {
    name: "prometheus",
    purpose: "Metrics, alerts and dashboards",
    namespace: "monitoring",
    wave: LAST_WAVE,
    needs: &["storage"],
    chart: Some(PROMETHEUS),
    server_side: true,
    // The exporter reads what is on its node.
    pod_security: PodSecurity::Privileged,
    doors: |inputs| {
        let labels = json!({"app": "kube-prometheus-stack-operator"});
        // The API server asks the webhook.
        let mut doors = vec![Door {
            name: "webhook",
            labels,
            ports: vec![10250],
            from: Vec::new(),
        }];
        if inputs.services.iter().any(Service::is_analysed) {
            doors.push(Door {
                name: "analysis",
                labels: json!({"app.kubernetes.io/name": "prometheus"}),
                ports: vec![9090],
                from: vec![argo_rollouts::COMPONENT.namespace.to_owned()],
            });
        }
        doors
    },
    exits: |_, settings| exits(settings),
    pods: |_, _| pods(),
    workloads: |inputs| {
        let topic = inputs.alerts.iter();
        topic
            .map(|alerts| Workload {
                namespace: "monitoring",
                service_account: ACCOUNT,
                statements: vec![
                    allow(&["sns:Publish"], alerts.topic.clone()),
                    // The topic is encrypted under this key.
                    allow(&["kms:GenerateDataKey", "kms:Decrypt"], alerts.key.clone()),
                ],
            })
            .collect()
    },
    values,
    objects: |inputs, settings| {
        let receivers = receivers(&settings.prometheus().alerts, inputs);
        if receivers.is_empty() {
            return Vec::new();
        }
        vec![json!({
            "apiVersion": "monitoring.coreos.com/v1alpha1",
            "kind": "AlertmanagerConfig",
            "metadata": {"name": "team", "namespace": "monitoring", "annotations": when_defined()},
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
    pages: &[
        Page {
            name: "grafana",
            title: "Grafana",
            service: "prometheus-grafana",
            port: 80,
            tls: false,
            local_port: 3000,
            login: Login::Password {
                user: "admin",
                secret: "prometheus-grafana",
                key: "admin-password",
            },
        },
        Page {
            name: "prometheus",
            title: "Prometheus",
            service: "prometheus-kube-prometheus-prometheus",
            port: 9090,
            tls: false,
            local_port: 9090,
            login: Login::Nobody,
        },
    ],
    ..PLAIN
};
