//! Argo CD's settings. Argo CD itself is platctl's, by a manifest whose digest is known: one manager, one version.

use serde_json::{Value, json};

use crate::component::{Component, PLAIN, anew};
use crate::versions::{ARGO_CD_IMAGE, ARGO_CD_TESTED};

pub(crate) const NAME: &str = "argo-cd";
const SETTINGS: &str = "argocd-cm";
const HEALTH: &str = "resource.customizations.health.argoproj.io_Application";

/// When an Application is well. Argo CD does not say so by itself, and without it the next wave begins at once.
///
/// An Application that was never synced has nothing that could be unwell, so its last sync has to have succeeded, and
/// its health has to be newer than that. A version that waits to be promoted is no reason to wait.
const WELL: &str = "\
hs = {status = \"Progressing\", message = \"not synced yet\"}
if obj.status == nil or obj.status.health == nil then return hs end
local last = obj.status.operationState
if last == nil or last.phase ~= \"Succeeded\" then return hs end
local synced = obj.status.sync ~= nil and obj.status.sync.status == \"Synced\"
local seen = obj.status.reconciledAt ~= nil and last.finishedAt ~= nil and obj.status.reconciledAt > last.finishedAt
if not (synced or seen) then return hs end
hs.status = obj.status.health.status
hs.message = obj.status.health.message or \"\"
if hs.status == \"Suspended\" then hs.status = \"Healthy\" end
return hs
";

/// Only the key that is ours: the rest of the settings is the manifest's, and stays when this one goes.
fn settings() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": SETTINGS, "namespace": "argocd",
            "labels": {"app.kubernetes.io/name": SETTINGS, "app.kubernetes.io/part-of": "argocd"},
            "annotations": {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"},
        },
        "data": {HEALTH: WELL},
    })
}

/// Keeps the waves behind it back until the setting is there: its pod cannot start before.
pub(crate) fn gate() -> Value {
    let mut annotations = anew();
    annotations["argocd.argoproj.io/sync-wave"] = "-4".into();
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "argo-cd-settings", "namespace": "argocd", "annotations": annotations},
        "spec": {
            "backoffLimit": 20,
            "template": {"spec": {
                "restartPolicy": "OnFailure",
                "automountServiceAccountToken": false,
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [{
                    "name": "settings",
                    "image": ARGO_CD_IMAGE,
                    "command": ["true"],
                    "securityContext": {
                        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [{"name": "settings", "mountPath": "/settings"}],
                }],
                "volumes": [{
                    "name": "settings",
                    "configMap": {"name": SETTINGS, "items": [{"key": HEALTH, "path": "health.lua"}]},
                }],
            }},
        },
    })
}

pub(crate) const COMPONENT: Component = Component {
    name: NAME,
    purpose: "Deploys this repository to the cluster; only its settings are here",
    namespace: "argocd",
    wave: -5,
    objects: |_, _| vec![settings()],
    missing: |inputs, _| {
        let minor = inputs.version.strip_prefix("1.").and_then(|minor| minor.parse::<u8>().ok());
        let tested = minor.is_none_or(|minor| ARGO_CD_TESTED.contains(&minor));
        (!tested).then_some(
            "is not tested with this version of Kubernetes by its maintainers: supported are 1.33 \
                to 1.36",
        )
    },
    finalizers: &["resources-finalizer.argocd.argoproj.io"],
    health: &["StatefulSet argocd/argocd-application-controller", "Deployment argocd/argocd-server"],
    ..PLAIN
};
