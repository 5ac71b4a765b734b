//! What components and services are made of.

use serde_json::Value;

use crate::Nodes;
use crate::component::Resources;

/// What is known of the platform around the cluster. A `Value` may be an expression of the engine.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The stack's name.
    pub stack: String,
    /// The region.
    pub region: String,
    /// The account's number.
    pub account: String,
    /// The partition: `aws`, …
    pub partition: String,
    /// What the names of AWS's hosts end with in that partition: `amazonaws.com`.
    pub dns_suffix: String,
    /// The cluster's name.
    pub cluster: String,
    /// Its version of Kubernetes: `1.34`.
    pub version: String,
    /// Who makes its nodes.
    pub nodes: Nodes,
    /// The id of its VPC.
    pub vpc_id: Value,
    /// The public DNS zone, where there is one.
    pub zone: Option<Zone>,
    /// The database, where there is one.
    pub database: Option<Database>,
    /// Where alerts of the cluster go, unless the settings name somebody else.
    pub alerts: Option<Alerts>,
    /// The ARN of the key that unseals Vault.
    pub vault_key: Value,
    /// The ARN of the secret that Vault's recovery keys go to.
    pub vault_secret: Value,
    /// The name of the bucket that backups go to.
    pub backup_bucket: Value,
    /// The ARN of that bucket's key.
    pub backup_key: Value,
    /// Where the GitOps repository is cloned from.
    pub repository_url: Value,
    /// Whether a GitHub App reads and writes it, and not a user with a password.
    pub by_github_app: bool,
    /// The environment whose images run here: their tags begin with it.
    pub environment: String,
    /// The branch that the cluster follows.
    pub branch: String,
    /// The services.
    pub services: Vec<Service>,
}

impl Inputs {
    /// The services that are deployed on their own, each in the namespace of its name.
    pub(crate) fn deployed(&self) -> impl Iterator<Item = &Service> {
        self.services
            .iter()
            .filter(|service| service.part_of.is_none())
    }

    /// What is deployed with a service.
    pub(crate) fn parts_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Service> {
        self.services
            .iter()
            .filter(move |service| service.part_of.as_deref() == Some(name))
    }

    /// The namespaces of all services.
    pub(crate) fn service_namespaces(&self) -> Vec<String> {
        self.deployed()
            .map(|service| service.name.clone())
            .collect()
    }

    /// Whether a secret of a service is in Vault.
    pub(crate) fn secrets_in_vault(&self) -> bool {
        let mut secrets = self.services.iter().flat_map(|service| &service.secrets);
        secrets.any(|secret| matches!(secret.source, Source::Vault { .. }))
    }

    /// The name of a service of AWS in this region, as it is called by others: `logs.eu-west-1.amazonaws.com`.
    pub(crate) fn endpoint(&self, service: &str) -> String {
        format!("{service}.{}.{}", self.region, self.dns_suffix)
    }
}

/// The public DNS zone.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its id.
    pub id: Value,
    /// Its name.
    pub domain: String,
}

/// The database.
#[derive(Clone, Debug)]
pub struct Database {
    /// The host that writes.
    pub endpoint: Value,
    /// The host that only reads.
    pub reader_endpoint: Value,
    /// The port.
    pub port: u16,
    /// The name of the database; none where it comes from a backup, which alone knows it.
    pub name: Option<String>,
    /// The ARN of the secret of the master user.
    pub secret: Value,
}

/// The topic of the stack's alerts.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// Its ARN.
    pub topic: Value,
    /// The ARN of its key.
    pub key: Value,
}

/// A service of the user's.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name; its service account has the same one, and so has its namespace, unless it is part of another service.
    pub name: String,
    /// The service that it is part of: it runs that one's image in that one's namespace, and is deployed with it.
    pub part_of: Option<String>,
    /// What its pods do.
    pub work: Work,
    /// How many pods.
    pub replicas: Replicas,
    /// The commit whose image runs, whatever is newer; the newest unless it is said.
    pub pin: Option<String>,
    /// Where its images are, without a tag.
    pub image: Value,
    /// The ARN of the role that its pods take on.
    pub role: Value,
    /// What its container asks for.
    pub resources: Resources,
    /// What its container runs instead of what the image says; nothing else when it is empty.
    pub command: Vec<String>,
    /// What that is given.
    pub args: Vec<String>,
    /// Variables.
    pub env: Vec<(String, Value)>,
    /// Variables whose values are kept elsewhere.
    pub secrets: Vec<Secret>,
    /// How it logs in to the database, if it does.
    pub login: Option<DatabaseLogin>,
    /// How many seconds a pod has to finish what it is doing.
    pub shutdown_seconds: u16,
    /// How many seconds pods that end have until they are given up.
    pub timeout_seconds: Option<u32>,
}

