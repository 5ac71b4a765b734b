//! Vault: three servers, unsealed by KMS, initialised once, and configured for the services.

mod configure;
mod init;
pub(crate) mod tls;
mod upgrade;

use serde_json::{Value, json};

use super::{STORAGE, VOLUMES, external_secrets};
use crate::component::{
    Component, Door, Exit, Login, PLAIN, Page, PodSecurity, Pods, Resources, Workload, allow,
    allow_if, anew, join, spread,
};
use crate::versions::{VAULT, VAULT_IMAGE};
use crate::{Inputs, Settings};

const SERVER: &str = "vault";
const INJECTORS: u32 = 2;
const CONTAINER: Resources = Resources::new(100, 256, 1024);
const INJECTOR: Resources = Resources::new(50, 64, 256);
/// What a container of a job asks for.
const JOB: Resources = Resources::new(10, 64, 256);
/// The agent that the injector puts into a service's pod.
pub(crate) const AGENT: Resources = Resources::new(25, 64, 128);
const INITIALISER: &str = "vault-init";
const CONFIGURER: &str = "vault-config";
/// Where whoever leads is reached.
pub(crate) const ADDRESS: &str = "https://vault-active.vault.svc:8200";
/// The role in Vault that both log in to. No service's name has a dot in it.
const CONFIGURER_ROLE: &str = "platctl.config";

/// The servers find each other by the names that their StatefulSet gives them.
fn configuration(inputs: &Inputs, replicas: u8) -> Value {
    let join_each = (0..replicas).map(|number| {
        format!(
            "  retry_join {{\n    leader_api_addr = \"https://vault-{number}.vault-internal:8200\"\n    \
             leader_ca_cert_file = \"{}\"\n  }}\n",
            tls::AUTHORITY
        )
    });
    let storage = join_each.collect::<String>();
    let text = format!(
        "ui = true\nlistener \"tcp\" {{\n  address = \"[::]:8200\"\n  cluster_address = \"[::]:8201\"\n{}}}\n\
         storage \"raft\" {{\n  path = \"/vault/data\"\n{storage}}}\nservice_registration \"kubernetes\" {{}}\n\
         seal \"awskms\" {{\n  region = \"{}\"\n  kms_key_id = \"",
        tls::listener(),
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

/// A volume of a job that is in memory alone.
fn memory(name: &str, mebibytes: u8) -> Value {
    json!({"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": format!("{mebibytes}Mi")}})
}

/// A container that speaks to Vault.
fn vault_container(name: &str, address: &str, command: &str, env: Value) -> Value {
    let mut variables = vec![
        json!({"name": "VAULT_ADDR", "value": address}),
        json!({"name": "VAULT_CACERT", "value": tls::AUTHORITY}),
        json!({"name": "HOME", "value": "/tmp"}),
    ];
    if let Value::Array(more) = env {
        variables.extend(more);
    }
    json!({
        "name": name,
        "image": VAULT_IMAGE,
        "command": ["sh", "-ceu", command],
        "env": variables,
        "resources": JOB.json(),
        "securityContext": quiet(),
        "volumeMounts": [tls::mount(), {"name": "tmp", "mountPath": "/tmp"}],
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
                    "volumes": [tls::authority_volume(), memory("tmp", 16)],
                },
            },
        },
    })
}

fn replicas(settings: &Settings) -> u8 {
    settings.vault().replicas.unwrap_or(3)
}

fn server_labels() -> Value {
    json!({"app.kubernetes.io/name": "vault", "component": "server"})
}

fn injector_labels() -> Value {
    json!({"app.kubernetes.io/name": "vault-agent-injector", "component": "webhook"})
}

/// What the pods of the servers are made of, beside what the chart says.
fn server_pods() -> Value {
    json!({
        "resources": CONTAINER.json(),
        "topologySpreadConstraints": spread(&server_labels()),
        "volumes": tls::volumes(),
        "volumeMounts": [tls::mount()],
        // For people who open a shell there.
        "extraEnvironmentVars": {"VAULT_CACERT": tls::AUTHORITY},
        "extraContainers": [tls::watch()],
        "shareProcessNamespace": true,
    })
}

