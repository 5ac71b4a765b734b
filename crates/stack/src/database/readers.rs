//! The instances: one that writes, and others that only read.

use platctl_aws::applicationautoscaling::scalable_target::{self, ScalableTarget};
use platctl_aws::applicationautoscaling::scaling_policy::ScalingPolicy;
use platctl_aws::iam::role::{self, Role};
use platctl_aws::kms::key::{self, Key};
use platctl_aws::rds::db_cluster::{self, DbCluster};
use platctl_aws::rds::db_instance::DbInstance;
use platctl_aws::rds::db_parameter_group;
use platctl_engine::{Address, Handle};
use serde_json::{Value, json};

use super::Database;
use super::parameters::Groups;
use crate::common::{NetworkParts, join};
use crate::declare::{Checked, Declare};

impl Database {
    /// The first instance of a cluster becomes its writer, so readers wait until the writer's creation was
    /// accepted. Each stands in the next zone.
    pub(super) fn instances(
        &self,
        network: &NetworkParts,
        cluster: &Handle<DbCluster>,
        groups: &Groups,
        key: &Handle<Key>,
        monitoring: Option<&Handle<Role>>,
        declare: &mut Declare<'_>,
    ) -> Checked<(Handle<DbInstance>, Vec<Handle<DbInstance>>)> {
        let base = self.instance(cluster, groups, key, monitoring);
        let zone = |number: usize| network.zones.get(number % network.zones.len().max(1));
        let mut spec = base.clone();
        spec["db_instance_identifier"] = declare.name("database-writer").into();
        spec["db_instance_class"] = self.writer_class().into();
        spec["promotion_tier"] = 0.into();
        spec["availability_zone"] = json!(zone(0));
        let writer: Handle<DbInstance> = declare.make("writer", spec)?;
        let mut readers = Vec::new();
        for number in 1..=self.reader_count() {
            let mut spec = base.clone();
            spec["db_instance_identifier"] =
                declare.name(&format!("database-reader-{number}")).into();
            spec["db_instance_class"] = self.reader_class().into();
            spec["promotion_tier"] = number.into();
            spec["availability_zone"] = json!(zone(usize::from(number)));
            let after: [&Address; 1] = [writer.address()];
            readers.push(declare.make_after(&format!("reader.{number}"), spec, &after)?);
        }
        Ok((writer, readers))
    }

    /// What writer and readers have in common.
    fn instance(
        &self,
        cluster: &Handle<DbCluster>,
        groups: &Groups,
        key: &Handle<Key>,
        monitoring: Option<&Handle<Role>>,
    ) -> Value {
        let insights = self.insights_days();
        let mut spec = json!({
            "db_cluster_identifier": cluster.json(db_cluster::out::DB_CLUSTER_IDENTIFIER),
            "engine": "aurora-postgresql",
            "db_parameter_group_name": groups.instance.json(db_parameter_group::out::DB_PARAMETER_GROUP_NAME),
            "publicly_accessible": false,
            "monitoring_interval": self.interval(),
            "performance_insights_enabled": insights > 0,
            // Each instance has a window of its own: it is the one in which AWS reboots or upgrades it.
            "preferred_maintenance_window": self.maintenance_window.as_ref().map(|window| &window.value),
        });
        if let Some(role) = monitoring {
            spec["monitoring_role_arn"] = role.json(role::out::ARN);
        }
        if insights > 0 {
            spec["performance_insights_kms_key_id"] = key.json(key::out::ARN);
            spec["performance_insights_retention_period"] = insights.into();
        }
        spec
    }

    /// Readers come and go by load. Those that AWS adds are its own; they are no part of the stack.
    pub(super) fn autoscale(
        &self,
        cluster: &Handle<DbCluster>,
        readers: &[Handle<DbInstance>],
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let Some(scale) = &self.readers.autoscale else {
            return Ok(());
        };
        let id = join([
            json!("cluster:"),
            cluster.json(db_cluster::out::DB_CLUSTER_IDENTIFIER),
        ]);
        // Scaling copies a reader, so there has to be one.
        let after: Vec<&Address> = readers.iter().map(Handle::address).collect();
        let target: Handle<ScalableTarget> = declare.make_after(
            "scaling_target",
            json!({
                "service_namespace": "rds",
                "resource_id": id,
                "scalable_dimension": "rds:cluster:ReadReplicaCount",
                "min_capacity": self.reader_count(),
                "max_capacity": scale.value.max,
            }),
            &after,
        )?;
        declare.make::<ScalingPolicy>(
            "scaling_policy",
            json!({
                "policy_name": declare.name("database-readers"),
                "service_namespace": "rds",
                "resource_id": target.json(scalable_target::out::RESOURCE_ID),
                "scalable_dimension": "rds:cluster:ReadReplicaCount",
                "target_tracking": {
                    "predefined_metric_type": "RDSReaderAverageCPUUtilization",
                    "target_value": f64::from(scale.value.cpu),
                },
            }),
        )?;
        Ok(())
    }
}
