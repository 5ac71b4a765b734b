//! The Aurora cluster itself.

use std::collections::BTreeSet;

use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::kms::key::{self, Key};
use platctl_aws::logs::log_group::LogGroup;
use platctl_aws::rds::db_cluster::{self, DbCluster, Spec};
use platctl_aws::rds::db_cluster_parameter_group as cluster_group;
use platctl_aws::rds::db_parameter_group;
use platctl_aws::rds::db_subnet_group::{self, DbSubnetGroup};
use platctl_aws::ssm::parameter::{self, Parameter};
use platctl_engine::{Declared, Handle};

use super::parameters::Groups;
use super::{Database, ENGINE, Restore};
use crate::common::{NetworkParts, subnet_ids};
use crate::de::At;
use crate::declare::{Checked, Declare};

impl Database {
    pub(super) fn cluster(
        &self,
        network: &NetworkParts,
        key: &Handle<Key>,
        group: &Handle<SecurityGroup>,
        groups: &Groups,
        logs: &Handle<LogGroup>,
        declare: &mut Declare<'_>,
    ) -> Checked<Handle<DbCluster>> {
        let spec = db_subnet_group::Spec {
            db_subnet_group_name: declare.name("database"),
            db_subnet_group_description: "The database subnets".to_owned(),
            subnet_ids: subnet_ids(&network.database, declare)?,
            tags: declare.tags("subnet_group"),
        };
        let subnets: Handle<DbSubnetGroup> = declare.add("subnet_group", &spec)?;
        let cluster_group = &groups.cluster;
        let mut spec = self.aurora("cluster", "database", (&subnets, group), key, declare)?;
        spec.db_cluster_parameter_group_name =
            Some(cluster_group.get(cluster_group::out::DB_CLUSTER_PARAMETER_GROUP_NAME));
        // A major upgrade gives it to all instances at once.
        spec.db_instance_parameter_group_name = Some(
            groups
                .instance
                .get(db_parameter_group::out::DB_PARAMETER_GROUP_NAME),
        );
        spec.manage_master_user_password = Some(true);
        spec.master_user_secret_kms_key_id = Some(key.get(key::out::ARN));
        // Users of the database that are given `rds_iam` need no password.
        spec.iam_database_authentication_enabled = true;
        spec.enabled_cloudwatch_logs_exports = Some(BTreeSet::from(["postgresql".to_owned()]));
        self.guard(&mut spec, declare);
        spec.serverless_v2_scaling_configuration =
            self.serverless
                .as_ref()
                .map(|capacity| db_cluster::Capacity {
                    min_capacity: capacity.value.min,
                    max_capacity: capacity.value.max,
                });
        self.origin(&mut spec);
        // RDS would make the group of its logs itself, without an end and without a key.
        declare.add_after("cluster", &spec, &[logs.address()])
    }

    /// What the cluster and its replica have in common.
    pub(super) fn aurora(
        &self,
        address: &str,
        name: &str,
        (subnets, group): (&Handle<DbSubnetGroup>, &Handle<SecurityGroup>),
        key: &Handle<Key>,
        declare: &Declare<'_>,
    ) -> Checked<Spec<Declared>> {
        Ok(Spec {
            db_cluster_identifier: declare.name(name),
            engine: ENGINE.to_owned(),
            engine_version: self.version().to_owned(),
            database_name: None,
            master_username: None,
            manage_master_user_password: None,
            master_user_secret_kms_key_id: None,
            port: Some(self.port.0.into()),
            db_subnet_group_name: subnets.get(db_subnet_group::out::DB_SUBNET_GROUP_NAME),
            db_cluster_parameter_group_name: None,
            db_instance_parameter_group_name: None,
            vpc_security_group_ids: declare.set([group.get(security_group::out::GROUP_ID)])?,
            storage_encrypted: true,
            kms_key_id: Some(key.get(key::out::ARN)),
            enabled_cloudwatch_logs_exports: None,
            backup_retention_period: None,
            preferred_backup_window: None,
            preferred_maintenance_window: None,
            copy_tags_to_snapshot: true,
            iam_database_authentication_enabled: false,
            deletion_protection: declare.protects(),
            serverless_v2_scaling_configuration: None,
            skip_final_snapshot: false,
            final_snapshot_identifier: None,
            global_cluster_identifier: None,
            snapshot_identifier: None,
            source_db_cluster_identifier: None,
            restore_to_time: None,
            tags: declare.tags(address),
        })
    }

    /// What guards the data: backups, their windows, and the snapshot that is left of a deleted cluster.
    fn guard(&self, spec: &mut Spec<Declared>, declare: &Declare<'_>) {
        let text = |text: &Option<At<String>>| text.as_ref().map(|text| text.value.clone());
        let days = self.backup.retention_days.as_ref();
        spec.backup_retention_period = Some(days.map_or(7, |days| days.value.into()));
        spec.preferred_backup_window = text(&self.backup.window);
        spec.preferred_maintenance_window = text(&self.maintenance_window);
        if self.backup.final_snapshot.unwrap_or(!declare.ephemeral()) {
            spec.final_snapshot_identifier = Some(declare.name("database-final"));
        } else {
            spec.skip_final_snapshot = true;
        }
    }

    /// The name of the database that a new cluster begins with.
    pub(super) fn initial_name(&self) -> Option<String> {
        let name = self.name.as_ref().map(|name| name.value.as_str());
        let new = self.backup.restore.is_none();
        new.then(|| name.unwrap_or("app").to_owned())
    }

    /// What the cluster is made from.
    fn origin(&self, spec: &mut Spec<Declared>) {
        match &self.backup.restore {
            None => {
                let user = self.user.as_ref().map(|user| user.value.as_str());
                spec.database_name = self.initial_name();
                spec.master_username = Some(user.unwrap_or("platform").to_owned());
            }
            Some(Restore::Snapshot(id)) => spec.snapshot_identifier = Some(id.clone().into()),
            Some(Restore::PointInTime(moment)) => {
                spec.source_db_cluster_identifier = Some(moment.cluster.clone().into());
                spec.restore_to_time.clone_from(&moment.time);
            }
        }
    }

    /// Where services find the database; the password stays where RDS keeps it.
    pub(super) fn addresses(
        &self,
        cluster: &Handle<DbCluster>,
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let values = [
            (
                "endpoint",
                cluster.get(db_cluster::out::ENDPOINT),
                "Where the database takes writes",
            ),
            (
                "reader-endpoint",
                cluster.get(db_cluster::out::READER_ENDPOINT),
                "Where the database takes reads",
            ),
            (
                "secret-arn",
                cluster.get(db_cluster::out::MASTER_USER_SECRET_ARN),
                "The secret of the master user",
            ),
        ];
        for (name, value, description) in values {
            let address = format!("parameter.{name}");
            let spec = parameter::Spec {
                name: format!("/{}/database/{name}", declare.stack()),
                kind: "String".to_owned(),
                value,
                description: Some(description.to_owned()),
                tier: None,
                tags: declare.tags(&address),
            };
            declare.add::<Parameter>(&address, &spec)?;
        }
        Ok(())
    }
}
