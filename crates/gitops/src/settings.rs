//! The `gitops:` block of a stack file.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::components::argo_cd;

/// What runs in the cluster. Every component is there unless it is `false`, as far as what it needs is there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The branch of the GitOps repository that the cluster follows; `main` unless it is said.
    pub branch: Option<String>,
    /// The environment of `delivery:` whose images run here; the one that is called like the stack unless it is said,
    /// else `prod`.
    pub environment: Option<String>,
    /// Files of the repository that belong to people from now on; platctl does not write them any more.
    pub keep: Vec<String>,
    /// Whether platctl puts Argo CD into the cluster and shows it the repository. It does unless this is `false`.
    pub bootstrap: Option<bool>,
    /// Argo CD's manifest, where the one at GitHub (the highly available one) cannot be had or is not wanted.
    pub manifest: Option<ManifestSource>,
    /// Argo Rollouts: blue-green deployments.
    pub argo_rollouts: Option<bool>,
    /// Argo CD Image Updater: new images come into the repository by themselves.
    pub image_updater: Option<bool>,
    /// AWS Load Balancer Controller: pods become targets of the load balancer.
    pub load_balancer_controller: Option<bool>,
    /// Cluster Autoscaler: nodes by need.
    pub cluster_autoscaler: Option<bool>,
    /// metrics-server: what autoscaling of pods looks at.
    pub metrics_server: Option<bool>,
    /// external-dns: DNS records of what runs in the cluster. Needs a zone.
    pub external_dns: Option<bool>,
    /// cert-manager, with Let's Encrypt.
    pub cert_manager: Option<Switch<CertManager>>,
    /// Vault: secrets of services.
    pub vault: Option<Switch<Vault>>,
    /// Prometheus, Alertmanager and Grafana.
    pub prometheus: Option<Switch<Prometheus>>,
    /// Elasticsearch and Kibana, by their operator, and Fluent Bit on every node.
    pub elastic: Option<Switch<Elastic>>,
    /// OpenTelemetry collector and Jaeger.
    pub tracing: Option<bool>,
    /// SonarQube, on the platform's database. Needs `database:`; off unless it is `true`, for it needs a database
    /// user that somebody has to make.
    pub sonarqube: Option<bool>,
    /// The nightly backup of Argo CD's configuration.
    pub argo_cd_backup: Option<bool>,
}

/// A manifest that is kept elsewhere.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestSource {
    /// Where: `https://…`, `s3://BUCKET/KEY`, or the path of a file.
    pub url: String,
    /// The SHA-256 of what is there, in hexadecimal.
    pub sha256: String,
}

/// On, off, or on with settings.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Switch<T> {
    /// On or off.
    On(bool),
    /// On, and so.
    With(T),
}

/// Reads the map as what it is, so that a mistake in it is told where it is.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Switch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SwitchVisitor(PhantomData))
    }
}

struct SwitchVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SwitchVisitor<T> {
    type Value = Switch<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or settings")
    }

    fn visit_bool<E>(self, on: bool) -> Result<Self::Value, E> {
        Ok(Switch::On(on))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Switch::With)
    }
}

impl<T> Switch<T> {
    const fn on(&self) -> bool {
        !matches!(self, Self::On(false))
    }

    const fn with(&self) -> Option<&T> {
        match self {
            Self::With(settings) => Some(settings),
            Self::On(_) => None,
        }
    }
}

/// How certificates are got.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CertManager {
    /// Who is told when a certificate is about to end.
    pub email: Option<String>,
}

/// How Vault runs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vault {
    /// How many servers: 1, 3 or 5; 3 unless it is said.
    pub replicas: Option<u8>,
    /// The size of a server's disk, in GiB; 10 unless it is said.
    pub disk_gib: Option<u16>,
}

/// How metrics are kept, and who is told.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prometheus {
    /// For how many days metrics are kept; 15 unless it is said.
    pub retention_days: Option<u16>,
    /// The size of the disk for them, in GiB; 50 unless it is said.
    pub disk_gib: Option<u16>,
    /// Who is told of alerts. What is secret about it is in a Secret of the cluster, named here.
    pub alerts: AlertReceivers,
}

