//! A copy of the database in another region, in a network of its own.

use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::ec2::subnet::{self, Subnet};
use platctl_aws::ec2::vpc::{self, Vpc};
use platctl_aws::kms::key;
use platctl_aws::rds::db_cluster::{self, DbCluster};
use platctl_aws::rds::db_instance::DbInstance;
use platctl_aws::rds::db_subnet_group::{self, DbSubnetGroup};
use platctl_aws::rds::global_cluster::{self, GlobalCluster};
use platctl_engine::Handle;
use serde_json::json;

use super::{Database, Replica};
use crate::common::key;
use crate::declare::{Checked, Declare};

/// Zones that a region always has.
const LETTERS: [&str; 2] = ["a", "b"];

impl Database {
    /// The global database is made from the cluster once it has its writer.
    pub(super) fn replicate(
        &self,
        cluster: &Handle<DbCluster>,
        writer: &Handle<DbInstance>,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let Some(replica) = &self.replica else {
            return Ok(());
        };
        let global: Handle<GlobalCluster> = declare.make_after(
            "replica.global",
            json!({
                "global_cluster_identifier": declare.name("database"),
                "source_db_cluster_identifier": cluster.json(db_cluster::out::ARN),
            }),
            &[writer.address()],
        )?;
        declare.region(Some(replica.region.value.as_str()));
        let made = self.secondary(replica, &global, declare);
        declare.region(None);
        made
    }

    fn secondary(
        &self,
        replica: &Replica,
        global: &Handle<GlobalCluster>,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let (subnets, group) = self.other_network(replica, declare)?;
        let key = key(
            "replica",
            "Encrypts the copy of the database",
            Vec::new(),
            declare,
        )?;
        let mut spec = json!({
            "db_cluster_identifier": declare.name("database-replica"),
            "engine": "aurora-postgresql",
            "engine_version": self.version(),
            "global_cluster_identifier": global.json(global_cluster::out::GLOBAL_CLUSTER_IDENTIFIER),
            "db_subnet_group_name": subnets.json(db_subnet_group::out::DB_SUBNET_GROUP_NAME),
            "vpc_security_group_ids": [group.json(security_group::out::GROUP_ID)],
            "storage_encrypted": true,
            "kms_key_id": key.json(key::out::ARN),
            "copy_tags_to_snapshot": true,
            "deletion_protection": declare.protects(),
            "skip_final_snapshot": true,
        });
        spec["port"] = self.port.0.into();
        let cluster: Handle<DbCluster> = declare.make("replica.cluster", spec)?;
        let class = replica
            .class
            .as_ref()
            .map_or_else(|| self.writer_class(), |class| &class.value);
        declare.make::<DbInstance>(
            "replica.instance",
            json!({
                "db_instance_identifier": declare.name("database-replica-1"),
                "db_cluster_identifier": cluster.json(db_cluster::out::DB_CLUSTER_IDENTIFIER),
                "db_instance_class": class,
                "engine": "aurora-postgresql",
                "publicly_accessible": false,
            }),
        )?;
        Ok(())
    }

    /// Subnets without any way in or out, in the first two zones.
    fn other_network(
        &self,
        replica: &Replica,
        declare: &mut Declare<'_>,
    ) -> Checked<(Handle<DbSubnetGroup>, Handle<SecurityGroup>)> {
        let cidr = replica
            .cidr
            .as_ref()
            .map_or_else(|| "10.20.0.0/16".to_owned(), |cidr| cidr.value.to_string());
        let vpc: Handle<Vpc> = declare.make(
            "replica.vpc",
            json!({
                "cidr_block": cidr, "enable_dns_support": true, "enable_dns_hostnames": true,
                "default_security_group_rules": false,
            }),
        )?;
        let range: ipnet::Ipv4Net = cidr
            .parse()
            .map_err(|_| declare.fault("not a valid range"))?;
        let prefix = (range.prefix_len() + 8).min(28);
        let ranges = range
            .subnets(prefix)
            .map_err(|error| declare.fault(error.to_string()))?;
        let mut ids = Vec::new();
        for (letter, range) in LETTERS.iter().zip(ranges) {
            let subnet: Handle<Subnet> = declare.make(
                &format!("replica.subnet.{letter}"),
                json!({
                    "vpc_id": vpc.json(vpc::out::VPC_ID),
                    "cidr_block": range.to_string(),
                    "availability_zone": format!("{}{letter}", replica.region.value.as_str()),
                    "map_public_ip_on_launch": false,
                }),
            )?;
            ids.push(subnet.json(subnet::out::SUBNET_ID));
        }
        let group: Handle<SecurityGroup> = declare.make(
            "replica.security_group",
            json!({
                "vpc_id": vpc.json(vpc::out::VPC_ID),
                "group_name": declare.name("database-replica"),
                "description": "The copy of the database",
                "allow_all_egress": false,
            }),
        )?;
        let subnets = declare.make(
            "replica.subnet_group",
            json!({
                "db_subnet_group_name": declare.name("database-replica"),
                "db_subnet_group_description": "The subnets of the copy",
                "subnet_ids": ids,
            }),
        )?;
        Ok((subnets, group))
    }
}
