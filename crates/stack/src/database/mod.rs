//! The `database:` block: an Aurora PostgreSQL cluster, its writer and readers, and what guards it.

mod backup;
mod check;
mod cluster;
mod parameters;
mod readers;
mod replica;

use std::collections::BTreeMap;

use platctl_aws::ec2::security_group::SecurityGroup;
use platctl_aws::ec2::security_group::out::GROUP_ID;
use platctl_aws::rds::db_cluster::DbCluster;
use platctl_aws::rds::db_instance::DbInstance;
use platctl_aws::types::SecurityGroupId;
use platctl_engine::Handle;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::common::{
    NetworkParts, NodesGroup, Peer, Rule, attach, key, log_group, logs_use_key, role, rule,
    security_group, trust,
};
use crate::de::At;
use crate::declare::{Checked, Declare};
use crate::file::Switch;
use crate::names::{DatabasePort, Region, TagMap};

/// The only engine that is supported, as RDS calls it.
const ENGINE: &str = "aurora-postgresql";

/// What `database:` says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    /// The database engine. Only `aurora-postgresql` is supported.
    engine: At<Engine>,
    /// The engine version, major and minor, such as `16.8`.
    version: Option<At<String>>,
    /// The name of the initial database: up to 63 letters, digits and `_`, but not a reserved word. Default: `app`.
    name: Option<At<String>>,
    /// The name of the master user: up to 16 letters, digits and `_`, but not a reserved word, such as `admin`. Its
    /// password is managed by AWS. Default: `platform`.
    user: Option<At<String>>,
    /// The port, 1150 to 65535. Default: 5432.
    port: DatabasePort,
    /// The writer instance.
    writer: Writer,
    /// The reader instances, distributed over the zones.
    readers: Readers,
    /// The minimum and maximum capacity of `db.serverless` instances, in ACUs.
    serverless: Option<At<Serverless>>,
    /// Backups of the database.
    backup: Backup,
    /// Enhanced monitoring, Performance Insights and logs.
    monitoring: Monitoring,
    /// The weekly maintenance window, in UTC, such as `sun:04:00-sun:05:00`. At least 30 minutes.
    maintenance_window: Option<At<String>>,
    /// Additional parameters of the cluster. TLS is always enforced: `rds.force_ssl` cannot be disabled.
    parameters: BTreeMap<String, At<Scalar>>,
    /// A replica in another region for disaster recovery.
    replica: Option<Replica>,
    /// Additional security groups that may connect. The cluster's nodes always may.
    allow: Vec<At<String>>,
    /// Tags to add to the resources of this block.
    tags: Option<At<TagMap>>,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            engine: At::made(Engine::AuroraPostgresql),
            version: None,
            name: None,
            user: None,
            port: DatabasePort(5432),
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

/// The writer instance.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Writer {
    /// The instance class; `db.serverless` for Aurora Serverless v2. Default: `db.r6g.large`.
    class: Option<At<String>>,
}

/// The instances that only read.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Readers {
    /// The number of readers. Default: 1, so that the database fails over if a zone is lost.
    count: Option<At<u8>>,
    /// The instance class. Default: the class of the writer.
    class: Option<At<String>>,
    /// Adds and removes readers automatically, depending on the load.
    autoscale: Option<At<Autoscale>>,
}

/// When readers are added.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Autoscale {
    /// The maximum number of readers.
    max: u8,
    /// The target for the average CPU utilization of the readers, in percent.
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
    /// The minimum capacity: 0.5 or more (0 or more for versions that support pausing).
    min: f64,
    /// The maximum capacity: up to 256.
    max: f64,
}

/// Backups of the database.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Backup {
    /// The backup retention period for point-in-time recovery, in days: 1 to 35. Default: 7.
    retention_days: Option<At<u8>>,
    /// The daily backup window, in UTC, such as `02:00-03:00`. At least 30 minutes, outside of the maintenance
    /// window.
    window: Option<At<String>>,
    /// Whether to create a final snapshot before the cluster is deleted. Enabled by default, except in a
    /// stack with `ttl`.
    final_snapshot: Option<bool>,
    /// An additional AWS Backup plan with a separate backup vault.
    vault: Switch<backup::Vault>,
    /// The source to restore a new cluster from.
    restore: Option<Restore>,
}

/// What a new cluster is made from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Restore {
    /// The ID or ARN of a snapshot.
    Snapshot(String),
    /// Another cluster at a point in time.
    PointInTime(PointInTime),
}

