//! The nightly backup of Argo CD's configuration.

use serde_json::{Value, json};

use crate::component::{Component, PLAIN, Workload, allow, join};
use crate::versions::{ARGO_CD, AWS_CLI_IMAGE};
use crate::{Inputs, Settings};

const ACCOUNT: &str = "argo-cd-backup";

/// The export of an Argo CD that is elsewhere is empty, and no error: so its size is looked at.
const UPLOAD: &str = "size=$(wc -c < /backup/argo-cd.yaml)\n[ \"$size\" -gt 1000 ] || { echo \"the export has only $size bytes\"; exit 1; }\naws s3 cp --only-show-errors /backup/argo-cd.yaml \"s3://$BUCKET/argo-cd/$(date -u +%Y-%m-%dT%H-%M-%SZ).yaml\"\n";

fn objects(inputs: &Inputs, _: &Settings) -> Vec<Value> {
    let metadata = json!({"name": ACCOUNT, "namespace": "argocd"});
    let secure = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
    });
    let mounts = json!([{"name": "backup", "mountPath": "/backup"}, {"name": "tmp", "mountPath": "/tmp"}]);
    let read = ["get", "list"];
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
            "rules": [
                {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": read},
                {
                    "apiGroups": ["argoproj.io"],
                    "resources": ["applications", "applicationsets", "appprojects"],
                    "verbs": read,
                },
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "argocd"}],
        }),
        json!({
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata,
            "spec": {
                "schedule": "17 2 * * *",
                "concurrencyPolicy": "Forbid",
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 3,
                "jobTemplate": {"spec": {"backoffLimit": 3, "template": {"spec": {
                    "serviceAccountName": ACCOUNT,
                    "restartPolicy": "Never",
                    "securityContext": {
                        "runAsNonRoot": true, "runAsUser": 999, "fsGroup": 999,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "initContainers": [{
                        "name": "export",
                        "image": format!("quay.io/argoproj/argocd:{ARGO_CD}"),
                        "command": ["sh", "-ceu", "argocd admin export -n argocd > /backup/argo-cd.yaml"],
                        "securityContext": secure,
                        "volumeMounts": mounts,
                    }],
                    "containers": [{
                        "name": "upload",
                        "image": AWS_CLI_IMAGE,
                        "command": ["sh", "-ceu", UPLOAD],
                        "env": [
                            {"name": "AWS_REGION", "value": inputs.region},
                            {"name": "BUCKET", "value": inputs.backup_bucket},
                            {"name": "HOME", "value": "/tmp"},
                        ],
                        "securityContext": secure,
                        "volumeMounts": mounts,
                    }],
                    // Secrets of Argo CD are in it: it never touches a disk of the node.
                    "volumes": [
                        {"name": "backup", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}},
                        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
                    ],
                }}}},
            },
        }),
    ]
}

pub(crate) const COMPONENT: Component = Component {
    name: "argo-cd-backup",
    purpose: "Takes Argo CD's configuration to S3 every night",
    namespace: "argocd",
    wave: 1,
    objects,
    workloads: |inputs| {
        let bucket = || format!("arn:{}:s3:::", inputs.partition).into();
        vec![Workload {
            namespace: "argocd",
            service_account: ACCOUNT,
            statements: vec![
                allow(
                    &["s3:PutObject", "s3:AbortMultipartUpload"],
                    join([bucket(), inputs.backup_bucket.clone(), "/argo-cd/*".into()]),
                ),
                allow(&["kms:GenerateDataKey", "kms:Decrypt"], inputs.backup_key.clone()),
            ],
        }]
    },
    health: &["CronJob argocd/argo-cd-backup"],
    ..PLAIN
};