fn values(inputs: &Inputs, settings: &Settings) -> Value {
    let wanted = settings.vault();
    let replicas = replicas(settings);
    let mut server = server_pods();
    // A server that is replaced by itself could be the leader: a job replaces them, standbys first.
    server["updateStrategyType"] = "OnDelete".into();
    server["serviceAccount"] = json!({"create": true, "name": SERVER});
    server["dataStorage"] = json!({
        "enabled": true,
        "size": format!("{}Gi", wanted.disk_gib.unwrap_or(10)),
        "storageClass": STORAGE,
    });
    server["ha"] = json!({
        "enabled": true,
        "replicas": replicas,
        // The name of each server, which its certificate has: it does not have their addresses.
        "apiAddr": "https://$(VAULT_K8S_POD_NAME).vault-internal.vault.svc:8200",
        "raft": {"enabled": true, "setNodeId": true, "config": configuration(inputs, replicas)},
    });
    json!({
        "global": {"tlsDisable": false},
        "injector": {
            "enabled": true,
            "replicas": INJECTORS,
            "resources": INJECTOR.json(),
            "podDisruptionBudget": {"maxUnavailable": 1},
            "topologySpreadConstraints": spread(&injector_labels()),
            "agentDefaults": {
                "cpuRequest": format!("{}m", AGENT.cpu),
                "memRequest": format!("{}Mi", AGENT.memory),
                "memLimit": format!("{}Mi", AGENT.limit),
            },
        },
        "server": server,
    })
}

pub(crate) const COMPONENT: Component = Component {
    name: "vault",
    purpose: "Stores the secrets of services, and injects them into their pods",
    namespace: "vault",
    wave: -1,
    needs: &["cert-manager", "storage"],
    chart: Some(VAULT),
    // The servers state no security context that is complete.
    pod_security: PodSecurity::Baseline,
    doors: |inputs| {
        // The API server asks the injector.
        let mut doors = vec![Door {
            name: "injector",
            labels: injector_labels(),
            ports: vec![8080],
            from: Vec::new(),
        }];
        let mut from = inputs.service_namespaces();
        if inputs.secrets_in_vault() {
            from.push(external_secrets::NAMESPACE.to_owned());
        }
        if !from.is_empty() {
            doors.push(Door {
                name: "agents",
                labels: server_labels(),
                ports: vec![8200],
                from,
            });
        }
        doors
    },
    exits: |_, _| vec![Exit::https()],
    pods: |_, settings| {
        vec![
            Pods::of("vault", replicas(settings).into(), &[CONTAINER, tls::WATCH]),
            Pods::of("vault-agent-injector", INJECTORS, &[INJECTOR]),
        ]
    },
    values,
    objects: |inputs, settings| {
        let replicas = replicas(settings);
        let objects = init::objects(inputs).into_iter();
        objects
            .chain([tls::certificate(replicas)])
            .chain(configure::objects(inputs))
            .chain(upgrade::objects(replicas))
            .collect()
    },
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
                    allow(
                        &["secretsmanager:PutSecretValue"],
                        inputs.vault_secret.clone(),
                    ),
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
        "Certificate vault/vault-tls",
        "StatefulSet vault/vault",
        "Deployment vault/vault-agent-injector",
        "Job vault/vault-init",
        "Job vault/vault-config, where there are services",
        "Job vault/vault-upgrade",
    ],
    pages: &[Page {
        name: "vault",
        title: "Vault",
        service: "vault",
        port: 8200,
        tls: true,
        local_port: 8200,
        login: Login::Other {
            how: "with a token: `vault operator generate-root` makes one from three of the five recovery keys, which \
                  are in the Secrets Manager secret STACK-vault-recovery-keys",
        },
    }],
    ..PLAIN
};
