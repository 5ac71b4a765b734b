//! The `database:` block: an Aurora PostgreSQL cluster, its writer and readers, and what guards it.

mod backup;
mod check;
mod cluster;
mod parameters;
mod readers;
mod replica;

use std::collections::BTreeMap;

use platctl_aws::ec2::security_group::SecurityGroup;
use platctl_aws::rds::db_cluster::DbCluster;
use platctl_aws::rds::db_instance::DbInstance;
use platctl_engine::Handle;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::common::{
    Ground, Peer, Rule, attach, key, log_group, logs_use_key, plain_trust, role, rule, security_group,
};
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::file::Switch;
use crate::names::{Region, TagMap};

/// What `database:` says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    /// The engine; `aurora-postgresql` is the only one so far.
    engine: At<Engine>,
    /// The engine's version, major and minor: `16.8`.
    version: Option<At<String>>,
    /// The name of the first database in it; `app` unless it is said.
    name: Option<At<String>>,
    /// The name of the master user, whose password AWS makes and keeps; `platform` unless it is said.
    user: Option<At<String>>,
    /// The port; 5432 unless it is said.
    port: u16,
    /// The instance that writes.
    writer: Writer,
    /// The instances that only read, each in another zone than the one before.
    readers: Readers,
    /// Of `db.serverless` instances: the least and the most capacity, in ACUs.
    serverless: Option<At<Serverless>>,
    /// How data survives.
    backup: Backup,
    /// What is watched from within.
    monitoring: Monitoring,
    /// Weekly, UTC: `sun:04:00-sun:05:00`.
    maintenance_window: Option<At<String>>,
    /// Parameters of the cluster, beyond the TLS that is always enforced.
    parameters: BTreeMap<String, At<Scalar>>,
    /// A copy in another region, to be promoted when this one is lost.
    replica: Option<Replica>,
    /// Security groups that may connect, beside the cluster's nodes.
    allow: Vec<At<String>>,
    /// Tags of the block's resources.
    tags: Option<At<TagMap>>,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            engine: At::made(Engine::AuroraPostgresql),
            version: None,
            name: None,
            user: None,
            port: 5432,
            writer: Writer::default(),
            readers: Readers::default(),
            serverless: None,
            backup: Backup::default(),
            monitoring: Monitoring::default(),
            maintenance_window: None,
            parameters: BTreeMap::new(),
            replica: None,
            allow: Vec::new(),
            tags: None,
        }
    }
}

/// The database engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Engine {
    /// Amazon Aurora with PostgreSQL compatibility.
    AuroraPostgresql,
}

/// A value of a parameter.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

/// The instance that writes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Writer {
    /// Its class: `db.r6g.large` unless it is said, `db.serverless` to pay by use.
    class: Option<At<String>>,
}

/// The instances that only read.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Readers {
    /// How many; 1 unless it is said, so that the loss of a zone is a failover and no outage.
    count: Option<At<u8>>,
    /// Their class; the writer's unless it is said.
    class: Option<At<String>>,
    /// Adds and removes readers by load.
    autoscale: Option<At<Autoscale>>,
}

/// When readers are added.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Autoscale {
    /// The most readers.
    max: u8,
    /// The average CPU load of the readers to keep to, in percent.
    #[serde(default = "cpu_target")]
    cpu: u8,
}

const fn cpu_target() -> u8 {
    60
}

/// The capacity of serverless instances, in ACUs (about 2 GiB of memory each).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Serverless {
    /// The least, from 0.5 on (from 0 on in versions that pause).
    min: f64,
    /// The most, up to 256.
    max: f64,
}

/// How data survives.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Backup {
    /// For how many days the cluster can be restored to any point in time: 1 to 35; 7 unless it is said.
    retention_days: Option<At<u8>>,
    /// Daily, UTC: `02:00-03:00`.
    window: Option<At<String>>,
    /// Whether a snapshot is made before the cluster is deleted. On, except in a stack with `ttl`.
    final_snapshot: Option<bool>,
    /// A plan of AWS Backup beside it, with a vault of its own.
    vault: Switch<backup::Vault>,
    /// What a new cluster is made from, instead of nothing.
    restore: Option<Restore>,
}

/// What a new cluster is made from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Restore {
    /// A snapshot's id or ARN.
    Snapshot(String),
    /// Another cluster, as it was at a time.
    PointInTime(PointInTime),
}

