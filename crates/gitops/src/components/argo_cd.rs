//! Argo CD's settings. Argo CD itself is platctl's, by a manifest whose digest is known: one manager, one version.

use serde_json::{Value, json};

use crate::application::LAST_WAVE;
use crate::component::{Component, Login, PLAIN, Page, Pods, Resources, anew};
use crate::versions::{ARGO_CD_IMAGE, ARGO_CD_TESTED};

pub(crate) const NAME: &str = "argo-cd";
const SETTINGS: &str = "argocd-cm";
const HEALTH: &str = "resource.customizations.health.argoproj.io_Application";

/// When an Application is well. Argo CD does not say so by itself, and without it the next wave begins at once.
///
/// An Application that was never synced has nothing that could be unwell, so its last sync has to have succeeded, and
/// its health has to be newer than that. A version that waits to be promoted is no reason to wait.
///
/// While Argo CD waits for an Application that makes progress, it takes no newer commit, so the commit that would mend
/// it would never come. Therefore nothing waits for the last wave, and an Application of another wave that is not well
/// within a quarter of an hour counts as degraded: that ends the sync of the root, which begins again with the newest
/// commit. (`controller.sync.timeout.seconds` ends it as well, but then Argo CD does not begin again by itself.)
///
/// There is no library for texts where this runs; times are compared as they are written.
const WELL: &str = r#"local os = require("os")
local last = obj.status and obj.status.operationState
local health = obj.status and obj.status.health
local annotations = obj.metadata.annotations
local in_last_wave = annotations ~= nil and annotations["argocd.argoproj.io/sync-wave"] == "LAST_WAVE"
local status, message, since = "Progressing", "not synced yet", last and last.startedAt
if last ~= nil and last.phase == "Succeeded" then
  local synced = obj.status.sync ~= nil and obj.status.sync.status == "Synced"
  local seen = obj.status.reconciledAt ~= nil and last.finishedAt ~= nil and obj.status.reconciledAt > last.finishedAt
  since = last.finishedAt
  if health ~= nil and (synced or seen) then
    status, message = health.status, health.message or ""
    since = health.lastTransitionTime or since
  end
elseif last ~= nil then
  message = last.message or message
end
if status == "Suspended" then status = "Healthy" end
if status ~= "Healthy" and status ~= "Degraded" then
  if in_last_wave then
    status = "Healthy"
  elseif since ~= nil and since < os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - 900) then
    status, message = "Degraded", "not healthy within 15 minutes: " .. message
  end
end
return {status = status, message = message}
"#;

fn well() -> String {
    WELL.replace("LAST_WAVE", &LAST_WAVE.to_string())
}

const JOB: Resources = Resources::new(10, 32, 64);

/// A workload of the manifest for high availability.
struct Part {
    kind: &'static str,
    name: &'static str,
    replicas: u32,
    containers: &'static [(&'static str, Resources)],
}

/// The manifest states nothing of what its containers ask for: the scheduler would count them as nothing, and the
/// node would end them first when its memory is full.
const PARTS: [Part; 8] = [
    Part {
        kind: "StatefulSet",
        name: "argocd-application-controller",
        replicas: 1,
        containers: &[(
            "argocd-application-controller",
            Resources::new(250, 768, 3072),
        )],
    },
    Part {
        kind: "Deployment",
        name: "argocd-repo-server",
        replicas: 2,
        containers: &[("argocd-repo-server", Resources::new(100, 256, 1024))],
    },
    Part {
        kind: "Deployment",
        name: "argocd-server",
        replicas: 2,
        containers: &[("argocd-server", Resources::new(50, 128, 512))],
    },
    Part {
        kind: "Deployment",
        name: "argocd-applicationset-controller",
        replicas: 1,
        containers: &[(
            "argocd-applicationset-controller",
            Resources::new(25, 64, 512),
        )],
    },
    Part {
        kind: "Deployment",
        name: "argocd-notifications-controller",
        replicas: 1,
        containers: &[(
            "argocd-notifications-controller",
            Resources::new(25, 64, 512),
        )],
    },
    Part {
        kind: "Deployment",
        name: "argocd-dex-server",
        replicas: 1,
        containers: &[("dex", Resources::new(10, 64, 256))],
    },
    Part {
        kind: "Deployment",
        name: "argocd-redis-ha-haproxy",
        replicas: 3,
        containers: &[("haproxy", Resources::new(25, 64, 256))],
    },
    Part {
        kind: "StatefulSet",
        name: "argocd-redis-ha-server",
        replicas: 3,
        containers: &[
            ("redis", Resources::new(50, 64, 512)),
            ("sentinel", Resources::new(10, 16, 64)),
            ("split-brain-fix", Resources::new(10, 16, 64)),
        ],
    },
];

/// What is added to the objects of the manifest.
pub(crate) fn additions() -> Vec<Value> {
    let of = |part: &Part| {
        let containers = part.containers.iter();
        let containers: Vec<Value> = containers
            .map(|(name, resources)| json!({"name": name, "resources": resources.json()}))
            .collect();
        json!({
            "apiVersion": "apps/v1",
            "kind": part.kind,
            "metadata": {"name": part.name, "namespace": "argocd"},
            "spec": {"template": {"spec": {"containers": containers}}},
        })
    };
    PARTS.iter().map(of).collect()
}

fn pods() -> Vec<Pods> {
    let of = |part: &Part| {
        let containers: Vec<Resources> = part
            .containers
            .iter()
            .map(|(_, resources)| *resources)
            .collect();
        Pods::of(part.name, part.replicas, &containers)
    };
    PARTS.iter().map(of).collect()
}

/// One pod may leave at a time, so that nodes can be replaced. The manifest has none of these.
fn disruptions() -> Vec<Value> {
    let of = |part: &Part| {
        // What the label of its pods is called.
        let label = part
            .name
            .strip_suffix("-ha-server")
            .map_or_else(|| part.name.to_owned(), |name| format!("{name}-ha"));
        json!({
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": part.name, "namespace": "argocd"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": label}}},
        })
    };
    PARTS
        .iter()
        .filter(|part| part.replicas > 1)
        .map(of)
        .collect()
}

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
        "data": {HEALTH: well()},
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
            // A job that waits for ever would hold back the commit that mends it.
            "activeDeadlineSeconds": 900,
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
                    "resources": JOB.json(),
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
    pods: |_, settings| {
        if settings.manifest.is_none() {
            pods()
        } else {
            Vec::new()
        }
    },
    objects: |_, own| {
        let mut objects = vec![settings()];
        // Nobody knows what another manifest consists of.
        if own.manifest.is_none() {
            objects.extend(disruptions());
        }
        objects
    },
    missing: |inputs, _| {
        let minor = inputs
            .version
            .strip_prefix("1.")
            .and_then(|minor| minor.parse::<u8>().ok());
        let tested = minor.is_none_or(|minor| ARGO_CD_TESTED.contains(&minor));
        (!tested).then_some(
            "is not tested with this version of Kubernetes by its maintainers: supported are 1.33 \
                to 1.36",
        )
    },
    finalizers: &["resources-finalizer.argocd.argoproj.io"],
    health: &[
        "StatefulSet argocd/argocd-application-controller",
        "Deployment argocd/argocd-server",
    ],
    pages: &[Page {
        name: "argocd",
        title: "Argo CD",
        service: "argocd-server",
        port: 443,
        tls: true,
        local_port: 8080,
        login: Login::Password {
            user: "admin",
            secret: "argocd-initial-admin-secret",
            key: "password",
        },
    }],
    ..PLAIN
};
