//! A copy of the database in another region, in a network of its own.

use std::marker::PhantomData;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::ec2::subnet::{self, Subnet};
use platctl_aws::ec2::vpc::{self, Vpc};
use platctl_aws::rds::db_cluster::{self, DbCluster};
use platctl_aws::rds::db_instance::DbInstance;
use platctl_aws::rds::db_subnet_group::{self, DbSubnetGroup};
use platctl_aws::rds::global_cluster::{self, GlobalCluster};
use platctl_aws::types::{Cidr, SubnetId};
use platctl_engine::{Handle, Input};

use super::readers::instance;
use super::{Database, Replica};
use crate::common::key;
use crate::declare::{Checked, Declare};

/// The range of its network, apart from the default of the network of the stack.
const DEFAULT_CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 20, 0, 0), 16);
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
        let spec = global_cluster::Spec {
            global_cluster_identifier: declare.name("database"),
            source_db_cluster_identifier: cluster.get(db_cluster::out::ARN),
            deletion_protection: false,
            tags: declare.tags("replica.global"),
        };
        let global: Handle<GlobalCluster> =
            declare.add_after("replica.global", &spec, &[writer.address()])?;
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
        let parts = (&subnets, &group);
        let mut spec = self.aurora("replica.cluster", "database-replica", parts, &key, declare)?;
        spec.global_cluster_identifier =
            Some(global.get(global_cluster::out::GLOBAL_CLUSTER_IDENTIFIER));
        spec.skip_final_snapshot = true;
        let cluster: Handle<DbCluster> = declare.add("replica.cluster", &spec)?;
        let class = replica
            .class
            .as_ref()
            .map_or_else(|| self.writer_class(), |class| &class.value);
        let named = ("database-replica-1", class);
        let spec = instance(&cluster, "replica.instance", named, declare);
        declare
            .add::<DbInstance>("replica.instance", &spec)
            .map(drop)
    }

    /// Subnets without any way in or out, in the first two zones.
    fn other_network(
        &self,
        replica: &Replica,
        declare: &mut Declare<'_>,
    ) -> Checked<(Handle<DbSubnetGroup>, Handle<SecurityGroup>)> {
        let range = replica
            .cidr
            .as_ref()
            .map_or(DEFAULT_CIDR, |cidr| cidr.value.net());
        let spec = vpc::Spec {
            cidr_block: Cidr(range),
            enable_dns_support: Some(true),
            enable_dns_hostnames: Some(true),
            instance_tenancy: None,
            default_security_group_rules: Some(false),
            tags: declare.tags("replica.vpc"),
            stage: PhantomData,
        };
        let vpc: Handle<Vpc> = declare.add("replica.vpc", &spec)?;
        let ids = other_subnets(&vpc, range, replica, declare)?;
        let spec = security_group::Spec {
            vpc_id: vpc.get(vpc::out::VPC_ID),
            group_name: declare.name("database-replica"),
            description: "The copy of the database".to_owned(),
            allow_all_egress: false,
            tags: declare.tags("replica.security_group"),
        };
        let group: Handle<SecurityGroup> = declare.add("replica.security_group", &spec)?;
        let spec = db_subnet_group::Spec {
            db_subnet_group_name: declare.name("database-replica"),
            db_subnet_group_description: "The subnets of the copy".to_owned(),
            subnet_ids: declare.set(ids)?,
            tags: declare.tags("replica.subnet_group"),
        };
        let subnets = declare.add("replica.subnet_group", &spec)?;
        Ok((subnets, group))
    }
}

/// A subnet in each of the first two zones; answers their IDs.
fn other_subnets(
    vpc: &Handle<Vpc>,
    range: Ipv4Net,
    replica: &Replica,
    declare: &mut Declare<'_>,
) -> Checked<Vec<Input<SubnetId>>> {
    let prefix = (range.prefix_len() + 8).min(28);
    let ranges = range
        .subnets(prefix)
        .map_err(|error| declare.fault(error.to_string()))?;
    let mut ids = Vec::new();
    for (letter, range) in LETTERS.iter().zip(ranges) {
        let address = format!("replica.subnet.{letter}");
        let spec = subnet::Spec {
            vpc_id: vpc.get(vpc::out::VPC_ID),
            cidr_block: Cidr(range),
            availability_zone: format!("{}{letter}", replica.region.value.as_str()),
            map_public_ip_on_launch: Some(false),
            tags: declare.tags(&address),
        };
        let subnet: Handle<Subnet> = declare.add(&address, &spec)?;
        ids.push(subnet.get(subnet::out::SUBNET_ID));
    }
    Ok(ids)
}