/// A moment of a cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PointInTime {
    /// The other cluster's id.
    cluster: String,
    /// The time, as `2026-11-23T08:00:00Z`; the latest possible unless it is said.
    #[serde(default)]
    time: Option<String>,
}

/// What is watched from within.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Monitoring {
    /// How often enhanced monitoring measures: 0 (off), 1, 5, 10, 15, 30 or 60 seconds; 60 unless it is said.
    interval_seconds: Option<At<u16>>,
    /// For how many days Performance Insights keeps what it saw: 0 (off), 7 (free), or 31 times the months.
    insights_days: Option<At<u16>>,
    /// For how many days logs are kept; 30 unless it is said.
    log_days: Option<At<u16>>,
}

/// A copy in another region.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replica {
    /// The other region.
    region: At<Region>,
    /// The range of the VPC that is made there.
    #[serde(default)]
    cidr: Option<At<crate::network::Cidr>>,
    /// The class of its one instance; the writer's unless it is said.
    #[serde(default)]
    class: Option<At<String>>,
}

/// What other blocks take from the database.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) cluster: Handle<DbCluster>,
    pub(crate) readers: Vec<Handle<DbInstance>>,
    pub(crate) port: u16,
}

impl Database {
    /// Declares all of the database's resources.
    pub(crate) fn declare(
        &self,
        ground: &Ground,
        nodes: Option<&Handle<SecurityGroup>>,
        declare: &mut Declare<'_>,
    ) -> Checked<Parts> {
        declare.tag(self.tags.as_ref().map(|tags| &tags.value))?;
        self.check(ground, declare)?;
        let name = declare.name("database");
        let logs = format!("/aws/rds/cluster/{name}/postgresql");
        let key = key("", "Encrypts the database", vec![logs_use_key(&logs, declare)], declare)?;
        let group = self.security_group(ground, nodes, declare)?;
        let log_group = log_group("log_group", &logs, self.log_days(), &key, declare)?;
        let groups = self.parameter_groups(declare)?;
        let cluster = self.cluster(ground, &key, &group, &groups, &log_group, declare)?;
        let monitoring = self.monitoring_role(declare)?;
        let (writer, readers) =
            self.instances(ground, &cluster, &groups, &key, monitoring.as_ref(), declare)?;
        self.autoscale(&cluster, &readers, declare)?;
        self.vault(&cluster, &key, declare)?;
        self.addresses(&cluster, declare)?;
        self.replicate(&cluster, &writer, declare)?;
        Ok(Parts { cluster, readers, port: self.port })
    }

    /// Who may connect: the nodes, and whom the file names. Nobody else, and never the internet.
    fn security_group(
        &self,
        ground: &Ground,
        nodes: Option<&Handle<SecurityGroup>>,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<SecurityGroup>> {
        let group = security_group("security_group", ground, "The database", false, declare)?;
        if let Some(nodes) = nodes {
            let from_nodes = Rule {
                address: "ingress.nodes",
                direction: "ingress",
                protocol: "tcp",
                port: Some(self.port),
                peer: Peer::Group(nodes),
                description: "PostgreSQL from the nodes of the cluster",
            };
            rule(&group, &from_nodes, declare)?;
        }
        for (number, other) in self.allow.iter().enumerate() {
            let spec = serde_json::json!({
                "group_id": group.json(platctl_aws::ec2::security_group::out::GROUP_ID),
                "direction": "ingress",
                "ip_protocol": "tcp",
                "from_port": self.port,
                "to_port": self.port,
                "referenced_group_id": other.value,
                "description": "PostgreSQL from a group that the stack file names",
            });
            let address = format!("ingress.allowed-{number}");
            declare.make::<platctl_aws::ec2::security_group_rule::SecurityGroupRule>(&address, spec)?;
        }
        Ok(group)
    }

    /// The role with which RDS writes what enhanced monitoring measures.
    fn monitoring_role(
        &self,
        declare: &mut Declare<'_>,
    ) -> Checked<Option<Handle<platctl_aws::iam::role::Role>>> {
        if self.interval() == 0 {
            return Ok(None);
        }
        let trust = plain_trust("monitoring.rds.amazonaws.com");
        let role = role(
            "monitoring_role",
            "database-monitoring",
            "Enhanced monitoring of the database",
            trust,
            declare,
        )?;
        attach("monitoring_policy", &role, "service-role/AmazonRDSEnhancedMonitoringRole", declare)?;
        Ok(Some(role))
    }
}
