//! What services need of Vault: a policy, a role and a place for their secrets, for each of them.

use serde_json::{Value, json};

use super::{ADDRESS, CONFIGURER, CONFIGURER_ROLE, account, job, vault_container};
use crate::{Inputs, Service};

/// Of a leader that was started before servers had certificates.
const PLAIN: &str = "http://vault-active.vault.svc:8200";

/// It logs in with its own service account, so nobody's token is kept anywhere. What is there already, it leaves: a
/// secret is only begun. Where services are deployed with others, each is named with its namespace.
fn script(namespaces: bool) -> String {
    let (each, namespace) = if namespaces {
        (
            "for EACH in $SERVICES; do\n  NAME=${EACH%%:*} NAMESPACE=${EACH#*:}",
            "$NAMESPACE",
        )
    } else {
        ("for NAME in $SERVICES; do", "$NAME")
    };
    format!(
        "\
until VAULT_TOKEN=$(vault write -field=token auth/kubernetes/login role={CONFIGURER_ROLE} jwt=@/var/run/secrets/kubernetes.io/serviceaccount/token); do
  if VAULT_ADDR={PLAIN} vault status > /dev/null 2>&1; then
    echo 'The active server does not use TLS yet: the services are configured with the next sync, when vault-upgrade has replaced it'
    exit 0
  fi
  sleep 10
done
export VAULT_TOKEN
{each}
  printf 'path \"secret/data/%s\" {{ capabilities = [\"read\"] }}\\npath \"secret/data/%s/*\" {{ capabilities = [\"read\"] }}\\n' \"$NAME\" \"$NAME\" | vault policy write \"service-$NAME\" -
  vault write \"auth/kubernetes/role/$NAME\" bound_service_account_names=\"$NAME\" bound_service_account_namespaces=\"{namespace}\" token_policies=\"service-$NAME\" token_ttl=1h
  vault read \"secret/metadata/$NAME\" > /dev/null 2>&1 || echo '{{\"data\":{{}},\"options\":{{\"cas\":0}}}}' | vault write \"secret/data/$NAME\" - > /dev/null
done
"
    )
}

pub(super) fn objects(inputs: &Inputs) -> Vec<Value> {
    if inputs.services.is_empty() {
        return Vec::new();
    }
    let namespaces = inputs
        .services
        .iter()
        .any(|service| service.part_of.is_some());
    let name = |service: &Service| {
        if namespaces {
            format!("{}:{}", service.name, service.namespace())
        } else {
            service.name.clone()
        }
    };
    let names: Vec<String> = inputs.services.iter().map(name).collect();
    let env = json!([{"name": "SERVICES", "value": names.join(" ")}]);
    let container = vault_container("configure", ADDRESS, &script(namespaces), env);
    let mut job = job(CONFIGURER, container);
    // After the job that replaces the servers: it may be what gives them a certificate.
    job["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = "2".into();
    vec![account(CONFIGURER), job]
}
