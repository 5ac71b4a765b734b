//! The Aurora cluster itself.

use platctl_aws::ec2::security_group::{self, SecurityGroup};
use platctl_aws::kms::key::{self, Key};
use platctl_aws::logs::log_group::LogGroup;
use platctl_aws::rds::db_cluster::{self, DbCluster};
use platctl_aws::rds::db_cluster_parameter_group as cluster_group;
use platctl_aws::rds::db_parameter_group;
use platctl_aws::rds::db_subnet_group::{self, DbSubnetGroup};
use platctl_aws::ssm::parameter::Parameter;
use platctl_engine::Handle;
use serde_json::{Value, json};

use super::parameters::Groups;
use super::{Database, Restore};
use crate::common::{NetworkParts, ids};
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
        let subnets: Handle<DbSubnetGroup> = declare.make(
            "subnet_group",
            json!({
                "db_subnet_group_name": declare.name("database"),
                "db_subnet_group_description": "The database subnets",
                "subnet_ids": ids(&network.database),
            }),
        )?;
        let mut spec = json!({
            "db_cluster_identifier": declare.name("database"),
            "engine": "aurora-postgresql",
            "engine_version": self.version(),
            "port": self.port.0,
            "db_subnet_group_name": subnets.json(db_subnet_group::out::DB_SUBNET_GROUP_NAME),
            "db_cluster_parameter_group_name": groups.cluster.json(cluster_group::out::DB_CLUSTER_PARAMETER_GROUP_NAME),
            // A major upgrade gives it to all instances at once.
            "db_instance_parameter_group_name": groups.instance.json(db_parameter_group::out::DB_PARAMETER_GROUP_NAME),
            "vpc_security_group_ids": [group.json(security_group::out::GROUP_ID)],
            "storage_encrypted": true,
            "kms_key_id": key.json(key::out::ARN),
            "manage_master_user_password": true,
            // Users of the database that are given `rds_iam` need no password.
            "iam_database_authentication_enabled": true,
            "master_user_secret_kms_key_id": key.json(key::out::ARN),
            "enabled_cloudwatch_logs_exports": ["postgresql"],
            "backup_retention_period": self.backup.retention_days.as_ref().map_or(7, |days| days.value),
            "preferred_backup_window": self.backup.window.as_ref().map(|window| &window.value),
            "preferred_maintenance_window": self.maintenance_window.as_ref().map(|window| &window.value),
            "copy_tags_to_snapshot": true,
            "deletion_protection": declare.protects(),
        });
        if self.backup.final_snapshot.unwrap_or(!declare.ephemeral()) {
            spec["final_snapshot_identifier"] = declare.name("database-final").into();
        } else {
            spec["skip_final_snapshot"] = true.into();
        }
        if let Some(capacity) = &self.serverless {
            spec["serverless_v2_scaling_configuration"] =
                json!({"min_capacity": capacity.value.min, "max_capacity": capacity.value.max});
        }
        self.origin(&mut spec);
        // RDS would make the group of its logs itself, without an end and without a key.
        declare.make_after("cluster", spec, &[logs.address()])
    }

    /// The name of the database that a new cluster begins with.
    pub(super) fn initial_name(&self) -> Option<String> {
        let name = self.name.as_ref().map(|name| name.value.as_str());
        let new = self.backup.restore.is_none();
        new.then(|| name.unwrap_or("app").to_owned())
    }

    /// What the cluster is made from.
    fn origin(&self, spec: &mut Value) {
        match &self.backup.restore {
            None => {
                let user = self.user.as_ref().map(|user| user.value.as_str());
                spec["database_name"] = self.initial_name().into();
                spec["master_username"] = user.unwrap_or("platform").into();
            }
            Some(Restore::Snapshot(id)) => spec["snapshot_identifier"] = id.clone().into(),
            Some(Restore::PointInTime(moment)) => {
                spec["source_db_cluster_identifier"] = moment.cluster.clone().into();
                if let Some(time) = &moment.time {
                    spec["restore_to_time"] = time.clone().into();
                }
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
                cluster.json(db_cluster::out::ENDPOINT),
                "Where the database takes writes",
            ),
            (
                "reader-endpoint",
                cluster.json(db_cluster::out::READER_ENDPOINT),
                "Where the database takes reads",
            ),
            (
                "secret-arn",
                cluster.json(db_cluster::out::MASTER_USER_SECRET_ARN),
                "The secret of the master user",
            ),
        ];
        for (name, value, description) in values {
            declare.make::<Parameter>(
                &format!("parameter.{name}"),
                json!({
                    "name": format!("/{}/database/{name}", declare.stack()),
                    "type": "String",
                    "value": value,
                    "description": description,
                }),
            )?;
        }
        Ok(())
    }
}
