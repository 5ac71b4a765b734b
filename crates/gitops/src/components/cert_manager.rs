//! cert-manager, with Let's Encrypt by DNS.

use serde_json::{Value, json};

use crate::application::LAST_WAVE;
use crate::component::{
    Component, Door, Exit, Leftover, PLAIN, Pods, Resources, To, Workload, allow, allow_if, join,
    spread,
};
use crate::versions::CERT_MANAGER;
use crate::{Inputs, Settings};

const ACCOUNT: &str = "cert-manager";
const REPLICAS: u32 = 2;
const CONTROLLER: Resources = Resources::new(25, 64, 256);
const WEBHOOK: Resources = Resources::new(25, 32, 128);
const INJECTOR: Resources = Resources::new(25, 128, 512);
/// It runs once after an installation.
const CHECK: Resources = Resources::new(10, 32, 128);

fn labels(component: &str) -> Value {
    json!({"app.kubernetes.io/instance": "cert-manager", "app.kubernetes.io/component": component})
}

fn issuer(name: &str, server: &str, inputs: &Inputs, settings: &Settings) -> Value {
    let zone = inputs
        .zone
        .as_ref()
        .map(|zone| zone.id.clone())
        .unwrap_or_default();
    let mut acme = json!({
        "server": server,
        "privateKeySecretRef": {"name": name},
        "solvers": [{"dns01": {"route53": {"region": inputs.region, "hostedZoneID": zone}}}],
    });
    if let Some(email) = settings.email() {
        acme["email"] = email.into();
    }
    json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "ClusterIssuer",
        "metadata": {"name": name, "annotations": {"argocd.argoproj.io/sync-wave": "1"}},
        "spec": {"acme": acme},
    })
}

pub(crate) const COMPONENT: Component = Component {
    name: "cert-manager",
    purpose: "Certificates from Let's Encrypt for workloads in the cluster",
    namespace: "cert-manager",
    wave: LAST_WAVE,
    chart: Some(CERT_MANAGER),
    doors: |_| {
        // The API server asks the webhook.
        vec![Door {
            name: "webhook",
            labels: labels("webhook"),
            ports: vec![10250],
            from: Vec::new(),
        }]
    },
    exits: |_, _| {
        // It asks the name servers of the zone itself whether a challenge can be seen.
        let controller = Exit {
            name: "to-name-servers",
            labels: labels("controller"),
            to: vec![(To::NameServers, Vec::new())],
        };
        vec![Exit::https(), controller]
    },
    pods: |_, _| {
        vec![
            Pods::of("cert-manager", REPLICAS, &[CONTROLLER]),
            Pods::of("cert-manager-webhook", REPLICAS, &[WEBHOOK]),
            Pods::of("cert-manager-cainjector", 1, &[INJECTOR]),
        ]
    },
    values: |_, _| {
        json!({
            "crds": {"enabled": true, "keep": true},
            "replicaCount": REPLICAS,
            "resources": CONTROLLER.json(),
            "podDisruptionBudget": {"enabled": true, "maxUnavailable": 1},
            "topologySpreadConstraints": spread(&labels("controller")),
            "serviceAccount": {"create": true, "name": ACCOUNT},
            "webhook": {
                "replicaCount": REPLICAS,
                "resources": WEBHOOK.json(),
                "podDisruptionBudget": {"enabled": true, "maxUnavailable": 1},
                "topologySpreadConstraints": spread(&labels("webhook")),
            },
            "cainjector": {"resources": INJECTOR.json()},
            "startupapicheck": {"resources": CHECK.json()},
        })
    },
    objects: |inputs, settings| {
        vec![
            issuer(
                "letsencrypt-staging",
                "https://acme-staging-v02.api.letsencrypt.org/directory",
                inputs,
                settings,
            ),
            issuer(
                "letsencrypt",
                "https://acme-v02.api.letsencrypt.org/directory",
                inputs,
                settings,
            ),
        ]
    },
    workloads: |inputs| {
        let zone = inputs
            .zone
            .as_ref()
            .map(|zone| zone.id.clone())
            .unwrap_or_default();
        let zone = join([
            format!("arn:{}:route53:::hostedzone/", inputs.partition).into(),
            zone,
        ]);
        let text_only = json!({"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["TXT"]}});
        vec![Workload {
            namespace: "cert-manager",
            service_account: ACCOUNT,
            statements: vec![
                allow(
                    &["route53:GetChange"],
                    format!("arn:{}:route53:::change/*", inputs.partition),
                ),
                allow_if(
                    &["route53:ChangeResourceRecordSets"],
                    zone.clone(),
                    text_only,
                ),
                allow(&["route53:ListResourceRecordSets"], zone),
                allow(&["route53:ListHostedZonesByName"], "*"),
            ],
        }]
    },
    missing: |inputs, _| {
        inputs
            .zone
            .is_none()
            .then_some("requires a DNS zone: `edge:` with a domain")
    },
    leftovers: &[Leftover {
        what: "DNS records for ACME challenges",
        found_by: "TXT records _acme-challenge.* in the zone",
    }],
    health: &[
        "Deployment cert-manager/cert-manager",
        "Deployment cert-manager/cert-manager-webhook",
    ],
    ..PLAIN
};
