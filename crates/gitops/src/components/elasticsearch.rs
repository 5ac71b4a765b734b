//! Elasticsearch and Kibana.

use serde_json::{Value, json};

use super::{STORAGE, VOLUMES};
use crate::application::LAST_WAVE;
use crate::component::{
    Component, Door, Exit, Login, PLAIN, Page, PodSecurity, Pods, Resources, anew, spread,
    when_defined,
};
use crate::versions::ELASTIC;
use crate::{Inputs, Settings};

/// Half of it is for the heap, and the rest for files: it has all of it from the start.
const NODE: Resources = Resources::new(500, 4096, 4096);
const KIBANA: Resources = Resources::new(100, 1024, 1024);
const JOB: Resources = Resources::new(10, 32, 128);

fn nodes(settings: &Settings) -> u8 {
    settings.elastic().nodes.unwrap_or(3)
}

fn objects(_: &Inputs, settings: &Settings) -> Vec<Value> {
    let wanted = settings.elastic();
    let nodes = nodes(settings);
    let elasticsearch = json!({
        "apiVersion": "elasticsearch.k8s.elastic.co/v1",
        "kind": "Elasticsearch",
        "metadata": {"name": "logs", "namespace": "logging", "annotations": when_defined()},
        "spec": {
            "version": ELASTIC,
            // The disks go with the cluster, as long as its operator is there to see it go.
            "volumeClaimDeletePolicy": "DeleteOnScaledownAndClusterDeletion",
            "nodeSets": [{
                "name": "default",
                "count": nodes,
                "config": {"node.store.allow_mmap": false},
                "podTemplate": {"spec": {
                    "containers": [{"name": "elasticsearch", "resources": NODE.json()}],
                    "topologySpreadConstraints":
                        spread(&json!({"elasticsearch.k8s.elastic.co/cluster-name": "logs"})),
                }},
                "volumeClaimTemplates": [{
                    "metadata": {"name": "elasticsearch-data"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "storageClassName": STORAGE,
                        "resources": {"requests": {"storage": format!("{}Gi", wanted.disk_gib.unwrap_or(100))}},
                    },
                }],
            }],
        },
    });
    let kibana = json!({
        "apiVersion": "kibana.k8s.elastic.co/v1",
        "kind": "Kibana",
        "metadata": {"name": "logs", "namespace": "logging", "annotations": when_defined()},
        "spec": {
            "version": ELASTIC, "count": 1, "elasticsearchRef": {"name": "logs"},
            "podTemplate": {"spec": {"containers": [{"name": "kibana", "resources": KIBANA.json()}]}},
        },
    });
    let mut objects = vec![elasticsearch, kibana];
    objects.extend(access());
    objects.push(retention(wanted.retention_days.unwrap_or(14)));
    objects
}

/// The user of Fluent Bit, and the Secret with its password.
pub(super) const WRITER: &str = "fluent-bit";
pub(super) const WRITER_SECRET: &str = "fluent-bit-elastic";

/// Fluent Bit writes logs, and may do nothing else with them. Its password is made here, and is nowhere but in the
/// Secret: a first one that is there already is kept.
const WRITER_SCRIPT: &str = r#"
account=/var/run/secrets/kubernetes.io/serviceaccount
secrets=https://kubernetes.default.svc/api/v1/namespaces/logging/secrets
api() { curl --silent --show-error --fail --cacert $account/ca.crt --config /tmp/api --header 'Content-Type: application/json' "$@"; }
printf 'header = "Authorization: Bearer %s"\n' "$(cat $account/token)" > /tmp/api
if api "$secrets/$WRITER_SECRET" > /tmp/secret 2> /dev/null; then
  password=$(tr -d ' \n' < /tmp/secret | tr ',{}' '\n\n\n' | sed -n 's/^"password":"\([^"]*\)"$/\1/p' | base64 -d)