/// A moment of a cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PointInTime {
    /// The ID of the other cluster.
    cluster: String,
    /// The time, such as `2026-11-23T08:00:00Z`. Default: the latest restorable time.
    #[serde(default)]
    time: Option<String>,
}

/// Enhanced monitoring, Performance Insights and logs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Monitoring {
    /// The interval of enhanced monitoring, in seconds: 0 (disabled), 1, 5, 10, 15, 30 or 60. Default: 60.
    interval_seconds: Option<At<u16>>,
    /// The retention period of Performance Insights, in days: 0 (disabled), 7 (free), or a multiple of 31.
    insights_days: Option<At<u16>>,
    /// The retention period of the logs, in days. Default: 30.
    log_days: Option<At<u16>>,
}

/// A copy in another region.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replica {
    /// The region of the replica.
    region: At<Region>,
    /// The CIDR block of the VPC that is created in that region.
    #[serde(default)]
    cidr: Option<At<crate::network::Cidr>>,
    /// The instance class of the replica. Default: the class of the writer.
    #[serde(default)]
    class: Option<At<String>>,
}

/// What other blocks take from the database.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) cluster: Handle<DbCluster>,
    pub(crate) writer: Handle<DbInstance>,
    pub(crate) readers: Vec<Handle<DbInstance>>,
    pub(crate) port: u16,
    /// The name of the initial database; none where it comes from a backup, which alone knows it.
    pub(crate) name: Option<String>,
}

impl Database {
    /// Declares all of the database's resources.
    pub(crate) fn declare(
        &self,
        network: &NetworkParts,
        nodes: Option<&NodesGroup>,
        declare: &mut Declare<'_>,
    ) -> Checked<Parts> {
        declare.tag(self.tags.as_ref().map(|tags| &tags.value));
        self.check(network, declare)?;
        let name = declare.name("database");
        let logs = format!("/aws/rds/cluster/{name}/postgresql");
        let key = key(
            "",
            "Encrypts the database",
            vec![logs_use_key(&logs, declare)],
            declare,
        )?;
        let group = self.security_group(network, nodes, declare)?;
        let log_group = log_group("log_group", &logs, self.log_days(), &key, declare)?;
        let groups = self.parameter_groups(declare)?;
        let cluster = self.cluster(network, &key, &group, &groups, &log_group, declare)?;
        let monitoring = self.monitoring_role(declare)?;
        let (writer, readers) = self.instances(
            network,
            &cluster,
            &groups,
            &key,
            monitoring.as_ref(),
            declare,
        )?;
        self.autoscale(&cluster, &readers, declare)?;
        self.vault(&cluster, &key, declare)?;
        self.addresses(&cluster, declare)?;
        self.replicate(&cluster, &writer, declare)?;
        Ok(Parts {
            cluster,
            writer,
            readers,
            port: self.port.0,
            name: self.initial_name(),
        })
    }

    /// Who may connect: the nodes, and whom the file names. Nobody else, and never the internet.
    fn security_group(
        &self,
        network: &NetworkParts,
        nodes: Option<&NodesGroup>,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<SecurityGroup>> {
        let group = security_group("security_group", network, "The database", false, declare)?;
        let ports = Some((self.port.0, self.port.0));
        if let Some(nodes) = nodes {
            let from_nodes = Rule {
                address: "ingress.nodes",
                protocol: "tcp",
                ports,
                peer: Peer::Group(nodes.id()),
                description: "PostgreSQL from the nodes of the cluster",
            };
            rule(group.get(GROUP_ID), from_nodes, declare)?;
        }
        for (number, other) in self.allow.iter().enumerate() {
            let from_other = Rule {
                address: &format!("ingress.allowed-{number}"),
                protocol: "tcp",
                ports,
                peer: Peer::Group(SecurityGroupId(other.value.clone()).into()),
                description: "PostgreSQL from a group that the stack file names",
            };
            rule(group.get(GROUP_ID), from_other, declare)?;
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
        let trust = trust("monitoring.rds.amazonaws.com", declare);
        let role = role(
            "monitoring_role",
            "database-monitoring",
            "Enhanced monitoring of the database",
            trust,
            declare,
        )?;
        attach(
            "monitoring_policy",
            &role,
            "service-role/AmazonRDSEnhancedMonitoringRole",
            declare,
        )?;
        Ok(Some(role))
    }
}
