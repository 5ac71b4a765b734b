//! Vault: three servers, unsealed by KMS, initialised once, and configured for the services.

mod configure;
mod init;

use serde_json::{Value, json};

use super::{STORAGE, VOLUMES};
use crate::component::{Component, PLAIN, Workload, allow, allow_if, anew, join};
use crate::versions::{VAULT, VAULT_IMAGE};
use crate::{Inputs, Settings};

const SERVER: &str = "vault";
const INITIALISER: &str = "vault-init";
const CONFIGURER: &str = "vault-config";
/// The role in Vault that both log in to. No service's name has a dot in it.
const CONFIGURER_ROLE: &str = "platctl.config";

/// The servers find each other by the names that their StatefulSet gives them.
fn configuration(inputs: &Inputs, replicas: u8) -> Value {
    let join_each = (0..replicas).map(|number| {
        format!(
            "  retry_join {{\n    leader_api_addr = \"http://vault-{number}.vault-internal:8200\"\n  }}\n"
        )
    });
    let storage = join_each.collect::<String>();
    let text = format!(
        "ui = true\nlistener \"tcp\" {{\n  address = \"[::]:8200\"\n  cluster_address = \"[::]:8201\"\n  tls_disable = 1\n}}\n\
         storage \"raft\" {{\n  path = \"/vault/data\"\n{storage}}}\nservice_registration \"kubernetes\" {{}}\n\
         seal \"awskms\" {{\n  region = \"{}\"\n  kms_key_id = \"",
        inputs.region
    );
    join([text.into(), inputs.vault_key.clone(), "\"\n}\n".into()])
}

fn account(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "vault"}})
}

/// What a container of a job may do to its node: nothing.
fn quiet() -> Value {
    json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
}

/// A container that speaks to Vault.
fn vault_container(name: &str, address: &str, command: &str, env: Value) -> Value {
    let mut variables =
        vec![json!({"name": "VAULT_ADDR", "value": address}), json!({"name": "HOME", "value": "/tmp"})];
    if let Value::Array(more) = env {
        variables.extend(more);
    }
    json!({
        "name": name,
        "image": VAULT_IMAGE,
        "command": ["sh", "-ceu", command],
        "env": variables,
        "securityContext": quiet(),
    })
}

/// A job of this name, which does one thing until it is done.
fn job(name: &str, container: Value) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "vault", "annotations": anew()},
        "spec": {
            "backoffLimit": 20,
            "template": {
                "spec": {
                    "serviceAccountName": name,
                    "restartPolicy": "OnFailure",
                    "securityContext": {
                        "runAsNonRoot": true, "runAsUser": 65532, "fsGroup": 65532,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                },
            },
        },
    })
}

fn values(inputs: &Inputs, settings: &Settings) -> Value {
    let wishes = settings.vault();
    let replicas = wishes.replicas.unwrap_or(3);
    json!({
        "global": {"tlsDisable": true},
        "injector": {"enabled": true, "replicas": 2},
        "server": {
            "serviceAccount": {"create": true, "name": SERVER},
            "dataStorage": {
                "enabled": true,
                "size": format!("{}Gi", wishes.disk_gib.unwrap_or(10)),
                "storageClass": STORAGE,
            },
            "ha": {
                "enabled": true,
                "replicas": replicas,
                "raft": {"enabled": true, "setNodeId": true, "config": configuration(inputs, replicas)},
            },
        },
    })
}

pub(crate) const COMPONENT: Component = Component {
    name: "vault",
    purpose: "Stores the secrets of services, and injects them into their pods",
    namespace: "vault",
    wave: -1,
    needs: &["storage"],
    chart: Some(VAULT),
    values,
    objects: |inputs, _| init::objects(inputs).into_iter().chain(configure::objects(inputs)).collect(),
    workloads: |inputs| {
        vec![
            Workload {
                namespace: "vault",
                service_account: SERVER,
                statements: vec![allow(
                    &["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"],
                    inputs.vault_key.clone(),
                )],
            },
            Workload {
                namespace: "vault",
                service_account: INITIALISER,
                statements: vec![
                    allow(&["secretsmanager:PutSecretValue"], inputs.vault_secret.clone()),
                    // The secret is under this key; by itself the job may do nothing with it.
                    allow_if(
                        &["kms:GenerateDataKey", "kms:Decrypt"],
                        inputs.vault_key.clone(),
                        json!({"StringEquals": {"kms:ViaService": inputs.endpoint("secretsmanager")}}),
                    ),
                ],
            },
        ]
    },
    // The injector writes its own certificate into its webhook.
    ignored: || {
        vec![json!({
            "group": "admissionregistration.k8s.io", "kind": "MutatingWebhookConfiguration",
            "jqPathExpressions": [".webhooks[]?.clientConfig.caBundle"],
        })]
    },
    leftovers: &[VOLUMES],
    health: &[
        "StatefulSet vault/vault",
        "Deployment vault/vault-agent-injector",
        "Job vault/vault-init",
        "Job vault/vault-config, where there are services",
    ],
    ..PLAIN
};