else
  password=$(head -c 64 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' | head -c 32)
  printf '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"%s"},"stringData":{"password":"%s"}}' "$WRITER_SECRET" "$password" > /tmp/new
  api --output /dev/null --data @/tmp/new "$secrets"
fi
[ -n "$password" ] || { echo "the Secret $WRITER_SECRET has no password: delete it, and this job makes a new one"; exit 1; }
printf '{"password":"%s","roles":["%s"]}' "$password" "$WRITER" > /tmp/writer
ask --output /dev/null -X PUT "https://logs-es-http.logging.svc:9200/_security/role/$WRITER" -d "$WRITER_ROLE"
ask --output /dev/null -X PUT "https://logs-es-http.logging.svc:9200/_security/user/$WRITER" -d @/tmp/writer
"#;

/// What Elasticsearch is told: a new index every day, and none that is older than so many.
const RETAIN: &str = "\
ask() { curl --silent --show-error --fail-with-body --cacert /elastic/ca.crt --config /tmp/user --header 'Content-Type: application/json' \"$@\"; }
printf 'user = \"elastic:%s\"\\n' \"$ELASTIC_PASSWORD\" > /tmp/user
until ask https://logs-es-http.logging.svc:9200/ > /dev/null; do sleep 10; done
ask -X PUT https://logs-es-http.logging.svc:9200/_ilm/policy/kubernetes-logs -d \"$POLICY\"
ask -X PUT https://logs-es-http.logging.svc:9200/_component_template/logs@custom -d \"$TEMPLATE\"
";

/// The job that tells Elasticsearch what to keep, and who writes.
const RETENTION: &str = "logs-retention";

/// What that job may do: make the one Secret, and read it when it runs again.
fn access() -> Vec<Value> {
    let metadata = json!({"name": RETENTION, "namespace": "logging"});
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
            "rules": [
                {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
                {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [WRITER_SECRET], "verbs": ["get"]},
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": RETENTION},
            "subjects": [{"kind": "ServiceAccount", "name": RETENTION, "namespace": "logging"}],
        }),
    ]
}

/// Logs would fill the disks otherwise, and then none is taken any more.
fn retention(days: u16) -> Value {
    let policy = json!({"policy": {"phases": {
        "hot": {"actions": {"rollover": {"max_age": "1d", "max_primary_shard_size": "20gb"}}},
        "delete": {"min_age": format!("{days}d"), "actions": {"delete": {}}},
    }}});
    // Documents are added to the data stream, which begins with the first of them.
    let role = json!({"indices": [{
        "names": ["logs-kubernetes-default"], "privileges": ["create_doc", "auto_configure"],
    }]});
    let template = json!({"template": {"settings": {"index.lifecycle.name": "kubernetes-logs"}}});
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": RETENTION, "namespace": "logging", "annotations": anew()},
        "spec": {"backoffLimit": 20, "template": {"spec": {
            "restartPolicy": "OnFailure",
            "serviceAccountName": RETENTION,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 1000, "fsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "retention",
                // It is on the nodes already, and has curl.
                "image": format!("docker.elastic.co/elasticsearch/elasticsearch:{ELASTIC}"),
                "command": ["sh", "-ceu", format!("{RETAIN}{WRITER_SCRIPT}")],
                "resources": JOB.json(),
                "env": [
                    {"name": "POLICY", "value": policy.to_string()},
                    {"name": "TEMPLATE", "value": template.to_string()},
                    {"name": "WRITER", "value": WRITER},
                    {"name": "WRITER_SECRET", "value": WRITER_SECRET},
                    {"name": "WRITER_ROLE", "value": role.to_string()},
                    {
                        "name": "ELASTIC_PASSWORD",
                        "valueFrom": {"secretKeyRef": {"name": "logs-es-elastic-user", "key": "elastic"}},
                    },
                ],
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    {"name": "elastic", "mountPath": "/elastic"}, {"name": "tmp", "mountPath": "/tmp"},
                ],
            }],
            "volumes": [
                {"name": "elastic", "secret": {"secretName": "logs-es-http-certs-public"}},
                {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
            ],
        }}},
    })
}

pub(crate) const COMPONENT: Component = Component {
    name: "elasticsearch",
    purpose: "Stores logs, with Kibana to search them",
    namespace: "logging",
    wave: LAST_WAVE,
    // Fluent Bit, in the same namespace, reads what is on its node.
    pod_security: PodSecurity::Privileged,
    doors: |_| {
        let labels = json!({"elasticsearch.k8s.elastic.co/cluster-name": "logs"});
        vec![Door {
            name: "operator",
            labels,
            ports: vec![9200],
            from: vec!["elastic-system".into()],
        }]
    },
    pods: |_, settings| {
        vec![
            Pods::of("logs-es-default", nodes(settings).into(), &[NODE]),
            Pods::of("logs-kb", 1, &[KIBANA]),
        ]
    },
    exits: |_, _| {
        // It asks the API server for a Secret.
        vec![Exit {
            name: "retention-to-https",
            labels: json!({"batch.kubernetes.io/job-name": RETENTION}),
            ..Exit::https()
        }]
    },
    needs: &["storage", "eck-operator"],
    objects,
    leftovers: &[VOLUMES],
    health: &[
        "Elasticsearch logging/logs is green",
        "Job logging/logs-retention",
        "Kibana logging/logs is green",
    ],
    pages: &[Page {
        name: "kibana",
        title: "Kibana",
        service: "logs-kb-http",
        port: 5601,
        tls: true,
        local_port: 5601,
        login: Login::Password {
            user: "elastic",
            secret: "logs-es-elastic-user",
            key: "elastic",
        },
    }],
    ..PLAIN
};
