//! Vault: three servers, unsealed by KMS, initialised once.

use serde_json::{Value, json};

use super::{STORAGE, VOLUMES};
use crate::component::{Component, PLAIN, Workload, allow, join};
use crate::versions::{AWS_CLI_IMAGE, VAULT, VAULT_IMAGE};
use crate::{Inputs, Settings};

const SERVER: &str = "vault";
const INITIALISER: &str = "vault-init";
const KEYS: &str = "/keys/init.json";

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

/// Initialises Vault unless it is, and hands what comes out of it to Secrets Manager: through memory, without a word
/// to the log. It looks first whether it may write there, for there is no second try.
fn initialiser(inputs: &Inputs) -> Vec<Value> {
    let wave = |kind: Value| {
        let mut kind = kind;
        kind["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = "1".into();
        kind
    };
    let quiet = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
    });
    let memory = json!([{"name": "keys", "mountPath": "/keys"}, {"name": "tmp", "mountPath": "/tmp"}]);
    let secret = inputs.vault_secret.clone();
    let aws = |name: &str, command: &str| {
        json!({
            "name": name,
            "image": AWS_CLI_IMAGE,
            "command": ["sh", "-ceu", command],
            "env": [
                {"name": "AWS_REGION", "value": inputs.region},
                {"name": "SECRET", "value": secret},
                {"name": "HOME", "value": "/tmp"},
            ],
            "securityContext": quiet,
            "volumeMounts": memory,
        })
    };
    let initialise = format!(
        "export VAULT_ADDR=http://vault-0.vault-internal.vault.svc:8200\n\
         until vault status -format=json > /tmp/status.json || [ $? -eq 2 ]; do sleep 5; done\n\
         if grep -q '\"initialized\": true' /tmp/status.json; then exit 0; fi\n\
         vault operator init -format=json -recovery-shares=5 -recovery-threshold=3 > {KEYS}\n"
    );
    let hand_over = format!(
        "[ -s {KEYS} ] || exit 0\n\
         until aws secretsmanager put-secret-value --secret-id \"$SECRET\" --secret-string file://{KEYS} > /dev/null; do sleep 5; done\n"
    );
    let job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": INITIALISER, "namespace": "vault"},
        "spec": {
            "backoffLimit": 20,
            "template": {
                "spec": {
                    "serviceAccountName": INITIALISER,
                    "restartPolicy": "OnFailure",
                    "securityContext": {
                        "runAsNonRoot": true, "runAsUser": 65532, "fsGroup": 65532,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "initContainers": [
                        aws("may-write", "aws secretsmanager describe-secret --secret-id \"$SECRET\" > /dev/null"),
                        {
                            "name": "initialise",
                            "image": VAULT_IMAGE,
                            "command": ["sh", "-ceu", initialise],
                            "env": [{"name": "HOME", "value": "/tmp"}],
                            "securityContext": quiet,
                            "volumeMounts": memory,
                        },
                    ],
                    "containers": [aws("hand-over", &hand_over)],
                    "volumes": [
                        {"name": "keys", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
                        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
                    ],
                },
            },
        },
    });
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": INITIALISER, "namespace": "vault"},
    });
    vec![wave(account), wave(job)]
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
    purpose: "Keeps the secrets of services, and puts them into their pods",
    namespace: "vault",
    wave: -1,
    needs: &["storage"],
    chart: Some(VAULT),
    values,
    objects: |inputs, _| initialiser(inputs),
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
                statements: vec![allow(
                    &["secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue"],
                    inputs.vault_secret.clone(),
                )],
            },
        ]
    },
    leftovers: &[VOLUMES],
    health: &["StatefulSet vault/vault", "Deployment vault/vault-agent-injector", "Job vault/vault-init"],
    ..PLAIN
};
