//! cert-manager: certificates of the cluster's own authority, and of Let's Encrypt.

use serde_json::{Value, json};

use crate::Inputs;
use crate::component::{
    Component, Door, Exit, Leftover, PLAIN, Pods, Resources, To, Workload, allow, allow_if, join,
    spread, when_defined,
};
use crate::versions::CERT_MANAGER;

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

/// The issuer of certificates for connections within the cluster.
const CLUSTER_CA: &str = "cluster-ca";
/// What the certificate of that issuer is signed with: its own key.
const SELF_SIGNED: &str = "self-signed";

fn issuer(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "ClusterIssuer",
        "metadata": {"name": name, "annotations": when_defined()},
        "spec": spec,
    })
}

fn signed_by(issuer: &str, namespace: &str, name: &str, mut spec: Value) -> Value {
    spec["secretName"] = name.into();
    spec["issuerRef"] =
        json!({"group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer});
    json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": namespace, "annotations": when_defined()},
        "spec": spec,
    })
}

/// A certificate of the cluster's own authority, in a Secret of the same name, with the certificate of the authority
/// as `ca.crt`.
pub(crate) fn certificate(namespace: &str, name: &str, mut spec: Value) -> Value {
    spec["privateKey"] = json!({"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"});
    spec["duration"] = "2160h".into();
    signed_by(CLUSTER_CA, namespace, name, spec)
}

/// The cluster's own authority. Its key stays when its certificate is renewed: what was signed before is still trusted
/// by those who have the new certificate, and the other way round.
fn authority(inputs: &Inputs) -> Vec<Value> {
    let root = json!({
        "isCA": true,
        // A common name has 64 characters at most.
        "commonName": CLUSTER_CA,
        "subject": {"organizations": [inputs.cluster]},
        "duration": "87600h",
        "renewBefore": "43800h",
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Never"},
    });
    let mut objects = vec![
        issuer(SELF_SIGNED, &json!({"selfSigned": {}})),
        signed_by(SELF_SIGNED, "cert-manager", CLUSTER_CA, root),
        issuer(CLUSTER_CA, &json!({"ca": {"secretName": CLUSTER_CA}})),
    ];
    // They need the chart's definitions, and its webhook.
    for object in &mut objects {
        object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = "1".into();
    }
    objects
}

pub(crate) const COMPONENT: Component = Component {
    name: "cert-manager",
    purpose: "Certificates for workloads in the cluster, and the certificate authority of the cluster",
    namespace: "cert-manager",
    // Vault, which comes after it, does not start without a certificate.
    wave: -2,
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
    objects: |inputs, _| authority(inputs),
    workloads: |inputs| {
        let Some(zone) = &inputs.zone else {
            return Vec::new();
        };
        let zone = join([
            format!("arn:{}:route53:::hostedzone/", inputs.partition).into(),
            zone.id.clone(),
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
    missing: |inputs, settings| {
        // Who asks for it gets it.
        let wanted = settings.wish("cert-manager") == Some(true);
        let used = inputs.zone.is_some() || settings.wish("vault") != Some(false);
        (!used && !wanted).then_some("nothing needs a certificate")
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
