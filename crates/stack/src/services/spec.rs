//! What `services:` says.

use std::collections::BTreeMap;

use platctl_gitops::Resources;
use schemars::JsonSchema;
use serde::Deserialize;

use super::amounts::{Cpu, Memory};
use crate::de::{At, Late};
use crate::file::Switch;

/// What `services:` says: each service by its name.
pub(crate) type Services = BTreeMap<String, At<Service>>;

/// One service.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// What the pods do: `web` (answer requests), `worker` (run without a port), `cron` (run at certain times) or
    /// `job` (run once for each version). Default: `web`.
    #[serde(default)]
    pub(super) kind: Kind,
    /// The port that the pods listen on. Required for `kind: web`.
    #[serde(default)]
    pub(super) port: Option<At<u16>>,
    /// The path pattern of the service, such as `/api/*`. Default: all paths.
    #[serde(default)]
    pub(super) path: Option<At<String>>,
    /// The host name of the service in the domain: `api` for api.example.com. Default: all hosts.
    #[serde(default)]
    pub(super) host: Option<At<String>>,
    /// The path of the health check. Default: `/healthz`.
    #[serde(default)]
    pub(super) health_path: Option<At<String>>,
    /// The time that a pod has to start, in seconds: 5 to 3600. Default: 150.
    #[serde(default)]
    pub(super) startup_seconds: Option<At<u16>>,
    /// The time that a pod has to finish its work after it is told to stop, in seconds: 1 to 3600. Default: 45.
    #[serde(default)]
    pub(super) shutdown_seconds: Option<At<u16>>,
    /// The number of pods of a `web` service or a `worker`.
    #[serde(default)]
    pub(super) replicas: Option<At<Replicas>>,
    /// The deployment strategy for new versions. Default: `blue_green` for `web`, `rolling` for `worker`.
    #[serde(default)]
    pub(super) rollout: Option<At<Rollout>>,
    /// Checks the new version before it can be promoted, with metrics in Prometheus. Default: enabled with `protect`,
    /// if Prometheus is enabled and the deployment strategy is `blue_green`.
    #[serde(default)]
    pub(super) analysis: Option<At<Switch<Analysis>>>,
    /// Whether requests with the header `X-Preview: NAME`, with the name of the service, go to the new version before
    /// it is promoted. Disabled by default.
    #[serde(default)]
    pub(super) preview: Option<At<bool>>,
    /// The schedule of a `cron` service, in UTC: minute, hour, day of the month, month and day of the week, such as
    /// `15 3 * * *`.
    #[serde(default)]
    pub(super) schedule: Option<At<String>>,
    /// Whether a `job` must succeed before the new version of the service in `image_of` is deployed, such as a
    /// database migration. Disabled by default.
    #[serde(default)]
    pub(super) before_deploy: Option<At<bool>>,
    /// The time after which the pods of a `cron` or `job` service are stopped, in seconds: 10 to 86400. Default: 900 with
    /// `before_deploy`, otherwise no limit.
    #[serde(default)]
    pub(super) timeout_seconds: Option<At<u32>>,
    /// The service whose image the pods run, with another command. They are deployed together with that service, in
    /// its namespace. Default: an image, a repository and a pipeline of its own.
    #[serde(default)]
    pub(super) image_of: Option<At<String>>,
    /// The command to run instead of the entry point of the image.
    #[serde(default)]
    pub(super) command: Vec<String>,
    /// The arguments of the command.
    #[serde(default)]
    pub(super) args: Vec<String>,
    /// The CPU request of each pod, in cores (`0.5`) or thousandths (`500m`). Default: `100m`.
    #[serde(default)]
    pub(super) cpu: Option<At<Cpu>>,
    /// The memory of each pod, such as `512Mi` or `2Gi`: the request and the limit. Default: a request of `128Mi` and a
    /// limit of `512Mi`.
    #[serde(default)]
    pub(super) memory: Option<At<Memory>>,
    /// Environment variables. `${address.output}` references a resource.
    #[serde(default)]
    pub(super) env: BTreeMap<String, At<Late>>,
    /// Environment variables with values from Secrets Manager, Parameter Store or Vault. The values are read in the
    /// cluster.
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, At<SecretSource>>,
    /// Whether the pods get the address of the database and a login, as environment variables that begin with
    /// `DATABASE_`. `true` or `password`: the master user, with the password in Secrets Manager. `iam`: a user with the
    /// name of the service, with IAM authentication. Disabled by default.
    #[serde(default)]
    pub(super) database: Option<At<DatabaseLogin>>,
    /// The permissions of the service's IAM role: actions on resources. Default: none.
    #[serde(default)]
    pub(super) permissions: Vec<At<Permission>>,
    /// The number of images to keep for each environment, and of images that are not released to any
    /// environment. Default: 30.
    #[serde(default)]
    pub(super) images: Option<At<u16>>,
    /// The commit ID of the image to run, to go back to an older version. Default: the newest released
    /// image.
    #[serde(default)]
    pub(super) pin: Option<At<String>>,
}

/// What the pods of a service do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// They answer requests.
    #[default]
    Web,
    /// They run without a port.
    Worker,
    /// They run at certain times.
    Cron,
    /// They run once for each version.
    Job,
}