impl Service {
    /// Where its pods are.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.part_of.as_deref().unwrap_or(&self.name)
    }

    /// What answers requests, if it does.
    pub(crate) const fn web(&self) -> Option<&Web> {
        match &self.work {
            Work::Web(web) => Some(web),
            _ => None,
        }
    }

    /// Whether its pods run until they are told to stop.
    pub(crate) const fn stays(&self) -> bool {
        matches!(self.work, Work::Web(_) | Work::Worker)
    }

    /// Whether a new version stands beside the old one until it is promoted.
    pub(crate) fn blue_green(&self) -> bool {
        self.web().is_some_and(|web| web.blue_green)
    }

    /// Whether a new version is held against limits before it can be promoted.
    pub(crate) fn is_analysed(&self) -> bool {
        self.web().is_some_and(|web| web.analysis.is_some())
    }

    /// Whether something of it comes from where secrets are kept.
    pub(crate) fn needs_secrets(&self) -> bool {
        !self.secrets.is_empty() || matches!(self.login, Some(DatabaseLogin::Password))
    }
}

/// What the pods of a service do.
#[derive(Clone, Debug)]
pub enum Work {
    /// They answer requests.
    Web(Web),
    /// They work on something without being asked.
    Worker,
    /// They do something at certain times.
    Cron {
        /// When, as cron writes it.
        schedule: String,
    },
    /// They do something once for each version.
    Job {
        /// Whether the rest of the service waits for its end.
        before_deploy: bool,
    },
}

impl Work {
    /// Whether the rest of the service waits for its end.
    pub(crate) const fn before_deploy(&self) -> bool {
        matches!(
            self,
            Self::Job {
                before_deploy: true
            }
        )
    }
}

/// How requests are answered.
#[derive(Clone, Debug)]
pub struct Web {
    /// The port that the pods listen on.
    pub port: u16,
    /// Where their health is asked for.
    pub health_path: String,
    /// How many seconds they have to start.
    pub startup_seconds: u16,
    /// Whether a new version stands beside the old one until it is promoted.
    pub blue_green: bool,
    /// What a new version is held against before it can be promoted.
    pub analysis: Option<Analysis>,
    /// The ARN of the target group, where the service is reached from outside.
    pub target_group: Option<Value>,
    /// The ARN of the target group of the version that is not promoted yet, where it can be reached.
    pub preview_group: Option<Value>,
}

/// What a new version may not exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Analysis {
    /// The share of requests that fail, in percent.
    pub errors: f64,
    /// The 95th percentile of the time that an answer takes, in milliseconds.
    pub latency_ms: u32,
    /// Whether the stack file asks for it; otherwise it is done where it can be.
    pub asked_for: bool,
}

/// A variable whose value is kept elsewhere.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The variable.
    pub variable: String,
    /// Where its value is.
    pub source: Source,
}

/// Where the value of a secret is.
#[derive(Clone, Debug)]
pub enum Source {
    /// In Secrets Manager.
    SecretsManager {
        /// The name or the ARN of the secret.
        id: Value,
        /// The key in its value; the whole value without one.
        key: Option<String>,
    },
    /// In Parameter Store.
    ParameterStore {
        /// The name of the parameter.
        name: Value,
        /// The key in its value; the whole value without one.
        key: Option<String>,
    },
    /// In Vault.
    Vault {
        /// The path below `secret/`.
        path: String,
        /// The key there.
        key: String,
    },
}

/// How a service logs in to the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseLogin {
    /// As the master user, with the password that RDS keeps.
    Password,
    /// As this user, with the role of its pods.
    Iam {
        /// The user.
        user: String,
    },
}

/// How many pods.
#[derive(Clone, Copy, Debug)]
pub struct Replicas {
    /// The fewest.
    pub min: u16,
    /// The most.
    pub max: u16,
    /// The average CPU load to keep to, in percent of what the pods ask for.
    pub cpu: u8,
}
