//! Initialises Vault once, and lets the job that configures it in.

use serde_json::{Value, json};

use super::{CONFIGURER, CONFIGURER_ROLE, INITIALISER, account, job, memory, tls, vault_container};
use crate::Inputs;
use crate::versions::AWS_CLI_IMAGE;

/// Of the first server: the only one that can be asked before there is a leader.
const ADDRESS: &str = "https://vault-0.vault-internal.vault.svc:8200";

/// Whether Vault is new. A server that was started before servers had certificates is told from one that is not there
/// yet: it is asked for its status, without any token. It gets its certificate from the job that replaces it, which
/// comes after this one.
const LOOK: &str = "\
until vault status -format=json > /tmp/status.json || [ $? -eq 2 ]; do
  answer=0
  VAULT_ADDR=http://vault-0.vault-internal.vault.svc:8200 vault status > /dev/null 2>&1 || answer=$?
  case $answer in
    0) touch /keys/plain; exit 0 ;;
    2) echo 'vault-0 was started without TLS and is sealed: delete the pods of the StatefulSet vault/vault'; exit 1 ;;
  esac
  sleep 5
done
if grep -q '\"initialized\": true' /tmp/status.json; then exit 0; fi
touch /keys/new
";

/// Whether the secret can be written: there is no second try once Vault has answered. The version stands aside, so
/// that what the secret holds stays current.
const MAY_WRITE: &str = "\
[ -e /keys/new ] || exit 0
aws secretsmanager put-secret-value --secret-id \"$SECRET\" --secret-string '{}' --version-stages PLATCTL_PROBE > /dev/null
";

/// What comes out of it goes into memory, without a word to the log.
const INITIALISE: &str = "\
[ -e /keys/new ] && [ ! -s /keys/init.json ] || exit 0
vault operator init -format=json -recovery-shares=5 -recovery-threshold=3 > /keys/answer.json
mv /keys/answer.json /keys/init.json
";

const HAND_OVER: &str = "\
[ -s /keys/init.json ] && [ ! -e /keys/handed-over ] || exit 0
until aws secretsmanager put-secret-value --secret-id \"$SECRET\" --secret-string file:///keys/init.json > /dev/null; do sleep 5; done
touch /keys/handed-over
";

/// What the job that configures Vault may do: see to the services' policies and roles, and begin their secrets.
const POLICY: &str = "\
path \"sys/policies/acl/service-*\" { capabilities = [\"create\", \"update\"] }
path \"auth/kubernetes/role/*\" { capabilities = [\"create\", \"update\"] }
path \"secret/data/*\" { capabilities = [\"create\"] }
path \"secret/metadata/*\" { capabilities = [\"read\"] }
";

/// With the first token, which is still in memory: every request is written to the log, service accounts can log in,
/// and secrets have a place. Then the token ends: it may do everything, and nobody needs it any more. It may run any
/// number of times; once somebody can log in, only the end of the token may be left to do.
///
/// The log is the output of the server's container: a file that cannot be written any more would stop Vault.
fn set_up() -> String {
    format!(
        "\
login() {{ vault write -field=token auth/kubernetes/login role={CONFIGURER_ROLE} jwt=@/var/run/secrets/kubernetes.io/serviceaccount/token; }}
first_token() {{ sed -n 's/.*\"root_token\": *\"\\([^\"]*\\)\".*/\\1/p' /keys/init.json; }}
end_token() {{ if VAULT_TOKEN=$(first_token) vault token lookup > /dev/null 2>&1; then VAULT_TOKEN=$(first_token) vault token revoke -self > /dev/null; fi; }}
if login > /dev/null 2>&1; then
  if [ -s /keys/init.json ]; then end_token; fi
  exit 0
fi
if [ -e /keys/plain ]; then
  echo 'vault-0 does not use TLS yet: vault-upgrade replaces it'
  exit 0
fi
if [ ! -s /keys/init.json ]; then
  echo 'Vault is initialised, but service accounts cannot log in, and its first token is in Secrets Manager only: docs/platform.md of platctl says what to do by hand'
  exit 1
fi
VAULT_TOKEN=$(first_token)
export VAULT_TOKEN
until vault status > /dev/null 2>&1; do sleep 5; done
vault audit list > /tmp/audit 2> /dev/null || true
grep -q '^file/' /tmp/audit || vault audit enable file file_path=stdout
vault auth list | grep -q '^kubernetes/' || vault auth enable kubernetes
vault write auth/kubernetes/config kubernetes_host=https://kubernetes.default.svc
vault secrets list | grep -q '^secret/' || vault secrets enable -path=secret -version=2 kv
echo \"$POLICY\" | vault policy write {CONFIGURER_ROLE} -
vault write auth/kubernetes/role/{CONFIGURER_ROLE} bound_service_account_names={INITIALISER},{CONFIGURER} bound_service_account_namespaces=vault token_policies={CONFIGURER_ROLE} token_ttl=10m
login > /dev/null
end_token
"
    )
}

/// Its pods are not ready before it is unsealed, and it is not unsealed before this has run: so this belongs to the
/// same wave as the servers, never to a later one.
pub(super) fn objects(inputs: &Inputs) -> Vec<Value> {
    let [keys, tmp] =
        ["keys", "tmp"].map(|name| json!({"name": name, "mountPath": format!("/{name}")}));
    let aws = |name: &str, command: &str| {
        json!({
            "name": name,
            "image": AWS_CLI_IMAGE,
            "command": ["sh", "-ceu", command],
            "env": [
                {"name": "AWS_REGION", "value": inputs.region},
                {"name": "SECRET", "value": inputs.vault_secret},
                {"name": "HOME", "value": "/tmp"},
            ],
            "resources": super::JOB.json(),
            "securityContext": super::quiet(),
            "volumeMounts": [keys, tmp],
        })
    };
    let vault = |name: &str, command: &str, env: Value| {
        let mut container = vault_container(name, ADDRESS, command, env);
        container["volumeMounts"] = json!([keys, tmp, tls::mount()]);
        container
    };
    let set_up = vault(
        "set-up",
        &set_up(),
        json!([{"name": "POLICY", "value": POLICY}]),
    );
    let mut job = job(INITIALISER, set_up);
    let pod = &mut job["spec"]["template"]["spec"];
    pod["initContainers"] = json!([
        vault("look", LOOK, json!([])),
        aws("may-write", MAY_WRITE),
        vault("initialise", INITIALISE, json!([])),
        aws("hand-over", HAND_OVER),
    ]);
    pod["volumes"] = json!([
        tls::authority_volume(),
        memory("keys", 1),
        memory("tmp", 16)
    ]);
    vec![account(INITIALISER), job]
}