/// How many pods a service has.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replicas {
    /// The minimum number of pods.
    min: u16,
    /// The maximum number of pods.
    max: u16,
    /// The target for the average CPU utilization, in percent of the pods' CPU requests.
    #[serde(default = "load")]
    cpu: u8,
}

const fn load() -> u8 {
    70
}

impl Replicas {
    /// What an autoscaler would not take of the numbers.
    pub(super) const fn wrong(&self) -> Option<&'static str> {
        if self.min == 0 {
            Some("`min` must be at least 1")
        } else if self.max < self.min {
            Some("`max` must not be less than `min`")
        } else if self.cpu == 0 {
            Some("`cpu` must be at least 1 percent")
        } else {
            None
        }
    }
}

impl From<Replicas> for platctl_gitops::Replicas {
    fn from(Replicas { min, max, cpu }: Replicas) -> Self {
        Self { min, max, cpu }
    }
}

impl Default for Replicas {
    fn default() -> Self {
        Self {
            min: 3,
            max: 6,
            cpu: load(),
        }
    }
}

/// The deployment strategy for new versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rollout {
    /// The new version runs beside the old version until it is promoted.
    BlueGreen,
    /// Pod by pod.
    Rolling,
}

/// The limits for a new version. If it exceeds one of them, it is not promoted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Analysis {
    /// The maximum share of requests that are answered with a status of 500 or more, in percent. Default: 5.
    pub(super) errors: f64,
    /// The maximum time in which 95% of the requests are answered, in milliseconds. Default: 1000.
    pub(super) latency_ms: u32,
}

impl Default for Analysis {
    fn default() -> Self {
        Self {
            errors: 5.0,
            latency_ms: 1000,
        }
    }
}

/// Where the value of a secret is: exactly one of `secret`, `parameter` and `vault`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretSource {
    /// The name or the ARN of a secret in Secrets Manager, or a reference such as `${stripe.arn}`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) secret: Option<At<Late>>,
    /// The name of a parameter in Parameter Store.
    #[serde(default)]
    pub(super) parameter: Option<At<String>>,
    /// The path of a secret in Vault below `secret/`: the name of the service, or a path below it.
    #[serde(default)]
    pub(super) vault: Option<At<String>>,
    /// The key in the secret. Required for `vault`. Default: the whole value.
    #[serde(default)]
    pub(super) key: Option<String>,
}

/// How a service logs in to the database.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `true`, `false`, `password` or `iam`")]
pub(crate) enum DatabaseLogin {
    /// With the password of the master user, or not at all.
    Switch(bool),
    /// In this way.
    Method(Method),
}

/// A way to log in to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    /// With the password of the master user, which AWS changes every seven days.
    Password,
    /// With IAM authentication, as a user with the name of the service.
    Iam,
}

impl DatabaseLogin {
    pub(super) const fn method(self) -> Option<Method> {
        match self {
            Self::Switch(false) => None,
            Self::Switch(true) => Some(Method::Password),
            Self::Method(method) => Some(method),
        }
    }
}

/// Something that a service's role may do.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Permission {
    /// The IAM actions, such as `s3:GetObject`.
    pub(super) actions: Vec<String>,
    /// The ARNs of the resources. `${address.output}` references a resource.
    pub(super) resources: Vec<At<Late>>,
}

impl Service {
    /// What a pod asks for.
    pub(super) fn resources(&self) -> Resources {
        let mut resources = platctl_gitops::DEFAULT_RESOURCES;
        if let Some(cpu) = &self.cpu {
            resources.cpu = cpu.value.thousandths();
        }
        if let Some(memory) = &self.memory {
            resources.memory = memory.value.mib();
            resources.limit = memory.value.mib();
        }
        resources
    }

    /// How long a pod has to finish what it is doing.
    pub(super) fn shutdown_seconds(&self) -> u16 {
        self.shutdown_seconds
            .as_ref()
            .map_or(platctl_gitops::SHUTDOWN_SECONDS, |seconds| seconds.value)
    }

    /// Where its health is asked for.
    pub(super) fn health_path(&self) -> &str {
        self.health_path
            .as_ref()
            .map_or("/healthz", |path| &path.value)
    }

    pub(super) fn blue_green(&self) -> bool {
        let rollout = self.rollout.as_ref().map(|rollout| rollout.value);
        self.kind == Kind::Web && rollout != Some(Rollout::Rolling)
    }

    pub(super) fn previews(&self) -> bool {
        self.preview.as_ref().is_some_and(|preview| preview.value)
    }

    /// How it logs in to the database, if it does.
    pub(super) fn login(&self) -> Option<Method> {
        self.database
            .as_ref()
            .and_then(|database| database.value.method())
    }

    /// The service that it is deployed with.
    pub(super) fn owner(&self) -> Option<&str> {
        self.image_of.as_ref().map(|owner| owner.value.as_str())
    }

    /// Texts in which references may stand.
    pub(crate) fn late(&self) -> impl Iterator<Item = &At<Late>> {
        let resources = self
            .permissions
            .iter()
            .flat_map(|wanted| &wanted.value.resources);
        let secrets = self
            .secrets
            .values()
            .filter_map(|source| source.value.secret.as_ref());
        self.env.values().chain(resources).chain(secrets)
    }
}
