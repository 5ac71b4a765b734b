//! The nightly backup of Argo CD's configuration.

use serde_json::{Value, json};

use crate::component::{Component, PLAIN, Resources, Workload, allow, join};
use crate::versions::{ARGO_CD_IMAGE, AWS_CLI_IMAGE};
use crate::{Inputs, Settings};

const BACKUP: &str = "argo-cd-backup";
/// Never by itself: `platctl restore` makes a job of it.
const RESTORE: &str = "argo-cd-restore";

/// The export of an Argo CD that is elsewhere is empty, and no error: so its size is looked at.
const UPLOAD: &str = "size=$(wc -c < /backup/argo-cd.yaml)\n[ \"$size\" -gt 1000 ] || { echo \"the export has only $size bytes\"; exit 1; }\naws s3 cp --only-show-errors /backup/argo-cd.yaml \"s3://$BUCKET/argo-cd/$(date -u +%Y-%m-%dT%H-%M-%SZ).yaml\"\n";
const DOWNLOAD: &str =
    "aws s3 cp --only-show-errors \"s3://$BUCKET/argo-cd/$FILE\" /backup/argo-cd.yaml\n";

fn metadata(name: &str) -> Value {
    json!({"name": name, "namespace": "argocd"})
}

/// The export holds all Applications in memory.
const JOB: Resources = Resources::new(50, 128, 1024);

/// An account, and what it may do with Argo CD's configuration.
fn account(name: &str, verbs: &[&str]) -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(name)}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata(name),
            "rules": [
                {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": verbs},
                {
                    "apiGroups": ["argoproj.io"],
                    "resources": ["applications", "applicationsets", "appprojects"],
                    "verbs": verbs,
                },
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata(name),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "argocd"}],
        }),
    ]
}

/// A container that may do nothing but its work.
fn container(name: &str, image: &str, command: &str, env: Value) -> Value {
    json!({
        "name": name,
        "image": image,
        "command": ["sh", "-ceu", command],
        "env": env,
        "resources": JOB.json(),
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "backup", "mountPath": "/backup"}, {"name": "tmp", "mountPath": "/tmp"}],
    })
}

fn cron_job(name: &str, schedule: &str, suspend: bool, first: Value, then: Value) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata(name),
        "spec": {
            "schedule": schedule,
            "suspend": suspend,
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"spec": {"backoffLimit": 3, "template": {"spec": {
                "serviceAccountName": name,
                "restartPolicy": "Never",
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 999, "fsGroup": 999,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "initContainers": [first],
                "containers": [then],
                // Secrets of Argo CD are in it: it never touches a disk of the node.
                "volumes": [
                    {"name": "backup", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}},
                    {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
                ],
            }}}},
        },
    })
}

fn objects(inputs: &Inputs, _: &Settings) -> Vec<Value> {
    let none = json!([]);
    let aws = json!([
        {"name": "AWS_REGION", "value": inputs.region},
        {"name": "BUCKET", "value": inputs.backup_bucket},
        {"name": "HOME", "value": "/tmp"},
    ]);
    let export = container(
        "export",
        ARGO_CD_IMAGE,
        "argocd admin export -n argocd > /backup/argo-cd.yaml",
        none.clone(),
    );
    let upload = container("upload", AWS_CLI_IMAGE, UPLOAD, aws.clone());
    let download = container("download", AWS_CLI_IMAGE, DOWNLOAD, aws);
    let import = container(
        "import",
        ARGO_CD_IMAGE,
        "argocd admin import -n argocd - < /backup/argo-cd.yaml",
        none,
    );
    let mut objects = account(BACKUP, &["get", "list"]);
    objects.push(cron_job(BACKUP, "17 2 * * *", false, export, upload));
    objects.extend(account(
        RESTORE,
        &["get", "list", "create", "update", "patch"],
    ));
    objects.push(cron_job(RESTORE, "0 0 1 1 *", true, download, import));
    objects
}

fn workload(inputs: &Inputs, service_account: &'static str, s3: &[&str], kms: &[&str]) -> Workload {
    let files = join([
        format!("arn:{}:s3:::", inputs.partition).into(),
        inputs.backup_bucket.clone(),
        "/argo-cd/*".into(),
    ]);
    Workload {
        namespace: "argocd",
        service_account,
        statements: vec![allow(s3, files), allow(kms, inputs.backup_key.clone())],
    }
}

pub(crate) const COMPONENT: Component = Component {
    name: "argo-cd-backup",
    purpose: "Backs up the Argo CD configuration to S3 every night; restored with `platctl restore`",
    namespace: "argocd",
    wave: 1,
    objects,
    workloads: |inputs| {
        vec![
            workload(
                inputs,
                BACKUP,
                &["s3:PutObject", "s3:AbortMultipartUpload"],
                &["kms:GenerateDataKey", "kms:Decrypt"],
            ),
            workload(inputs, RESTORE, &["s3:GetObject"], &["kms:Decrypt"]),
        ]
    },
    health: &["CronJob argocd/argo-cd-backup"],
    ..PLAIN
};
