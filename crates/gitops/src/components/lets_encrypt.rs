//! Let's Encrypt by DNS. Nothing waits for it: it is asked from far away, and may not answer.

use serde_json::{Value, json};

use crate::application::LAST_WAVE;
use crate::component::{Component, PLAIN};
use crate::{Inputs, Settings};

fn issuer(name: &str, server: &str, inputs: &Inputs, settings: &Settings) -> Value {
    let zone = inputs
        .zone
        .as_ref()
        .map(|zone| zone.id.clone())
        .unwrap_or_default();
    let mut acme = json!({
        "server": server,
        "privateKeySecretRef": {"name": name},
        "solvers": [{"dns01": {"route53": {"region": inputs.region, "hostedZoneID": zone}}}],
    });
    if let Some(email) = settings.email() {
        acme["email"] = email.into();
    }
    json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "ClusterIssuer",
        "metadata": {"name": name},
        "spec": {"acme": acme},
    })
}

pub(crate) const COMPONENT: Component = Component {
    name: "lets-encrypt",
    purpose: "Let's Encrypt as an issuer of certificates",
    namespace: "cert-manager",
    wave: LAST_WAVE,
    needs: &["cert-manager"],
    objects: |inputs, settings| {
        vec![
            issuer(
                "letsencrypt-staging",
                "https://acme-staging-v02.api.letsencrypt.org/directory",
                inputs,
                settings,
            ),
            issuer(
                "letsencrypt",
                "https://acme-v02.api.letsencrypt.org/directory",
                inputs,
                settings,
            ),
        ]
    },
    missing: |inputs, _| {
        inputs
            .zone
            .is_none()
            .then_some("requires a DNS zone: `edge:` with a domain. Without one, set `gitops.cert_manager: true`")
    },
    ..PLAIN
};
