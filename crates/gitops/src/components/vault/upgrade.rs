//! Replaces Vault's servers by those of a new version: the StatefulSet leaves that to others, who know which one leads.

use serde_json::{Value, json};

use super::{JOB, account, job, memory, quiet, server_pods};
use crate::component::anew;
use crate::versions::{AWS_CLI_IMAGE, VAULT};

const NAME: &str = "vault-upgrade";

/// The servers that wait first, and the one that leads last: its place is taken by one that is new already. Each only
/// when all are well, so that there is a majority at any time. What waits for nobody's part (a server whose label says
/// neither) comes at the very end.
///
/// What is asked of the API server is made so that its answers need not be understood: a pod of this name that is not of
/// the new revision is in the list, or it is not. Answers are pretty for some programs; each value is put on a line of
/// its own.
const SCRIPT: &str = r#"
account=/var/run/secrets/kubernetes.io/serviceaccount
cluster=https://kubernetes.default.svc
set=$cluster/apis/apps/v1/namespaces/vault/statefulsets/vault
pods=$cluster/api/v1/namespaces/vault/pods
api() {
  printf 'header = "Authorization: Bearer %s"\n' "$(cat $account/token)" > /tmp/api
  curl --silent --show-error --fail --cacert $account/ca.crt --config /tmp/api "$@"
}
value() { sed -n "s/^\"$1\":\"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" /tmp/set | head -n 1; }
settled() {
  api "$set" | tr -d ' \n' | tr ',{}' '\n\n\n' > /tmp/set
  [ "$(value generation)" = "$(value observedGeneration)" ] && [ "$(value readyReplicas)" = "$SERVERS" ]
}
old() {
  until api "$pods?fieldSelector=metadata.name%3D$1&labelSelector=controller-revision-hash%21%3D$revision$2" > /tmp/pods; do sleep 5; done
  tr -d ' \n' < /tmp/pods | grep -q "\"name\":\"$1\""
}
until settled; do sleep 5; done
revision=$(value updateRevision)
for part in %2Cvault-active%3Dfalse %2Cvault-active%3Dtrue ''; do
  number=0
  while [ "$number" -lt "$SERVERS" ]; do
    if old "vault-$number" "$part"; then
      until settled; do sleep 5; done
      echo "replacing vault-$number"
      api --output /dev/null --request DELETE "$pods/vault-$number"
      while old "vault-$number" ''; do sleep 5; done
      until settled; do sleep 5; done
    fi
    number=$((number + 1))
  done
done
"#;

/// It runs again with every new version of the servers, and with whatever else their pods are made of.
pub(super) fn objects(replicas: u8) -> Vec<Value> {
    let container = json!({
        "name": "upgrade",
        // It has curl, and is on the nodes already.
        "image": AWS_CLI_IMAGE,
        "command": ["sh", "-ceu", SCRIPT],
        "env": [
            {"name": "SERVERS", "value": replicas.to_string()},
            {"name": "CHART", "value": VAULT.version},
            {"name": "PODS", "value": server_pods().to_string()},
            {"name": "HOME", "value": "/tmp"},
        ],
        "resources": JOB.json(),
        "securityContext": quiet(),
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    });
    let mut job = job(NAME, container);
    // After the servers, and after the job without which they are not well.
    let mut annotations = anew();
    annotations["argocd.argoproj.io/sync-wave"] = "1".into();
    job["metadata"]["annotations"] = annotations;
    // One that waits for ever would hold back the commit that mends it.
    job["spec"]["activeDeadlineSeconds"] = 3600.into();
    job["spec"]["template"]["spec"]["volumes"] = json!([memory("tmp", 16)]);
    let servers: Vec<String> = (0..replicas)
        .map(|number| format!("vault-{number}"))
        .collect();
    let metadata = json!({"name": NAME, "namespace": "vault"});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
        "rules": [
            {"apiGroups": ["apps"], "resources": ["statefulsets"], "resourceNames": ["vault"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
            {"apiGroups": [""], "resources": ["pods"], "resourceNames": servers, "verbs": ["delete"]},
        ],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": "vault"}],
    });
    vec![account(NAME), role, binding, job]
}
