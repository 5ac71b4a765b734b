//! Argo CD, which keeps itself as the repository says, like everything else.

use serde_json::json;

use crate::component::{Component, PLAIN};
use crate::versions::{ARGO_CD, ARGO_CD_TESTED};

pub(crate) const COMPONENT: Component = Component {
    name: "argo-cd",
    purpose: "Makes the cluster what this repository says",
    namespace: "argocd",
    wave: -4,
    objects: |_, _| {
        let manifest =
            format!("https://raw.githubusercontent.com/argoproj/argo-cd/{ARGO_CD}/manifests/ha/install.yaml");
        vec![json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "argocd",
            "resources": [manifest],
        })]
    },
    missing: |inputs, _| {
        let minor = inputs.version.strip_prefix("1.").and_then(|minor| minor.parse::<u8>().ok());
        let tested = minor.is_none_or(|minor| ARGO_CD_TESTED.contains(&minor));
        (!tested)
            .then_some("is not tested with this version of Kubernetes by those who make it: 1.33 to 1.36 are")
    },
    finalizers: &["resources-finalizer.argocd.argoproj.io"],
    health: &["StatefulSet argocd/argocd-application-controller", "Deployment argocd/argocd-server"],
    ..PLAIN
};
