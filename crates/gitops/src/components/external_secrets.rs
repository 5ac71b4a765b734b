//! External Secrets Operator: what services keep in Secrets Manager, Parameter Store or Vault becomes Secrets of the
//! cluster, with the permissions of each service and none of its own.

use serde_json::json;

use crate::component::{Component, Door, Exit, PLAIN, Pods, Resources, To, spread};
use crate::versions::EXTERNAL_SECRETS;

/// Its namespace, from which it speaks to Vault.
pub(crate) const NAMESPACE: &str = "external-secrets";
const REPLICAS: u32 = 2;
const CONTROLLER: Resources = Resources::new(25, 128, 512);
const WEBHOOK: Resources = Resources::new(10, 64, 256);
const CERTIFICATES: Resources = Resources::new(10, 64, 256);

fn labels(name: &str) -> serde_json::Value {
    json!({"app.kubernetes.io/name": name})
}

pub(crate) const COMPONENT: Component = Component {
    name: "external-secrets",
    purpose: "Copies the secrets that services name from Secrets Manager, Parameter Store and Vault to the cluster",
    namespace: NAMESPACE,
    wave: -2,
    chart: Some(EXTERNAL_SECRETS),
    server_side: true,
    // The API server asks the webhook.
    doors: |_| {
        vec![Door {
            name: "webhook",
            labels: labels("external-secrets-webhook"),
            ports: vec![10250],
            from: Vec::new(),
        }]
    },
    exits: |inputs, _| {
        let mut exit = Exit::https();
        if inputs.secrets_in_vault() {
            exit.to
                .push((To::Namespaces(vec!["vault".into()]), vec![8200]));
        }
        vec![exit]
    },
    pods: |_, _| {
        vec![
            Pods::of("external-secrets", REPLICAS, &[CONTROLLER]),
            Pods::of("external-secrets-webhook", REPLICAS, &[WEBHOOK]),
            Pods::of("external-secrets-cert-controller", 1, &[CERTIFICATES]),
        ]
    },
    values: |_, _| {
        let budget = json!({"enabled": true, "minAvailable": 1});
        json!({
            "replicaCount": REPLICAS,
            "leaderElect": true,
            "resources": CONTROLLER.json(),
            "podDisruptionBudget": budget,
            "topologySpreadConstraints": spread(&labels("external-secrets")),
            // A service says where its secrets are in its own namespace, and is given nothing from another one.
            "processClusterStore": false,
            "processClusterExternalSecret": false,
            "processClusterPushSecret": false,
            "processClusterGenerator": false,
            "processPushSecret": false,
            "webhook": {
                "replicaCount": REPLICAS,
                "resources": WEBHOOK.json(),
                "podDisruptionBudget": budget,
                "topologySpreadConstraints": spread(&labels("external-secrets-webhook")),
            },
            "certController": {"resources": CERTIFICATES.json()},
        })
    },
    missing: |inputs, settings| {
        let used = inputs.services.iter().any(crate::Service::needs_secrets);
        // Who asks for it gets it.
        (!used && settings.external_secrets != Some(true)).then_some("no service has secrets")
    },
    health: &[
        "Deployment external-secrets/external-secrets",
        "Deployment external-secrets/external-secrets-webhook",
    ],
    ..PLAIN
};