/// Who is told of alerts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertReceivers {
    /// A Secret of namespace `monitoring` whose key `url` is Slack's webhook.
    pub slack_secret: Option<String>,
    /// The channel of Slack; `#alerts` unless it is said.
    pub slack_channel: Option<String>,
    /// A mail address.
    pub email: Option<String>,
    /// Whom mails are from; the address that they go to unless it is said.
    pub from: Option<String>,
    /// The mail server, which `email` needs: `smtp.example.com:587`.
    pub smtp: Option<String>,
    /// The user that the mail server knows, where it wants one.
    pub smtp_user: Option<String>,
    /// A Secret of namespace `monitoring` whose key `password` is that user's.
    pub smtp_secret: Option<String>,
    /// A Secret of namespace `monitoring` whose key `token` is a Telegram bot's.
    pub telegram_secret: Option<String>,
    /// The chat of Telegram, which `telegram_secret` needs.
    pub telegram_chat: Option<i64>,
}

/// How logs are kept.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Elastic {
    /// How many nodes Elasticsearch has; 3 unless it is said.
    pub nodes: Option<u8>,
    /// For how many days logs are kept; 14 unless it is said.
    pub retention_days: Option<u16>,
    /// The size of a node's disk, in GiB; 100 unless it is said.
    pub disk_gib: Option<u16>,
}

/// The key of a component below `gitops:`.
pub(crate) fn key_of(component: &str) -> &'static str {
    match component {
        "argo-rollouts" => "argo_rollouts",
        "image-updater" => "image_updater",
        "load-balancer-controller" => "load_balancer_controller",
        "cluster-autoscaler" => "cluster_autoscaler",
        "metrics-server" => "metrics_server",
        "external-dns" => "external_dns",
        "cert-manager" => "cert_manager",
        "vault" => "vault",
        "prometheus" => "prometheus",
        "eck-operator" | "elasticsearch" | "fluent-bit" => "elastic",
        "opentelemetry-collector" | "jaeger" => "tracing",
        "sonarqube" => "sonarqube",
        "argo-cd-backup" => "argo_cd_backup",
        _ => "",
    }
}

impl Settings {
    /// Whether a component is asked for: none when nothing is said.
    pub(crate) fn wish(&self, component: &str) -> Option<bool> {
        fn on<T>(switch: Option<&Switch<T>>) -> Option<bool> {
            switch.map(Switch::on)
        }
        if component == argo_cd::NAME {
            return Some(true);
        }
        match key_of(component) {
            "argo_rollouts" => self.argo_rollouts,
            "image_updater" => self.image_updater,
            "load_balancer_controller" => self.load_balancer_controller,
            "cluster_autoscaler" => self.cluster_autoscaler,
            "metrics_server" => self.metrics_server,
            "external_dns" => self.external_dns,
            "cert_manager" => on(self.cert_manager.as_ref()),
            "vault" => on(self.vault.as_ref()),
            "prometheus" => on(self.prometheus.as_ref()),
            "elastic" => on(self.elastic.as_ref()),
            "tracing" => self.tracing,
            "sonarqube" => self.sonarqube,
            "argo_cd_backup" => self.argo_cd_backup,
            _ => None,
        }
    }

    pub(crate) fn vault(&self) -> Vault {
        self.vault.as_ref().and_then(Switch::with).cloned().unwrap_or_default()
    }

    pub(crate) fn prometheus(&self) -> Prometheus {
        self.prometheus.as_ref().and_then(Switch::with).cloned().unwrap_or_default()
    }

    pub(crate) fn elastic(&self) -> Elastic {
        self.elastic.as_ref().and_then(Switch::with).cloned().unwrap_or_default()
    }

    pub(crate) fn email(&self) -> Option<String> {
        self.cert_manager.as_ref().and_then(Switch::with).and_then(|settings| settings.email.clone())
    }
}
