//! Connections to Vault are encrypted, with certificates of the cluster's own authority.

use serde_json::{Value, json};

use super::quiet;
use crate::component::Resources;
use crate::components::cert_manager;
use crate::versions::VAULT_IMAGE;

/// The Secret with the certificate of the servers.
const SECRET: &str = "vault-tls";
/// The Secret with the certificate of the authority, in each namespace whose pods speak to Vault.
pub(crate) const TRUST: &str = "vault-ca";
/// Its key there.
pub(crate) const AUTHORITY_KEY: &str = "ca.crt";
const FOLDER: &str = "/vault/tls";
/// Where jobs and servers find the certificate of the authority, and the agents in the pods of services as well.
pub(crate) const AUTHORITY: &str = "/vault/tls/ca.crt";
/// What watches over the certificate beside each server.
pub(super) const WATCH: Resources = Resources::new(10, 16, 64);

/// A server goes on with the certificate that it has read, until it is told that there is another one. What it has read
/// is kept in a volume: this container may be restarted while the server is not. It sees the processes of its pod.
const RELOAD: &str = "\
current() { sha256sum < /vault/tls/tls.crt; }
[ -s /seen/certificate ] || current > /seen/certificate
while sleep 60; do
  new=$(current)
  if [ \"$new\" != \"$(cat /seen/certificate)\" ] && pkill -HUP -f '^([^ ]*/)?vault server'; then
    echo 'The certificate was renewed: the server reads it again'
    echo \"$new\" > /seen/certificate
  fi
done
";

#[cfg(test)]
pub(crate) const fn reload() -> &'static str {
    RELOAD
}

/// How a server listens. Nobody is asked for a certificate of their own: who they are, their token says.
pub(super) fn listener() -> String {
    format!(
        "  tls_cert_file = \"{FOLDER}/tls.crt\"\n  tls_key_file = \"{FOLDER}/tls.key\"\n  tls_disable_client_certs = true\n"
    )
}

/// All names that servers are called by: of their Services, of each of them, and of the machine that a connection is
/// forwarded to.
pub(super) fn certificate(replicas: u8) -> Value {
    let services = ["vault", "vault-active", "vault-standby"];
    let services = services.iter().flat_map(|name| {
        [
            (*name).to_owned(),
            format!("{name}.vault"),
            format!("{name}.vault.svc"),
            format!("{name}.vault.svc.cluster.local"),
        ]
    });
    let servers = (0..replicas).flat_map(|number| {
        [
            format!("vault-{number}.vault-internal"),
            format!("vault-{number}.vault-internal.vault.svc"),
        ]
    });
    let names: Vec<String> = services
        .chain(servers)
        .chain(["localhost".to_owned()])
        .collect();
    cert_manager::certificate(
        "vault",
        SECRET,
        json!({
            "commonName": "vault.vault.svc",
            "dnsNames": names,
            "ipAddresses": ["127.0.0.1"],
            "usages": ["server auth"],
        }),
    )
}

/// By this, the pods of a namespace know the authority. cert-manager puts its certificate beside each that it signs;
/// what it signs here, nobody asks for.
pub(crate) fn trust(namespace: &str) -> Value {
    cert_manager::certificate(
        namespace,
        TRUST,
        json!({"commonName": namespace, "usages": ["client auth"]}),
    )
}

pub(super) fn mount() -> Value {
    json!({"name": "tls", "mountPath": FOLDER, "readOnly": true})
}

/// What the pods of servers read, and what the container beside them has seen.
pub(super) fn volumes() -> Value {
    json!([
        {"name": "tls", "secret": {"secretName": SECRET, "defaultMode": 0o440}},
        {"name": "seen", "emptyDir": {"sizeLimit": "1Mi"}},
    ])
}

/// What a job reads: not the key of the servers.
pub(super) fn authority_volume() -> Value {
    json!({"name": "tls", "secret": {
        "secretName": SECRET, "items": [{"key": AUTHORITY_KEY, "path": AUTHORITY_KEY}],
    }})
}

/// The container that tells a server of its new certificate.
pub(super) fn watch() -> Value {
    json!({
        "name": "certificate",
        "image": VAULT_IMAGE,
        "command": ["sh", "-ceu", RELOAD],
        "resources": WATCH.json(),
        "securityContext": quiet(),
        "volumeMounts": [mount(), {"name": "seen", "mountPath": "/seen"}],
    })
}
