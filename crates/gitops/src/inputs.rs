//! What components and services are made of.

use serde_json::Value;

use crate::Nodes;

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
    /// Where the GitOps repository is cloned from, by HTTPS.
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
    /// The names of all services, which are those of their namespaces too.
    pub(crate) fn service_names(&self) -> Vec<String> {
        self.services
            .iter()
            .map(|service| service.name.clone())
            .collect()
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
    /// The port.
    pub port: u16,
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
    /// Its name; its namespace and its service account have the same one.
    pub name: String,
    /// The port that its pods listen on.
    pub port: u16,
    /// Where its health is asked for.
    pub health_path: String,
    /// How many pods.
    pub replicas: Replicas,
    /// The commit whose image runs, whatever is newer; the newest unless it is said.
    pub pin: Option<String>,
    /// Whether a new version stands beside the old one until it is promoted.
    pub blue_green: bool,
    /// Where its images are, without a tag.
    pub image: Value,
    /// The ARN of its target group, where it is reached from outside.
    pub target_group: Option<Value>,
    /// The ARN of the role that its pods take on.
    pub role: Value,
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
