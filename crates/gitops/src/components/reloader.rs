//! Reloader: a pod reads its variables when it starts, so it is restarted when a secret among them changes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::Inputs;
use crate::application::LAST_WAVE;
use crate::component::{Component, Exit, PLAIN, Pods, Resources, spread};
use crate::versions::RELOADER;

const NAME: &str = "reloader";
const REPLICAS: u32 = 2;
const CONTAINER: Resources = Resources::new(10, 128, 512);

fn labels() -> Value {
    json!({"app.kubernetes.io/name": NAME, "app.kubernetes.io/instance": NAME})
}

/// The namespaces with secrets that pods read as variables.
fn namespaces(inputs: &Inputs) -> BTreeSet<&str> {
    let services = inputs.services.iter();
    services
        .filter(|service| service.stays() && service.needs_secrets())
        .map(|service| service.namespace())
        .collect()
}

fn values(inputs: &Inputs) -> Value {
    json!({
        "fullnameOverride": NAME,
        "reloader": {
            // It reads Secrets, so it gets a role in the namespaces of these services, and none for the cluster.
            "watchGlobally": false,
            "namespaces": namespaces(inputs),
            "ignoreConfigMaps": true,
            "ignoreJobs": true,
            "ignoreCronJobs": true,
            "isArgoRollouts": true,
            // Argo CD would see a variable in a container as a difference; an annotation, it leaves alone.
            "reloadStrategy": "annotations",
            "enableHA": true,
            "readOnlyRootFileSystem": true,
            "podDisruptionBudget": {"enabled": true, "maxUnavailable": 1},
            "deployment": {
                "replicas": REPLICAS,
                "resources": CONTAINER.json(),
                "topologySpreadConstraints": spread(&labels()),
                "containerSecurityContext": {
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
                },
            },
        },
    })
}

/// What is said of a workload whose pods read these Secrets as variables.
pub(crate) fn annotations(secrets: &[String], blue_green: bool) -> Vec<(&'static str, String)> {
    let mut annotations = Vec::new();
    if !secrets.is_empty() {
        annotations.push(("secret.reloader.stakater.com/reload", secrets.join(",")));
        if blue_green {
            // The pods of the current version are replaced one by one. Another template would be a new version, which
            // waits to be promoted.
            annotations.push(("reloader.stakater.com/rollout-strategy", "restart".into()));
        }
    }
    annotations
}

pub(crate) const COMPONENT: Component = Component {
    name: NAME,
    purpose: "Restarts the pods of services when a secret in their environment variables changes",
    namespace: NAME,
    wave: LAST_WAVE,
    chart: Some(RELOADER),
    exits: |_, _| vec![Exit::https()],
    pods: |_, _| vec![Pods::of(NAME, REPLICAS, &[CONTAINER])],
    values: |inputs, _| values(inputs),
    missing: |inputs, settings| {
        // Who asks for it gets it.
        let unused = namespaces(inputs).is_empty() && settings.reloader != Some(true);
        unused.then_some("no service has secrets")
    },
    health: &["Deployment reloader/reloader"],
    ..PLAIN
};
