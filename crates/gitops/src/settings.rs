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
    /// The branch of the GitOps repository that is deployed to the cluster. Default: `main`.
    pub branch: Option<String>,
    /// The environment in `delivery:` that images are deployed from. Default: the environment with the name
    /// of the stack, otherwise `prod`.
    pub environment: Option<String>,
    /// Files in the repository that are maintained by hand. platctl no longer writes them.
    pub keep: Vec<String>,
    /// Whether platctl installs Argo CD in the cluster and connects it to the repository. Enabled by
    /// default.
    pub bootstrap: Option<bool>,
    /// The manifest to install Argo CD from. Default: the high-availability manifest from GitHub.
    pub manifest: Option<ManifestSource>,
    /// Argo Rollouts: blue-green deployments.
    pub argo_rollouts: Option<bool>,
    /// Argo CD Image Updater: writes new image tags to the repository automatically.
    pub image_updater: Option<bool>,
    /// AWS Load Balancer Controller: registers pods as targets of the load balancer.
    pub load_balancer_controller: Option<bool>,
    /// Cluster Autoscaler: adds and removes nodes on demand.
    pub cluster_autoscaler: Option<bool>,
    /// metrics-server: provides the metrics for pod autoscaling.
    pub metrics_server: Option<bool>,
    /// external-dns: manages DNS records for workloads in the cluster. Requires a zone.
    pub external_dns: Option<bool>,
    /// External Secrets Operator: copies the secrets that services name to the cluster. Default: enabled if a
    /// service has `secrets` or `database: true`.
    pub external_secrets: Option<bool>,
    /// Reloader: restarts the pods of services when a secret in their environment variables changes. Default:
    /// enabled if a service has `secrets` or `database: true`.
    pub reloader: Option<bool>,
    /// cert-manager, with a certificate authority for the cluster, which Vault requires, and with Let's Encrypt if
    /// there is a zone.
    pub cert_manager: Option<Switch<CertManager>>,
    /// Vault: secrets for the services.
    pub vault: Option<Switch<Vault>>,
    /// Prometheus, Alertmanager and Grafana.
    pub prometheus: Option<Switch<Prometheus>>,
    /// Elasticsearch and Kibana, managed by the ECK operator, and Fluent Bit on every node.
    pub elastic: Option<Switch<Elastic>>,
    /// OpenTelemetry collector and Jaeger.
    pub tracing: Option<bool>,
    /// SonarQube, on the platform's database. Requires `database:`. Disabled by default, because it
    /// requires a database user that you must create.
    pub sonarqube: Option<bool>,
    /// The nightly backup of Argo CD's configuration.
    pub argo_cd_backup: Option<bool>,
}

/// A manifest that is kept elsewhere.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestSource {
    /// The location: `https://…`, `s3://BUCKET/KEY`, or a file path.
    pub url: String,
    /// The SHA-256 checksum of the manifest, in hexadecimal.
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
    /// The email address for certificate expiry notices.
    pub email: Option<String>,
}

/// How Vault runs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vault {
    /// The number of servers: 1, 3 or 5. Default: 3.
    pub replicas: Option<u8>,
    /// The disk size of each server, in GiB. Default: 10.
    pub disk_gib: Option<u16>,
}

/// How metrics are kept, and who is told.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prometheus {
    /// The retention period of metrics, in days. Default: 15.
    pub retention_days: Option<u16>,
    /// The disk size for metrics, in GiB. Default: 50.
    pub disk_gib: Option<u16>,
    /// The receivers of alerts. Credentials are read from Kubernetes Secrets, referenced by name. Default: the
    /// SNS topic of `alerts:`.
    pub alerts: AlertReceivers,
}

/// Who is told of alerts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertReceivers {
    /// The Secret in namespace `monitoring` that contains the Slack webhook URL in its key `url`.
    pub slack_secret: Option<String>,
    /// The Slack channel. Default: `#alerts`.
    pub slack_channel: Option<String>,
    /// The email address to send alerts to.
    pub email: Option<String>,
    /// The sender address. Default: the recipient address.
    pub from: Option<String>,
    /// The mail server, such as `smtp.example.com:587`. Required for `email`.
    pub smtp: Option<String>,
    /// The user name for the mail server, if it requires authentication.
    pub smtp_user: Option<String>,
    /// The Secret in namespace `monitoring` that contains the user's password in its key `password`.
    pub smtp_secret: Option<String>,
    /// The Secret in namespace `monitoring` that contains the Telegram bot token in its key `token`.
    pub telegram_secret: Option<String>,
    /// The Telegram chat ID. Required for `telegram_secret`.
    pub telegram_chat: Option<i64>,
}

impl AlertReceivers {
    /// Whether nobody is named.
    fn is_empty(&self) -> bool {
        self.slack_secret.is_none() && self.email.is_none() && self.telegram_secret.is_none()
    }
}

/// How logs are kept.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Elastic {
    /// The number of Elasticsearch nodes. Default: 3.
    pub nodes: Option<u8>,
    /// The retention period of the logs, in days. Default: 14.
    pub retention_days: Option<u16>,
    /// The disk size of each node, in GiB. Default: 100.
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
        "external-secrets" => "external_secrets",
        "reloader" => "reloader",
        "cert-manager" | "lets-encrypt" => "cert_manager",
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
        if component == argo_cd::NAME || component == "namespaces" {
            return Some(true);
        }
        // Let's Encrypt has settings, and the certificate authority of the cluster has none.
        if component == "lets-encrypt" && matches!(self.cert_manager, Some(Switch::On(true))) {
            return None;
        }
        match key_of(component) {
            "argo_rollouts" => self.argo_rollouts,
            "image_updater" => self.image_updater,
            "load_balancer_controller" => self.load_balancer_controller,
            "cluster_autoscaler" => self.cluster_autoscaler,
            "metrics_server" => self.metrics_server,
            "external_dns" => self.external_dns,
            "external_secrets" => self.external_secrets,
            "reloader" => self.reloader,
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
        self.vault
            .as_ref()
            .and_then(Switch::with)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn prometheus(&self) -> Prometheus {
        self.prometheus
            .as_ref()
            .and_then(Switch::with)
            .cloned()
            .unwrap_or_default()
    }

    /// Whether alerts of the cluster go to the topic of the stack's alerts: nobody else is named.
    #[must_use]
    pub fn alerts_by_topic(&self) -> bool {
        self.wish("prometheus") != Some(false) && self.prometheus().alerts.is_empty()
    }

    /// Whether a component keeps data in volumes.
    #[must_use]
    pub fn keeps_volumes(&self) -> bool {
        let wanted = |component: &str| self.wish(component) != Some(false);
        wanted("vault")
            || wanted("prometheus")
            || wanted("elasticsearch")
            || self.sonarqube == Some(true)
    }

    pub(crate) fn elastic(&self) -> Elastic {
        self.elastic
            .as_ref()
            .and_then(Switch::with)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn email(&self) -> Option<String> {
        self.cert_manager
            .as_ref()
            .and_then(Switch::with)
            .and_then(|settings| settings.email.clone())
    }
}
